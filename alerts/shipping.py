"""Rules about the way of a log line, from what `windsock logs watch` says beside each Filebeat."""

from __future__ import annotations

from .promql import LOGS_JOB, growth, risen
from .rule import Group, Rule

LATE = 30
"""Seconds; a line takes three at most."""

SHIPPING = Group(
    "windsock-logs",
    (
        Rule(
            name="WindsockLogsLate",
            expr=f"max by (cluster, instance) (windsock_log_canary_latency_seconds) > {LATE}",
            for_="2m",
            # A watcher that starts anew says first how long its own canary has waited: little, whatever goes wrong.
            keep="5m",
            severity="warning",
            by=("cluster", "instance"),
            summary="Log lines of {{ $labels.instance }} take {{ $value | humanizeDuration }} to Elasticsearch",
            description="Filebeat or Elasticsearch of {{ $labels.cluster }} is down, or can't keep up. Nothing is lost"
            " while the files are there; Airflow's pages show the files.",
        ),
        Rule(
            name="WindsockLogsUnwatched",
            expr=f'min by (cluster, instance) (up{{job="{LOGS_JOB}"}}) == 0\nor\n'
            + growth('windsock_log_canaries_total{outcome="unwritten"}', 15, "cluster, instance")
            + " > 0",
            for_="2m",
            severity="warning",
            by=("cluster", "instance"),
            summary="Nobody watches whether the log lines of {{ $labels.instance }} arrive",
            description="`windsock logs watch` is down there, or can't write its canary. Lines may well arrive.",
        ),
        Rule(
            name="WindsockLogsRejected",
            # Watchers beside several Filebeats see the same index.
            expr=f"max by (cluster) ({risen('windsock_log_rejected_lines', 15)}) > 0",
            severity="warning",
            summary="Elasticsearch rejected lines of {{ $labels.cluster }}: {{ $value }} within 15 minutes",
            description="They are in the index of rejected lines, each with the reason, and not in the log.",
        ),
    ),
)
