"""PromQL for panels: every selector gets the dashboard's variables, and every metric is one of the catalogue."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windsock import catalog

if TYPE_CHECKING:
    from collections.abc import Iterable

    from windsock.catalog import Metric

# Not after a quote: what stands in a matcher is no selector.
_SAMPLE = re.compile(r'(?<!["\w:])(airflow_\w+|windsock_\w+|up|ALERTS|cluster_\w+:\w+:\w+)\b(?:\{([^}]*)\})?')
_HISTOGRAM_SUFFIX = re.compile(r"_(bucket|sum|count)$")
_FROM_PROMETHEUS = frozenset({"up", "ALERTS"})
"""What Prometheus itself makes."""


@dataclass(frozen=True)
class Query:
    """One PromQL expression with the name of its series; `instant`: one value instead of a line."""

    expr: str
    legend: str = ""
    instant: bool = False

    @property
    def scoped(self) -> str:
        """The expression, looking at the chosen clusters and DAGs only. Raises KeyError for an unknown metric."""
        return _SAMPLE.sub(_scope, self.expr)


def metrics(queries: Iterable[Query]) -> list[Metric]:
    """Return the catalogue's metrics that `queries` read, in the order of their first use."""
    names = [match[1] for query in queries for match in _SAMPLE.finditer(query.expr)]
    found = [metric(name) for name in names if name not in _FROM_PROMETHEUS]
    return list({one.family: one for one in found}.values())


def metric(name: str) -> Metric:
    """Return what a sample belongs to, or what a rule made it of: in a rule's name a counter has no `_total`.

    Raises KeyError for what nothing exposes.
    """
    known = catalog.by_family()
    sample = name.split(":")[1] if ":" in name else name
    for family in (sample, f"{sample}_total") if ":" in name else (sample,):
        if family in known:
            return known[family]
    found = catalog.family(_HISTOGRAM_SUFFIX.sub("", sample))
    if found.kind != "histogram":
        raise KeyError(name)
    return found


def provenance(queries: Iterable[Query]) -> str:
    """Say which of Airflow's metrics feed a panel, and from which versions on: silence has a reason there."""
    by_versions: dict[str, list[str]] = {}
    found = metrics(queries)
    for one in found:
        if one.source == "statsd":
            by_versions.setdefault(_versions(one), []).append(f"`{one.name}`")
    said = [f"StatsD {', '.join(names)}: Airflow {text}." for text, names in by_versions.items()]
    if any(one.source == "metadata" for one in found):
        said.insert(0, "From Airflow's metadata database, for every version of Airflow.")
    return "\n\n".join(said)


def silence(queries: Iterable[Query], *, short: bool = False) -> str:
    """Why a panel may be empty although nothing is wrong: no source of its has a value. `short`: in few words."""
    found = metrics(queries)
    stored = any(one.source == "metadata" for one in found)
    if short:
        return "not in the database" if stored else "nothing received"
    reasons = ["nothing in the metadata database, or it is not read"] if stored else []
    if spans := {_versions(one) for one in found if one.source == "statsd"}:
        reasons.append(f"nothing sent over StatsD, or not by this Airflow (needs {'; '.join(sorted(spans))})")
    if any(":" in query.expr for query in queries):
        reasons.append("or Prometheus lacks the rules of `windsock alerts build`")
    return "; ".join(reasons) or "nothing received yet"


def first(*exprs: str) -> str:
    """Return the first of several sources that knows, for each set of labels: `a or b or c`."""
    return " or ".join(exprs)


def _scope(match: re.Match[str]) -> str:
    name, given = match[1], match[2]
    matchers = ['cluster=~"$cluster"']
    # A rule's name begins with the labels that it keeps.
    labels = name.partition(":")[0] if ":" in name else "" if name in _FROM_PROMETHEUS else metric(name).labels
    if "dag_id" in labels:
        matchers.append('dag_id=~"$dag_id"')
    return f"{name}{{{','.join([*matchers, *([given] if given else [])])}}}"


def _versions(sent: Metric) -> str:
    spans = [f"{since} until {until}" if until else f"{since} and later" for since, until in sent.versions]
    return ", ".join(spans) or "none"
