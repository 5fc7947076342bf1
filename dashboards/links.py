"""Where a click leads: to this dashboard with one DAG, and into Airflow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock.links import OVERVIEW_UID

from .panels import Json, link

if TYPE_CHECKING:
    from windsock.settings import Links


def dag_links(base: Links, dag: str) -> list[Json]:
    """Return the links of a series or a cell; `dag` is Grafana's expression for the DAG id, encoded for a URL."""
    here = (
        f"/d/{OVERVIEW_UID}?var-dag_id={dag}&${{cluster:queryparam}}&${{datasource:queryparam}}&${{__url_time_range}}"
    )
    links = [link("This DAG alone", here)]
    if base.airflow:
        links.append(link("Open in Airflow", f"{base.airflow}/dags/{dag}", new_tab=True))
    return links
