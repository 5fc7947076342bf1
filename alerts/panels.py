"""What dashboards would have to add up anew at each look: a histogram by DAG of a whole Airflow.

Counters of one exporter may be added before their growth is asked for: all of them begin anew at once. For 500 DAGs it
is 8,500 buckets. What is by task the exporter itself adds up (`catalog.SUMMED`).
"""

from __future__ import annotations

from .record import Record
from .rule import Group

_BUCKET = "airflow_db_task_instance_queue_wait_seconds_bucket"

PANELS = Group(
    "panels",
    (),
    (Record(f"cluster_instance_le:{_BUCKET}:sum", f"sum by (cluster, instance, le) ({_BUCKET})"),),
    interval="30s",
)
"""A line has a point a minute and looks back little more: that must hold two of them, else there is no growth."""
