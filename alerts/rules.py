"""The rules: what Prometheus alone can see. Every expression keeps `cluster`, a label of the scrape targets."""

from __future__ import annotations

from windsock.events import TASK_FAILED

from .delivery import DELIVERY
from .intake import INTAKE
from .monitors import MONITORS
from .objectives import BUDGETS, OBJECTIVES
from .panels import PANELS
from .promises import PROMISES
from .promql import CLUSTERS, DAY, HEARD, HOUR, TARGETS, TEAMS, growth, known, of_its_team, window
from .rule import Group, Record, Rule
from .shipping import SHIPPING

FAILURE_SHARE = 0.05
"""A DAG fails too often above this share of its tries …"""
FAILURE_VOLUME = 20
"""… where at least so many finished within the hour: one failure of three tries is an event, not a rate."""

RECONCILED_WITHIN = 300
"""Seconds after which a reconciler has missed several passes, at any sensible interval."""

_TOTALS = "cluster_instance_dag_id_state:airflow_ti_finish:sum"
_FINISHES = "cluster_dag_id_state:airflow_ti_finish:growth1h"
_LATELY = "cluster_dag_id:airflow_ti_finish_failed:growth15m"
_SENT = "cluster_instance_dag_id:windsock_callback_sent_task_failed:sum"
_NOTIFIED = "cluster_dag_id:windsock_callback_sent_task_failed:growth1h"

_FAILED = f'sum by (cluster, dag_id) ({_FINISHES}{{state="failed"}})'
_FAILED_TRIES = f'sum by (cluster, dag_id) ({_FINISHES}{{state=~"failed|up_for_retry"}})'
_TRIES = f"sum by (cluster, dag_id) ({_FINISHES})"

_RECONCILED = (
    f"max by (cluster) ({known('windsock_reconcile_last_pass_timestamp_seconds')}) > time() - {RECONCILED_WITHIN}"
)

_NAMED = (
    "(group by (cluster, dag_id, team) (airflow_db_dag_info)\n"
    "  or on (cluster, dag_id)\n"
    f"  group by (cluster, dag_id, team) ({known('airflow_db_dag_info', HOUR)}))"
)
"""The teams of a DAG, which the exporter reads in Airflow's database: as it says now, else as it said within the hour,
so that no restart changes the labels of what fires."""

_RECORDS = (
    HEARD,
    # Not airflow_ti_failures_total: without tags, as Airflow sends it by default, it does not say which DAG.
    # Summed before it is compared with a minute ago, not after: tasks are many, and all of an exporter restart at once.
    Record(
        _TOTALS,
        'sum by (cluster, instance, dag_id, state) (airflow_ti_finish_total{state=~"success|failed|up_for_retry"})',
    ),
    Record(_FINISHES, growth(_TOTALS, HOUR, "cluster, dag_id, state")),
    Record(_LATELY, growth(f'{_TOTALS}{{state=~"failed|up_for_retry"}}', 15, "cluster, dag_id")),
    Record(
        _SENT,
        f'sum by (cluster, instance, dag_id) (windsock_callback_sent_total{{alertname="{TASK_FAILED}"}})',
    ),
    Record(_NOTIFIED, growth(_SENT, HOUR, "cluster, dag_id")),
    # One row for each DAG that ends tasks, with its team where it is known and no two exporters name two.
    Record(
        TEAMS,
        f"{_NAMED}\nunless on (cluster, dag_id)\ncount by (cluster, dag_id) ({_NAMED}) > 1\n"
        f"or on (cluster, dag_id)\ngroup by (cluster, dag_id) ({_FINISHES})",
    ),
)


_HEARTBEAT = "airflow_scheduler_heartbeat_total"
_BEATS = known(_HEARTBEAT, DAY)
_QUIET = f"{_BEATS} == {known(_HEARTBEAT, DAY, 2)}"
"""What has been heard within a day, and stands where it stood two minutes ago."""
_STOPPED = "AirflowSchedulerHeartbeatStopped"
_RATE_HIGH = "AirflowFailureRateHigh"
_FIRES = known(f'ALERTS{{alertname="{_RATE_HIGH}", alertstate="firing"}}')

