"""What dashboards would have to add up anew at each look: histograms by DAG, or by task, of a whole Airflow.

Counters of one exporter may be added before their growth is asked for: all of them begin anew at once. Each rule is
one sum of its series a minute: for 500 DAGs with 20 tasks 170,000 buckets by task, 8,500 by DAG.
"""

from __future__ import annotations

from .record import Record
from .rule import Group


def _added(histogram: str, *more: str) -> Record:
    labels = ("cluster", "instance", *more, "le")
    bucket = f"{histogram}_bucket"
    return Record(f"{'_'.join(labels)}:{bucket}:sum", f"sum by ({', '.join(labels)}) ({bucket})")


PANELS = Group(
    "panels",
    (),
    (
        _added("airflow_task_scheduled_duration_seconds", "queue"),
        _added("airflow_task_queued_duration_seconds", "queue"),
        _added("airflow_db_task_instance_queue_wait_seconds"),
        _added("airflow_dagrun_dependency_check_seconds"),
    ),
)
