"""Rules about the schedulers, and about runs that should be there: nothing new starts without either."""

from __future__ import annotations

from .limit import Limit
from .promql import CLUSTERS, DAG, DAY, SLOWLY, TARGETS, by_dag, growth, known, window
from .record import Record
from .rule import Group, Rule

AGE = "airflow_db_heartbeat_age_seconds"

_HEARTBEAT = "airflow_scheduler_heartbeat_total"
_BEATS = known(_HEARTBEAT, DAY)
_QUIET = f"{_BEATS} == {known(_HEARTBEAT, DAY, 2)}"
"""What has been heard within a day, and stands where it stood two minutes ago."""
_UNREADABLE = 'printf "max by (cluster) (airflow_db_up{cluster=%q}) == 0" $labels.cluster | query'
_STOPPED = "AirflowSchedulerHeartbeatStopped"

ALIVE_WITHIN = 180
"""Seconds: a component says that it lives every five; Airflow's own health check gives it 30."""
_ALIVE = "cluster_job_type:airflow_db_heartbeat:alive"


def _mean(timer: str) -> str:
    """Return what it took on average in the last 15 minutes, in each cluster."""
    name = f"airflow_scheduler_{timer}_duration_seconds"
    return f"{growth(f'{name}_sum', 15, 'cluster')}\n/\n{growth(f'{name}_count', 15, 'cluster')}"


def newest(job_type: str) -> str:
    """Return the age of the newest heartbeat of a kind of component in each cluster."""
    beats = f'{AGE}{{job_type="{job_type}"}}'
    return f"min by (cluster) ({known(beats)})"


_RUNS = f"group by (cluster, dag_id) ({known('airflow_db_dag_runs')})"
_RUNNING = known('airflow_db_dag_runs{state="running"}')

SCHEDULING = Group(
    "airflow-scheduling",
    (
        Rule(
            name=_STOPPED,
            # Silence is evidence where somebody listened. What fires goes on while nobody does, until one arrives.
            expr=(
                "group by (cluster) (\n"
                f"  {_QUIET}\n"
                f"    and on (cluster, instance) min_over_time({TARGETS}[{window(2)}]) == 1\n"
                f"  or {_BEATS}\n"
                f'    and on (cluster) ALERTS{{alertname="{_STOPPED}",alertstate="firing"}}\n'
                ")\nunless\ngroup by (cluster) (\n"
                f"  {_BEATS}\n"
                f"    unless {_QUIET}\n"
                ")"
            ),
            for_="1m",
            severity="critical",
            summary="No scheduler of {{ $labels.cluster }} has a heartbeat",
            description="The exporter has heard of a scheduler of {{ $labels.cluster }} before, but of none in the last"
            " two minutes: nothing new is started."
            f"{{{{ range {_UNREADABLE} }}}} The metadata database can't be read either: begin there.{{{{ end }}}}",
        ),
        Rule(
            # Also what is left of a scheduler that died while the exporter was down: the counter is gone then.
            name="AirflowSchedulerHeartbeatAbsent",
            expr=f"{CLUSTERS}\nunless\ngroup by (cluster) ({_HEARTBEAT})",
            for_="5m",
            severity="critical",
            summary="The exporter has never heard of a scheduler of {{ $labels.cluster }}",
            description="Since its start the exporter of {{ $labels.cluster }} has had no heartbeat of a scheduler:"
            " none runs, or Airflow's StatsD does not reach the exporter.",
        ),
        Rule(
            name="AirflowComponentLost",
            # Not replaced: fewer live than in half of the last day. While none lives, another alert says so.
            limit=Limit(
                of=f"max by (cluster, job_type, hostname) ({known(AGE)})",
                sign=">",
                threshold=ALIVE_WITHIN,
                unit="seconds",
                also=f"and on (cluster, job_type)\n{_ALIVE} < quantile_over_time(0.5, {_ALIVE}[{window(DAY)}])\n"
                f"and on (cluster, job_type)\n{_ALIVE} > 0",
            ),
            for_="5m",
            severity="warning",
            by=("cluster", "job_type", "hostname"),
            summary="{{ $labels.job_type }} on {{ $labels.hostname }} has died, and nothing has taken its place",
            description="Its last heartbeat was {{ $value | humanizeDuration }} ago and it did not end properly; others"
            " of its kind in {{ $labels.cluster }} go on.",
        ),
        Rule(
            name="AirflowSchedulerLoopSlow",
            limit=Limit(of=_mean("scheduler_loop"), sign=">", threshold=10, unit="seconds"),
            for_="5m",
            severity="warning",
            summary="A pass of the scheduler of {{ $labels.cluster }} takes {{ $value | humanizeDuration }}",
            description="That is the mean of the last 15 minutes. Each task waits for such a pass to be queued and to"
            " be told done, and after 30 s the scheduler counts as dead.",
        ),
        Rule(
            name="AirflowCriticalSectionSlow",
            limit=Limit(of=_mean("critical_section"), sign=">", threshold=5, unit="seconds"),
            for_="5m",
            severity="warning",
            summary="A scheduler of {{ $labels.cluster }} needs {{ $value | humanizeDuration }} to hand out tasks",
            description="That is the mean of the last 15 minutes. It holds the pools' rows of the database for so long,"
            " and only one scheduler at a time can: more of them do not help.",
        ),
    ),
    (
        Record(
            _ALIVE,
            f"count by (cluster, job_type) (max by (cluster, job_type, hostname) ({known(AGE)}) <= {ALIVE_WITHIN})\n"
            f"or on (cluster, job_type)\n0 * group by (cluster, job_type) ({known(AGE)})",
        ),
    ),
)

RUNS = Group(
    "airflow-runs",
    (
        Rule(
            name="AirflowDagScheduleMissed",
            # Where one is active it may be that the next has to wait for it.
            limit=Limit(
                of=by_dag("airflow_db_dag_schedule_lag_seconds"),
                sign=">",
                threshold=900,
                unit="seconds",
                also=f"unless on (cluster, dag_id)\n{_RUNS}",
            ),
            for_="5m",
            severity="warning",
            by=DAG,
            summary="{{ $labels.dag_id }} should have begun a run {{ $value | humanizeDuration }} ago",
            description="It is not paused, none of its runs is active, and its schedule makes none.",
        ),
        Rule(
            name="AirflowDagRunNotStarting",
            limit=Limit(
                of=by_dag('airflow_db_dag_run_oldest_age_seconds{state="queued"}'),
                sign=">",
                threshold=900,
                unit="seconds",
                also=f"unless on (cluster, dag_id)\ngroup by (cluster, dag_id) ({_RUNNING})\n"
                f"unless on (cluster, dag_id)\n{by_dag('airflow_db_dag_paused')} == 1",
            ),
            for_="5m",
            severity="warning",
            by=DAG,
            summary="A run of {{ $labels.dag_id }} has been queued for {{ $value | humanizeDuration }}",
            description="No run of the DAG is running that it could wait for, and the DAG is not paused.",
        ),
    ),
    interval=SLOWLY,
)
