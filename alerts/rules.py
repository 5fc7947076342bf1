"""The rules: what Prometheus alone can see. Every expression keeps `cluster`, a label of the scrape targets."""

from __future__ import annotations

from windsock.events import TASK_FAILED

from .promql import CLUSTERS, TARGETS, growth
from .rule import Group, Record, Rule
from .shipping import SHIPPING

FAILURE_SHARE = 0.05
"""A DAG fails too often above this share of its tries …"""
FAILURE_VOLUME = 20
"""… where at least so many finished within the hour: one failure of three tries is an event, not a rate."""

RECONCILED_WITHIN = 300
"""Seconds after which a reconciler has missed several passes, at any sensible interval."""

_TRIES = "cluster_dag_id_outcome:airflow_tries:growth1h"
_FAILED = "cluster_dag_id:airflow_ti_finish_failed:growth1h"
_NOTIFIED = "cluster_dag_id:windsock_callback_sent_task_failed:growth1h"

_RECONCILED = f"max by (cluster) (windsock_reconcile_last_pass_timestamp_seconds) > time() - {RECONCILED_WITHIN}"

_RECORDS = (
    *(
        Record(_TRIES, growth(counter, "1h", "cluster, dag_id"), {"outcome": outcome})
        for outcome, counter in (("failed", "airflow_ti_failures_total"), ("success", "airflow_ti_successes_total"))
    ),
    *(
        Record(name, growth(counter, "1h", "cluster, dag_id"))
        for name, counter in (
            (_FAILED, 'airflow_ti_finish_total{state="failed"}'),
            (_NOTIFIED, f'windsock_callback_sent_total{{alertname="{TASK_FAILED}"}}'),
        )
    ),
)

_AIRFLOW = (
    Rule(
        name="AirflowSchedulerHeartbeatStopped",
        expr="sum by (cluster) (increase(airflow_scheduler_heartbeat_total[2m])) == 0",
        for_="1m",
        severity="critical",
        summary="No scheduler of {{ $labels.cluster }} has a heartbeat",
        description="The exporter has heard of a scheduler of {{ $labels.cluster }} before, but of none in the last two"
        " minutes: nothing new is started.",
    ),
    Rule(
        # Also what is left of a scheduler that died while the exporter was down: the counter is gone then.
        name="AirflowSchedulerHeartbeatAbsent",
        expr=f"{CLUSTERS}\nunless\ngroup by (cluster) (airflow_scheduler_heartbeat_total)",
        for_="5m",
        severity="critical",
        summary="The exporter has never heard of a scheduler of {{ $labels.cluster }}",
        description="Since its start the exporter of {{ $labels.cluster }} has had no heartbeat of a scheduler: none"
        " runs, or Airflow's StatsD does not reach the exporter.",
    ),
    Rule(
        name="AirflowFailureRateHigh",
        expr=(
            f'sum by (cluster, dag_id) ({_TRIES}{{outcome="failed"}})\n'
            f"  / sum by (cluster, dag_id) ({_TRIES}) > {FAILURE_SHARE}\n"
            f"and\nsum by (cluster, dag_id) ({_TRIES}) >= {FAILURE_VOLUME}"
        ),
        for_="1m",
        severity="warning",
        by=("cluster", "dag_id"),
        summary="{{ $value | humanizePercentage }} of the tries of {{ $labels.dag_id }} fail",
        description="Within an hour {{ $value | humanizePercentage }} of the finished tries of {{ $labels.dag_id }}"
        f" failed, those that are retried too; the limit is {FAILURE_SHARE:.0%} of at least {FAILURE_VOLUME} tries.",
    ),
    Rule(
        name="AirflowTaskFailuresUnnotified",
        # Where a reconciler works, it tells of what no callback told.
        expr=f"{_FAILED} - ({_NOTIFIED} or {_FAILED} * 0) > 0\nunless on (cluster)\n{_RECONCILED}",
        for_="3m",
        severity="warning",
        by=("cluster", "dag_id"),
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
            f"or\nabsent(last_over_time({TARGETS}[1d]))"
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
        expr=growth("windsock_kernel_drops_total", "15m", "cluster, instance, listener") + " > 0",
        severity="warning",
        by=("cluster", "instance", "listener"),
        summary="Datagrams that the exporter of {{ $labels.cluster }} lost within 15 minutes: {{ $value }}",
        description="The receive buffer of {{ $labels.listener }} was full, and the kernel dropped them: counters are"
        " too low by what was in them.",
    ),
    Rule(
        name="WindsockReconcilerStopped",
        expr=f"max by (cluster) (windsock_reconcile_expected) == 1\nunless on (cluster)\n{_RECONCILED}",
        for_="5m",
        severity="warning",
        summary="No reconciler of {{ $labels.cluster }} has read the metadata database for minutes",
        description="Nobody is told of a killed task, and nothing is resolved that a later run makes good.",
    ),
    Rule(
        name="WindsockReconcileWindowTooShort",
        expr="max by (cluster) (windsock_reconcile_gap_seconds) > 0",
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

GROUPS = (Group("airflow", _AIRFLOW, _RECORDS), SHIPPING, Group("windsock", _WINDSOCK))
RULES = tuple(rule for group in GROUPS for rule in group.rules)
