"""Why a query finds nothing in an Airflow that runs: what it reads another set-up sends, or another version."""

from __future__ import annotations

import re

from . import promql
from .queries import metric

_OURS = ("airflow_", "windsock_", "cluster_")

REASONS: dict[str, str] = {}
"""By a pattern of the names of metrics."""


def why(version: str, expr: str) -> str:
    """Return why this Airflow may have nothing for an expression without Grafana's variables; empty: it should have."""
    reasons = {_why(version, name) for name in promql.names(expr)}
    return "" if "" in reasons else "; ".join(sorted(reasons))


def _why(version: str, name: str) -> str:
    for pattern, reason in REASONS.items():
        if re.fullmatch(pattern, name):
            return reason
    if not name.startswith(_OURS) or name.startswith("airflow_custom_"):
        return ""
    read = metric(name)
    if read.source != "statsd" or read.emitted_by(version):
        return ""
    return f"Airflow {version} does not send `{read.name}`"
