"""Rules about executors and pools: tasks that are ready and don't run."""

from __future__ import annotations

from .limit import Limit
from .promql import DAG, EVERY, SLOWLY, by_dag, grown, growth, known, step, window
from .record import Record
from .rule import Group, Rule

_OLDEST = "airflow_db_task_instance_oldest_age_seconds"
_FULL_FOR = 600
"""Seconds that a task has waited when an executor without a free slot is more than busy."""
_QUEUED = known(f'{_OLDEST}{{state="queued"}}')
_SCHEDULED = known(f'{_OLDEST}{{state="scheduled"}}')
_AT_WORK = known('airflow_db_task_instances{state=~"queued|running"}')
_KILLED = "cluster:airflow_killed_tasks:growth1m"
_KILLS = {
    "externally": "airflow_scheduler_tasks_killed_externally_total",
    "heartbeat": "airflow_task_instances_without_heartbeats_killed_total",
    "zombie": "airflow_zombies_killed_total",
}
"""Why, and who counts it, by task; the last is Airflow 2's name of the one before. Recorded is how much each grows: a
sum falls where a DAG is deleted, and would be taken for a counter that begins anew."""


def _which(state: str) -> str:
    """A template: the DAG with the oldest task in that state."""
    last = f'last_over_time({_OLDEST}{{cluster=%q,state=\\"{state}\\"}}[{window(5)}])'
    query = f'printf "topk(1, max by (dag_id) ({last}))" $labels.cluster | query'
    return f'{{{{ range {query} }}}}: one of {{{{ label "dag_id" . }}}}{{{{ end }}}}'


CAPACITY = Group(
    "airflow-capacity",
    (
        Rule(
            name="AirflowTasksStuckQueued",
            # Airflow puts back what has been queued for ten minutes ([scheduler] task_queued_timeout): it must be
            # below, and goes on where the same task is queued anew.
            limit=Limit(
                of=f"max by (cluster) ({_QUEUED})",
                sign=">",
                threshold=360,
                unit="seconds",
            ),
            for_="2m",
            keep="10m",
            severity="warning",
            summary="A task of {{ $labels.cluster }} has been queued for {{ $value | humanizeDuration }}"
            + _which("queued"),
            description="It has its slot in the pool, and no worker takes it.",
        ),
        Rule(
            name="AirflowPoolStarving",
            limit=Limit(
                of=f"max by (cluster, pool_name) ({known('airflow_db_pool_oldest_wait_seconds')})",
                sign=">",
                threshold=3600,
                unit="seconds",
                also="and on (cluster, pool_name)\n"
                f"max by (cluster, pool_name) ({known('airflow_db_pool_open_slots')}) <= 0",
            ),
            for_="5m",
            severity="warning",
            by=("cluster", "pool_name"),
            summary="A task has waited {{ $value | humanizeDuration }} for a slot of {{ $labels.pool_name }}",
            description="The pool {{ $labels.pool_name }} of {{ $labels.cluster }} has no free slot.",
        ),
        Rule(
            name="AirflowExecutorFull",
            limit=Limit(
                of=f"max by (cluster) ({known('airflow_executor_open_slots')})",
                sign="<=",
                threshold=0,
                also=f"and on (cluster)\nmax by (cluster) ({_SCHEDULED}) > {_FULL_FOR}",
            ),
            for_="10m",
            severity="warning",
            summary="The executor of {{ $labels.cluster }} has had no free slot for minutes, and tasks wait",
            description="As many tasks run as [core] parallelism lets, and others have been ready for ten minutes.",
        ),
        Rule(
            name="AirflowTasksKilled",
            limit=Limit(of=grown(_KILLED, 15, "cluster"), sign=">=", threshold=5),
            severity="warning",
            summary="Tasks of {{ $labels.cluster }} that died without a word within 15 minutes: {{ $value }}",
            description="Their processes were killed or their workers are gone: no one of them said how it ended.",
        ),
        Rule(
            name="AirflowTasksOrphaned",
            # A scheduler that is started anew finds some of its own.
            limit=Limit(
                of=growth("airflow_scheduler_orphaned_tasks_cleared_total", 15, "cluster"), sign=">=", threshold=15
            ),
            severity="warning",
            summary="Tasks of {{ $labels.cluster }} whose scheduler was gone within 15 minutes: {{ $value }}",
            description="The scheduler that had them has died, and another one has put them back: what they had done is"
            " lost.",
        ),
    ),
    tuple(
        Record(_KILLED, f"sum by (cluster) ({step(counter)})", {"reason": reason}) for reason, counter in _KILLS.items()
    ),
    interval=EVERY,
)

READY = Group(
    "airflow-ready",
    (
        Rule(
            name="AirflowTasksNotStarting",
            limit=Limit(
                of=by_dag("airflow_db_dag_ready_oldest_age_seconds"),
                sign=">",
                threshold=1800,
                unit="seconds",
                also=f"unless on (cluster, dag_id)\ngroup by (cluster, dag_id) ({_AT_WORK})",
            ),
            for_="5m",
            severity="warning",
            by=DAG,
            summary="A task of {{ $labels.dag_id }} has been ready for {{ $value | humanizeDuration }} and does not"
            " start",
            description="Its pool has free slots, and no other task of the DAG is queued or running that it could wait"
            " for.",
        ),
    ),
    interval=SLOWLY,
)
