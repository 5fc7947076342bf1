"""What Airflow's versions say in different ways, or not at all, as one expression.

The metadata database knows it for every version, also of tasks that died without a word; where it is not read, what
StatsD sends stands in. `by` names labels, "cluster" among them: each cluster is answered by what there is for it.
"""

from __future__ import annotations

from .queries import Query, first

SCHEDULER, PROCESSOR, TRIGGERER = "SchedulerJob", "DagProcessorJob", "TriggererJob"
BEATS_WITHIN = 60
"""Seconds: components beat every five, and the database is read every fifteen."""
COMPONENTS = {"scheduler": SCHEDULER, "DAG processor": PROCESSOR, "triggerer": TRIGGERER}
LATE = 300
"""Seconds after which a run that is due and does not exist is late."""
STUCK = 600
"""Seconds in which an executor takes what is queued, or something is wrong with it."""
_STATSD_BEATS = {
    SCHEDULER: "airflow_scheduler_heartbeat_total",
    PROCESSOR: "airflow_dag_processor_heartbeat_total",
    TRIGGERER: "airflow_triggerer_heartbeat_total",
}
FIRING = 'alertstate="firing",alertname!="Watchdog"'
ROWS = 20
"""Of a table, or lines of a graph at most: more are not read."""


def alive(job_type: str) -> str:
    """1 where the component of some host beats, 0 where it has stopped, by cluster."""
    return first(
        f'min by (cluster) (airflow_db_heartbeat_age_seconds{{job_type="{job_type}"}}) < bool {BEATS_WITHIN}',
        f"sum by (cluster) (rate({_STATSD_BEATS[job_type]}[$__rate_interval])) > bool 0",
    )


ENDED = ("airflow_db_task_instances_finished_total", "airflow_dag_tries_finished_total")
"""Task instances by DAG and how they ended. The second one is what the exporter adds up of
`airflow_ti_finish_total`, which has a series for each task."""


def finished(state: str, by: str, over: str = "increase", window: str = "$__range") -> str:
    """Task instances that ended in `state`."""
    return first(*(f'sum by ({by}) ({over}({counter}{{state="{state}"}}[{window}]))' for counter in ENDED))


def runs(state: str, by: str, over: str = "increase", window: str = "$__range") -> str:
    """Runs that ended as `state`: success or failed."""
    return first(
        f'sum by ({by}) ({over}(airflow_db_dag_runs_finished_total{{state="{state}"}}[{window}]))',
        f"sum by ({by}) ({over}(airflow_dagrun_duration_{state}_seconds_count[{window}]))",
    )


def none_is_zero(count: str) -> str:
    """A count of DAGs: 0 where the database is read and none is found, silent where it is not read."""
    return f"{count} or 0 * count(airflow_db_dag_paused)"


def worst(expr: str, by: str = "cluster, dag_id", rows: int = ROWS) -> str:
    """The largest values of a gauge from the database, whichever exporter read it."""
    return f"topk({rows}, max by ({by}) ({expr}))"


def quantile(q: float, *buckets: str, by: str = "", window: str = "$__rate_interval") -> str:
    """A quantile of the first histogram that there is, of each series of `by`."""
    over = "increase" if window == "$__range" else "rate"
    labels = f"{by}, le" if by else "le"
    return first(*(f"histogram_quantile({q}, sum by ({labels}) ({over}({bucket}[{window}])))" for bucket in buckets))


def quantiles(*buckets: str, prefix: str = "") -> list[Query]:
    """Median and 95th percentile over time."""
    return [Query(quantile(q, *buckets), f"{prefix}p{q * 100:g}") for q in (0.5, 0.95)]