_AIRFLOW = (
    Rule(
        name=_STOPPED,
        # Silence is evidence where somebody listened. What fires goes on while nobody does, until a heartbeat arrives.
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
        description="The exporter has heard of a scheduler of {{ $labels.cluster }} before, but of none in the last two"
        " minutes: nothing new is started.",
    ),
    Rule(
        # Also what is left of a scheduler that died while the exporter was down: the counter is gone then.
        name="AirflowSchedulerHeartbeatAbsent",
        expr=f"{CLUSTERS}\nunless\ngroup by (cluster) ({_HEARTBEAT})",
        for_="5m",
        severity="critical",
        summary="The exporter has never heard of a scheduler of {{ $labels.cluster }}",
        description="Since its start the exporter of {{ $labels.cluster }} has had no heartbeat of a scheduler: none"
        " runs, or Airflow's StatsD does not reach the exporter.",
    ),
    Rule(
        name=_RATE_HIGH,
        # It begins with a failure: successes of a DAG that has recovered must not bring it to the volume that counts.
        expr=(
            of_its_team(f"{_FAILED_TRIES} / {_TRIES}")
            + f" > {FAILURE_SHARE}\nand on (cluster, dag_id)\n{_TRIES} >= {FAILURE_VOLUME}"
            + f"\nand on (cluster, dag_id)\n({_LATELY} > 0\n"
            f"  or group by (cluster, dag_id) ({_FIRES}))"
        ),
        for_="1m",
        severity="warning",
        by=("cluster", "dag_id", "team"),
        summary="{{ $value | humanizePercentage }} of the tries of {{ $labels.dag_id }} failed within an hour",
        description="Within an hour {{ $value | humanizePercentage }} of the finished tries of {{ $labels.dag_id }}"
        f" failed, those that are retried too; the limit is {FAILURE_SHARE:.0%} of at least {FAILURE_VOLUME} tries.",
    ),
    Rule(
        name="AirflowTaskFailuresUnnotified",
        # Where a reconciler works, it tells of what no callback told.
        expr=(of_its_team(f"{_FAILED} - ({_NOTIFIED} or {_FAILED} * 0)") + f" > 0\nunless on (cluster)\n{_RECONCILED}"),
        for_="3m",
        severity="warning",
        by=("cluster", "dag_id", "team"),
        summary="No callback told anyone of failures in {{ $labels.dag_id }}: {{ $value }} within an hour",
        description="More tasks ended as failed than callbacks reported: the tasks have no callback of windsock, or it"
        " could not deliver.",
    ),
)

_WINDSOCK = (
    Rule(
        # Down; gone from service discovery; or, where no exporter was ever scraped, known of no cluster at all.
        name="WindsockExporterDown",
        expr=(
            f"min by (cluster, instance) ({TARGETS}) == 0\n"
            f"or\n{CLUSTERS} unless group by (cluster) ({TARGETS})\n"
            f"or\nabsent({known(TARGETS, DAY)})"
        ),
        for_="1m",
        severity="critical",
        by=("cluster", "instance"),
        summary="Prometheus can't read windsock's exporter"
        "{{ with $labels.instance }} {{ . }}{{ end }}{{ with $labels.cluster }} of {{ . }}{{ end }}",
        description="What Airflow sends meanwhile is lost, and no rule that reads it can fire.",
    ),
    Rule(
        name="WindsockKernelDrops",
        expr=growth("windsock_kernel_drops_total", 15, "cluster, instance, listener") + " > 0",
        severity="warning",
        by=("cluster", "instance", "listener"),
        summary="Datagrams that the exporter of {{ $labels.cluster }} lost within 15 minutes: {{ $value }}",
        description="The receive buffer of {{ $labels.listener }} was full, and the kernel dropped them: counters are"
        " too low by what was in them.",
    ),
    Rule(
        name="WindsockDatabaseDown",
        # Of several exporters one leads and says so; those that follow say nothing.
        expr=f"max by (cluster) ({known('airflow_db_up')}) == 0",
        for_="5m",
        severity="warning",
        summary="The exporter can't read the metadata database of {{ $labels.cluster }}",
        description="What only the database knows is missing: killed tasks, late DAGs, the team of a DAG in other"
        " alerts. It does not answer, refuses the exporter's role, or is no Airflow's.",
    ),
    Rule(
        name="WindsockReconcilerStopped",
        # A pass counts for as long as the word that one is expected: while no exporter is there, another alert says so.
        expr=f"max by (cluster) ({known('windsock_reconcile_expected')}) == 1\nunless on (cluster)\n{_RECONCILED}",
        for_="5m",
        severity="warning",
        summary="No reconciler of {{ $labels.cluster }} has read the metadata database for minutes",
        description="Nobody is told of a killed task, and nothing is resolved that a later run makes good.",
    ),
    Rule(
        name="WindsockReconcileWindowTooShort",
        expr=f"max by (cluster) ({known('windsock_reconcile_gap_seconds')}) > 0",
        severity="warning",
        summary="Nobody looked for failures of {{ $labels.cluster }} for {{ $value | humanizeDuration }}",
        description="The reconciler was away for longer than reconcile.window: a failure of that time which no callback"
        " reported was told to nobody.",
    ),
    Rule(
        name="Watchdog",
        expr="vector(1)",
        severity="info",
        by=(),
        summary="Prometheus evaluates rules and reaches Alertmanager",
        description="Always firing: when it stops to arrive, alerts have stopped to arrive.",
    ),
)

GROUPS = (
    Group("airflow", _AIRFLOW, _RECORDS),
    PROMISES,
    OBJECTIVES,
    BUDGETS,
    SHIPPING,
    INTAKE,
    DELIVERY,
    MONITORS,
    Group("windsock", _WINDSOCK),
    PANELS,
)
RULES = tuple(rule for group in GROUPS for rule in group.rules)
