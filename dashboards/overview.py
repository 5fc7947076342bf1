"""The overview: what an on-call looks at first, from "is it alive" down to windsock itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links

from .alive import alive_panels
from .board import Row, board, outside, variable
from .capacity import capacity_panels
from .failures import failure_panels
from .latency import latency_panels
from .own import own_panels

if TYPE_CHECKING:
    from windsock.settings import Settings


def overview(settings: Settings) -> str:
    """Return the JSON of the overview; links into Airflow appear where `links.airflow` is set."""
    return board(
        uid=links.OVERVIEW_UID,
        title="Airflow overview",
        description="Is Airflow alive, what fails, what is late, what is full: the first page for whoever is on call.",
        variables=[
            variable("cluster", "Cluster", 'label_values(up{job="windsock"}, cluster)'),
            # Every supported Airflow sends this one for each DAG that has runs, whatever its outcome.
            variable(
                "dag_id",
                "DAG",
                'label_values(airflow_dagrun_dependency_check_seconds_count{cluster=~"$cluster"}, dag_id)',
            ),
        ],
        rows=[
            Row("Is it alive", alive_panels()),
            Row("Failures", failure_panels(settings.links)),
            Row("Latency", latency_panels(settings.links)),
            Row("Capacity", capacity_panels()),
            Row("windsock itself", own_panels()),
        ],
        links=outside({"Airflow": settings.links.airflow, "Runbooks": links.runbooks(settings.links)}),
    )
