"""Rules about who watches: Prometheus and Alertmanager, where they are scraped themselves.

Prometheus 2.42 and 3.16, Alertmanager 0.25 and 0.35 have these metrics; newer ones have more
labels, which are summed up here.
"""

from __future__ import annotations

from .limit import Limit
from .promql import growth, known
from .rule import Group, Rule

_INSTANCE = ("cluster", "instance")
_BY_INTEGRATION = "cluster, instance, integration"
_FAILED = growth("alertmanager_notifications_failed_total", 15, _BY_INTEGRATION)
_TRIED = growth("alertmanager_notifications_total", 15, _BY_INTEGRATION)
_TOOK = known("prometheus_rule_group_last_duration_seconds")
_INTERVAL = known("prometheus_rule_group_interval_seconds")

# What Prometheus drops is counted once in version 2, where all refuse it, and for each of them in version 3. What fires
# is sent again each minute, and the watchdog always fires.
_REFUSING = growth("prometheus_notifications_errors_total", 3, "cluster, instance, alertmanager")
_PEERS = f"max by (cluster, instance) ({known('prometheus_notifications_alertmanagers_discovered')})"

MONITORS = Group(
    "windsock-monitors",
    (
        Rule(
            name="WindsockNotificationsFailing",
            limit=Limit(
                of=f"{_FAILED}\n  / on ({_BY_INTEGRATION}) {_TRIED}",
                sign=">",
                # A platform that is short of time refuses one now and then, and Alertmanager tries again.
                threshold=0.1,
                unit="share",
            ),
            for_="1m",
            severity="critical",
            by=(*_INSTANCE, "integration"),
            summary="{{ $value | humanizePercentage }} of what Alertmanager tells by {{ $labels.integration }} does not"
            " arrive",
            description="Within 15 minutes so many notifications of {{ $labels.instance }} failed, after all their"
            " tries: whoever hears of alerts that way alone does not hear of them.",
        ),
        Rule(
            name="WindsockAlertmanagerUnreachable",
            expr=f"count by (cluster, instance) ({_REFUSING} > 0)\n  >= on (cluster, instance) {_PEERS}\n"
            f"or\n{_PEERS} < 1",
            # Longer than peers take that are started anew one after the other.
            for_="3m",
            severity="critical",
            by=_INSTANCE,
            summary="Prometheus {{ $labels.instance }} can't tell any Alertmanager of its alerts",
            description="It knows none, or none has taken what it sent for minutes. That you read this is another"
            " one's doing.",
        ),
        Rule(
            name="WindsockRulesSlow",
            expr=f"max by (cluster, instance, rule_group) ({_TOOK})\n"
            f"  > on (cluster, instance, rule_group) max by (cluster, instance, rule_group) ({_INTERVAL})",
            for_="5m",
            severity="warning",
            by=(*_INSTANCE, "rule_group"),
            summary="Prometheus {{ $labels.instance }} takes {{ $value | humanizeDuration }} for rules, longer than its"
            " interval",
            description="{{ $labels.rule_group }}: evaluations are left out, and what the rules say is late.",
        ),
        Rule(
            name="WindsockRulesFailing",
            expr=growth("prometheus_rule_evaluation_failures_total", 15, "cluster, instance, rule_group") + " > 0",
            for_="1m",
            severity="warning",
            by=(*_INSTANCE, "rule_group"),
            summary="Prometheus {{ $labels.instance }} can't evaluate a rule: {{ $value }} times within 15 minutes",
            description="{{ $labels.rule_group }}: its page /rules shows which one, and the error. Until it can, the"
            " alert does not exist.",
        ),
    ),
)
