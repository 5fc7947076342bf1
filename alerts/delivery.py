"""Rules about messages on their way from callbacks: what waits, what nobody will get, DAGs without callbacks."""

from __future__ import annotations

from .promql import HOUR, growth
from .rule import Group, Rule

_WAITS = growth("windsock_channel_spooled_total", 15, "cluster, channel")
_TAKEN = growth("windsock_channel_sent_total", 15, "cluster, channel")

DELIVERY = Group(
    "windsock-callbacks",
    (
        Rule(
            name="WindsockSpoolGrows",
            expr=f"{_WAITS}\n  - ({_TAKEN}\n  or {_WAITS} * 0) > 0",
            for_="5m",
            severity="warning",
            # Not by team: its channel may be what does not work.
            by=("cluster", "channel"),
            summary="{{ $labels.channel }} takes fewer messages of {{ $labels.cluster }} than go into the spool",
            description="Within 15 minutes {{ $value }} more were put off than delivered. They are tried again, and"
            " told late.",
        ),
        Rule(
            name="WindsockMessagesDead",
            expr=growth("windsock_channel_dead_total", HOUR, "cluster, channel, reason") + " > 0",
            severity="warning",
            by=("cluster", "channel", "reason"),
            summary="Messages for {{ $labels.channel }} that nobody will get within an hour: {{ $value }}",
            description="Callbacks of {{ $labels.cluster }} have given them up ({{ $labels.reason }}): `windsock"
            " notify dead` on the worker shows what is kept of them.",
        ),
        Rule(
            name="WindsockPolicyErrors",
            expr=growth("windsock_policy_errors_total", HOUR, "cluster, reason") + " > 0",
            severity="warning",
            by=("cluster", "reason"),
            summary="DAG files of {{ $labels.cluster }} without callbacks within an hour, by an error of the policy:"
            " {{ $value }}",
            description="Their DAGs run, and no callback tells of their failures ({{ $labels.reason }}): the log of"
            " the DAG processor names them.",
        ),
    ),
)
