"""The catalogue: every metric that windsock exposes, in one place.

Exporter, dashboards, rules, docs and tests read it. What each Airflow registers is in `windsock/airflow/data`, what the
registry does not say in `airflow_metrics.py`, what the metadata database holds in `database_metrics.py`, windsock's own
metrics in `own_metrics.py` and `log_metrics.py`.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field, replace
from functools import cache
from typing import TYPE_CHECKING, Literal, cast

from windsock.airflow.versions import DATA, REGISTRIES
from windsock.catalog.airflow_metrics import CUSTOM, NOTES, Note
from windsock.catalog.database_metrics import COLLECTOR_METRICS, DB_METRICS
from windsock.catalog.log_metrics import LOG_METRICS
from windsock.catalog.own_metrics import CALLBACK_METRICS, LISTENER_METRICS, OWN_METRICS, POLICY_METRICS

if TYPE_CHECKING:
    from collections.abc import Mapping

Kind = Literal["counter", "gauge", "histogram", "summary"]
Source = Literal["statsd", "metadata", "windsock", "mapping", "custom", "unmapped"]

UNMAPPED = "airflow_unmapped_"
"""What the names of metrics begin with that no catalogue knows."""

_DELIVERY = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_KINDS: Mapping[str, Kind] = {"counter": "counter", "gauge": "gauge", "timer": "histogram"}


@dataclass(frozen=True)
class Quantiles:
    """What a summary shows, and how far back it looks."""

    shown: tuple[float, ...]
    """Between 0 and 1."""
    max_age: float = 600.0
    """Seconds."""
    age_buckets: int = 5
    """The steps in which values become too old."""


@dataclass(frozen=True)
class Metric:
    """One metric. `family` is the name in the exposition, `name` the one that its source uses."""

    name: str
    family: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    source: Source
    unit: str = ""
    legacy: tuple[str, ...] = ()
    """StatsD names with the labels inside, such as `ti.start.{dag_id}.{task_id}`."""
    sent: Kind | None = None
    """What its StatsD lines are by their type; None: what is exposed."""
    versions: tuple[tuple[str, str], ...] = (("", ""),)
    """Airflow versions that emit it: (from, first one without it); an empty end is open."""
    buckets: tuple[float, ...] = ()
    quantiles: Quantiles = Quantiles(())
    """Of a summary."""
    ttl: float = 0
    """Seconds after which a series goes that nothing updates; 0: by the rules of its kind."""
    note: Note = field(default_factory=lambda: Note(""))

    def emitted_by(self, version: str) -> bool:
        """Whether this Airflow version really sends it; a name in the registry is no proof."""
        number = _number(version)
        return any(
            _number(since) <= number and (not until or number < _number(until)) for since, until in self.versions
        )

    @property
    def sample(self) -> str:
        """The name that a query of its values uses: a histogram's `_count`, else the family."""
        return f"{self.family}_count" if self.kind == "histogram" else self.family


@cache
def airflow() -> tuple[Metric, ...]:
    """Every metric that some supported Airflow sends over StatsD."""
    merged: dict[str, tuple[str, list[str], list[str]]] = {}
    for version, file in REGISTRIES:
        for row in json.loads((DATA / file).read_text()):
            _, legacy, seen_in = merged.setdefault(row["name"], (row["type"], [], []))
            legacy += [form for form in row["legacy"] if form not in legacy]
            seen_in.append(version)
    return tuple(_metric(name, *row) for name, row in merged.items())


@cache
def own() -> tuple[Metric, ...]:
    """Every metric that windsock exposes about itself."""
    return tuple(
        Metric(name, name, "counter" if kind == "counter" else "gauge", text, labels, "windsock")
        for name, kind, text, labels in (*OWN_METRICS, *COLLECTOR_METRICS, *LOG_METRICS)
    )


@cache
def metadata() -> tuple[Metric, ...]:
    """Every metric that is read from Airflow's metadata database, for every version of Airflow."""
    return tuple(
        Metric(name, name, cast("Kind", kind), text, tuple(labels.split()), "metadata", unit, buckets=buckets)
        for name, kind, text, labels, unit, buckets in DB_METRICS
    )


_SUMS: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    (
        "airflow_dag_tries_finished_total",
        "airflow_ti_finish_total",
        "Tries that ended, by the state they ended in, of all tasks of the DAG.",
        ("dag_id", "state"),
    ),
    (
        "airflow_queue_scheduled_duration_seconds",
        "airflow_task_scheduled_duration_seconds",
        "Time from scheduled to queued, of all tasks of the queue.",
        ("queue",),
    ),
    (
        "airflow_queue_queued_duration_seconds",
        "airflow_task_queued_duration_seconds",
        "Time from queued to running, of all tasks of the queue.",
        ("queue",),
    ),
    (
        "airflow_dependency_check_seconds",
        "airflow_dagrun_dependency_check_seconds",
        "Time that a run's dependency check took, of all DAGs.",
        ("run_type",),
    ),
    *(
        (
            f"airflow_dag_ti_{state}",
            f"airflow_ti_{state}",
            f"Task instances in state {state}, of all tasks of the DAG.",
            ("queue", "dag_id"),
        )
        for state in ("queued", "running", "deferred")
    ),
)
SUMMED: Mapping[str, str] = {family: part for family, part, _, _ in _SUMS}
"""What the exporter adds up, and of what: by fewer labels, so that no rule and no panel needs to read each task."""


