"""Rules about the way of a log line, from what `windsock logs watch` says beside each Filebeat."""

from __future__ import annotations

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
            severity="warning",
            by=("cluster", "instance"),
            summary="Log lines of {{ $labels.instance }} take {{ $value | humanizeDuration }} to Elasticsearch",
            description="Filebeat or Elasticsearch of {{ $labels.cluster }} is down, or can't keep up. Nothing is lost"
            " while the files are there; Airflow's pages show the files.",
        ),
        Rule(
            name="WindsockLogsUnwatched",
            expr='min by (cluster, instance) (up{job="windsock-logs"}) == 0\nor\n'
            'max by (cluster, instance) (increase(windsock_log_canaries_total{outcome="unwritten"}[15m])) > 0',
            for_="2m",
            severity="warning",
            by=("cluster", "instance"),
            summary="Nobody watches whether the log lines of {{ $labels.instance }} arrive",
            description="`windsock logs watch` is down there, or can't write its canary. Lines may well arrive.",
        ),
        Rule(
            name="WindsockLogsRejected",
            # Watchers beside several Filebeats see the same index.
            expr="max by (cluster) (delta(windsock_log_rejected_lines[15m])) > 0",
            severity="warning",
            summary="Elasticsearch rejected lines of {{ $labels.cluster }}: {{ $value | humanize }} within 15 minutes",
            description="They are in the index of rejected lines, each with the reason, and not in the log.",
        ),
    ),
)
