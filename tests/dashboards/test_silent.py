"""Why a query is empty on a real Airflow; that each one finds something in an incident test_prometheus.py shows."""

from __future__ import annotations

import re

import pytest

from windsock.airflow.versions import NEWEST
from windsock.dashboards import promql, silent, targets

READ = "stands in for the database where that is not read"


@pytest.fixture(scope="module")
def read(boards):
    """The names that queries read, by board and place."""
    return {
        (name, str(target)): promql.names(targets.filled(target, targets.values(board), 3600))
        for name, board in boards.items()
        for target in targets.targets(board)
    }


def test_every_reason_is_one_of_a_query(read):
    names = {name for found in read.values() for name in found}
    assert [pattern for pattern in silent.REASONS if not any(re.fullmatch(pattern, name) for name in names)] == []


@pytest.mark.parametrize(
    ("version", "expr", "reason"),
    [
        (NEWEST, "sum(airflow_ti_finish_total)", ""),
        ("3.1.3", "sum(airflow_ti_finish_total)", "Airflow 3.1.3 does not send `ti.finish`"),
        (
            "3.1.3",
            "sum(cluster_instance_dag_id_state:airflow_ti_finish:sum)",
            "Airflow 3.1.3 does not send `ti.finish`",
        ),
        (NEWEST, "sum(rate(airflow_celery_task_timeout_error_total[1m]))", "another executor"),
        (NEWEST, 'up unless on (cluster) max by (cluster) (airflow_db_up{cluster=~".*"}) == 1', READ),
        # One source of two that has something is enough.
        (NEWEST, "sum(up) or sum(airflow_edge_worker_connected)", ""),
        (NEWEST, "airflow_db_up == 0 or windsock_log_up", ""),
        (NEWEST, '{__name__="airflow_custom_rows_total"}', "no task sends metrics of its own"),
    ],
)
def test_why(version, expr, reason):
    assert silent.why(version, expr) == reason