@cache
def sums() -> tuple[Metric, ...]:
    """The metrics of `SUMMED`, sent by who sends what they add up."""
    parts = {metric.family: metric for metric in airflow()}
    return tuple(
        replace(parts[part], family=family, help=text, labels=labels, legacy=()) for family, part, text, labels in _SUMS
    )


@cache
def callbacks() -> tuple[Metric, ...]:
    """What windsock's callbacks and listeners report through Airflow's own StatsD."""
    return tuple(
        Metric(
            name,
            name.replace(".", "_") + ("_seconds" if kind == "timer" else "_total"),
            _KINDS[kind],
            text,
            labels,
            "windsock",
            "seconds" if kind == "timer" else "",
            legacy=(plain,) if plain != name else (),
            buckets=_DELIVERY if kind == "timer" else (),
        )
        for name, kind, plain, text, labels in (*CALLBACK_METRICS, *LISTENER_METRICS, *POLICY_METRICS)
    )


def statsd() -> tuple[Metric, ...]:
    """Every metric that can arrive as a StatsD line, but for those of DAG authors, which have any name."""
    return (*airflow(), *callbacks())


@cache
def by_family() -> Mapping[str, Metric]:
    """All metrics by the name of their family."""
    return {metric.family: metric for metric in (*airflow(), *sums(), *callbacks(), *metadata(), *own())}


def family(name: str) -> Metric:
    """Return the metric with this exposed family name; raises KeyError for a name that nothing exposes."""
    return by_family()[name]


def custom(name: str, kind: Kind) -> Metric:
    """The metric `airflow.custom.<name>` of a DAG's author; an ending that the kind adds is not added twice."""
    base = name.removesuffix({"counter": "_total", "histogram": "_seconds"}.get(kind, "")) or name
    return Metric(
        name=f"custom.{name}",
        family=exposed_name(f"custom.{base}", kind),
        kind=kind,
        help="Sent by tasks through windsock.metrics.",
        labels=("dag_id", "task_id", "team", "unit"),
        source="custom",
        unit="seconds" if kind == "histogram" else "",
        buckets=CUSTOM if kind == "histogram" else (),
    )


def unmapped(name: str, kind: Kind) -> Metric:
    """The metric of a StatsD name that the catalogue does not know, named so that it can be none of the catalogue's."""
    known = custom(re.sub(r"[^a-zA-Z0-9_]", "_", name), kind)
    return replace(
        known,
        name=name,
        family=UNMAPPED + known.family.removeprefix("airflow_custom_"),
        help=f"StatsD's {name}, which windsock's catalogue does not know.",
        labels=(),
        source="unmapped",
    )


def exposed_name(name: str, kind: Kind) -> str:
    """`ti.finish` → `airflow_ti_finish_total`: Airflow's name with the endings that Prometheus' conventions ask for."""
    base = "airflow_" + re.sub(r"[^a-zA-Z0-9_]", "_", re.sub(r"\.?\{\w+\}\.?", _inside, name))
    return base.rstrip("_") + {"counter": "_total", "gauge": "", "histogram": "_seconds"}[kind]


def _inside(variable: re.Match[str]) -> str:
    # A name that holds a variable keeps the variable's noun where nothing else would be left of it.
    return "job" if variable[0] == "{job_name}" else ""


def _metric(name: str, kind: str, legacy: list[str], seen_in: list[str]) -> Metric:
    note = NOTES[name]
    exposed = _KINDS[note.type or kind]
    forms = (*legacy, *(form for form in note.legacy if form not in legacy))
    if note.versions:
        versions = tuple(span for span in note.versions if span != ("", "")) if note.versions != (("", ""),) else ()
    else:
        versions = ((seen_in[0], "" if seen_in[-1] != "2.11" else "3.0"),)
    return Metric(
        name=name,
        family=exposed_name(name, exposed),
        kind=exposed,
        help=note.help,
        labels=tuple(note.labels.split()),
        source="statsd",
        unit="seconds" if exposed == "histogram" else note.unit,
        legacy=forms,
        sent=_KINDS[kind],
        versions=versions,
        buckets=note.buckets if exposed == "histogram" else (),
        note=note,
    )


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
