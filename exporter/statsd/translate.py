"""What a line's head means: which metric and series, which operation, which unit, or why nothing is stored."""

from __future__ import annotations

import re
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from windsock.settings.exporter import StatsD

from .custom import PREFIX, Custom
from .legacy import Held, LegacyForms
from .names import Ids, Names
from .parse_times import ParseTimes
from .shapes import Shapes
from .target import Rejected, Target

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from windsock.catalog import Kind, Metric
    from windsock.exporter.series.store import Family
    from windsock.settings.exporter import Budgets

    from .line import Head
    from .names import Found
    from .newcomers import Newcomers
    from .shapes import Alike
    from .target import Operation
    from .unmapped import Unmapped

_LABEL = re.compile(r"[^a-zA-Z0-9_]")
_RESERVED = frozenset({"le", "quantile", "overflow"})
_TURN_EVERY = 60.0
_TELEMETRY = "datadog.dogstatsd.client."
# One value a run, a job, a call or a pod: as a label they would never stop to grow.
_NEVER = frozenset({"run_id", "dagrun_id", "job_id", "result", "kwargs"})
_INTERNAL = "dd_internal_"
_OPERATIONS: dict[tuple[str, str], Operation] = {
    ("counter", "c"): "add",
    ("gauge", "g"): "set",
    ("histogram", "ms"): "observe",
    ("histogram", "h"): "observe",
    ("histogram", "d"): "observe",
}


class Translator:
    """Holds what was learned from the lines so far: forms, ids, Airflow's major version, the dialect, a unit."""

    def __init__(
        self,
        metrics: Iterable[Metric],
        config: StatsD | None = None,
        custom: Custom | None = None,
        unmapped: Unmapped | None = None,
    ) -> None:
        config = config or StatsD()
        self.custom = custom or Custom()
        self.unmapped = unmapped
        """None: names that the catalogue does not know are counted only."""
        self.ids = Ids()
        self.forms = LegacyForms()
        self.parse_times = ParseTimes()
        self.major: str = config.airflow if config.airflow != "auto" else ""
        self.dialect = ""
        self._told = bool(self.major)
        self._consistent = config.timer_unit_consistency
        self.prefix: str | None = config.prefix
        """What Airflow's names begin with; None where names are taken as they come."""
        self._prefix = f"{config.prefix}." if config.prefix else ""
        self._names = Names(metrics, self.ids)
        self._shapes = Shapes()
        self._changes = 0
        self._turned: dict[str, float] = {}

    @property
    def generation(self) -> int:
        """Grows whenever heads that were translated before would be translated differently now."""
        return self._changes + self.forms.generation + self.ids.restored

    def translate(  # noqa: PLR0911  one return for each way not to be stored
        self, head: Head, *, line_feed: bool = False
    ) -> Target | Rejected | Held:
        """Return what to do with the values of `head`, which came in a datagram that may have ended with a line feed.

        Of Airflow's clients only Datadog's ends one so. People who type a line do it too: it says nothing about others.
        """
        self._see_dialect(head)
        dialect = "datadog" if line_feed and head.dialect == "plain" else self.dialect
        if not head.name.startswith(self._prefix):
            if head.name.startswith(_TELEMETRY):
                return Rejected("ignored", "client_telemetry")
            return Rejected("unmapped", _first(head.name))
        name = head.name[len(self._prefix) :]
        found = self._find(name, head)
        if isinstance(found, Rejected):
            return found
        operation = _operation(found.metric, head)
        if operation is None:
            return Rejected("sample_errors", "type_conflict")
        tagged, left_out = _labels(head, found.metric)
        labels = {**found.labels, **tagged}
        if "dag_id" in labels and found.form == "modern":
            self.ids.learn(labels["dag_id"])
        self._see_version(found.metric, found.form, labels)
        verdict = self.forms.choose(found, labels)
        if isinstance(verdict, Held):
            return verdict
        if verdict is not None:
            return Rejected("duplicates", verdict)
        factor = self._factor(found.metric, head, dialect)
        dropped = {label: why for label in labels if (why := _dropped(label, found.metric))}
        return Target(
            found.metric,
            tuple(sorted(item for item in labels.items() if item[0] not in dropped)),
            operation,
            factor,
            ambiguous=found.ambiguous,
            relative=dialect != "datadog",
            judged=found.metric.note.parse_time and factor != 1,
            once=found.metric.note.sent_twice and found.form != "modern",
            left_out=(*left_out, *((label, why) for label, why in dropped.items() if label in tagged)),
        )

    def recall(self, datagram: bytes, head: bytes) -> Alike | None:
        """What `translate` would say of a datagram that has the shape of one before; `head` ends at its first colon."""
        alike = self._shapes.find(datagram, head)
        if alike is not None:
            if alike.dag_id is not None:
                self.ids.learn(alike.dag_id)
            if alike.twins:
                self.forms.meet(alike.twins)
        return alike

    def remember(self, datagram: bytes, head: Head, target: Target) -> None:
        """Take a line that became `target` as the shape of others, where none of them could teach anything else."""
        metric = target.metric
        if not head.tags or head.odd or target.judged or head.dialect != self.dialect:
            return
        # Tags that are left out count once for each text, and what goes the long way remembers it without its value.
        if target.left_out and target.operation != "observe":
            return
        if self._names.modern(head.name[len(self._prefix) :]) is not metric:
            return
        names = {key: _label(metric.note.aliases.get(key, key)) for key, _ in head.tags}
        labels = set(names.values())
        twins = self.forms.twins(metric, labels)
        if len(labels) == len(head.tags) and twins is not None and not self._tells_version(metric, "modern", labels):
            self._shapes.keep(datagram, head, target, names, twins)

    def forget_shapes(self) -> None:
        """What was translated before would be translated differently now."""
        self._shapes.clear()

    def limit(self, budgets: Budgets) -> None:
        """Go on with these budgets of custom metrics."""
        if budgets != self.custom.metrics.limits:
            for metrics in self._newcomers():
                metrics.limits = budgets
            self._changes += 1

    def forget(self, name: str, family: Family | None) -> bool:
        """Give back what series that went had of the budgets of names; `family` is what an exposed name has left.

        Returns whether there was any: what was translated before must not come back without being admitted.
        """
        return any(metrics.forget(name, family) for metrics in self._newcomers())

    def restore(self, name: str, kind: Kind) -> Metric | None:
        """A metric that lines brought along before a restart; None where they would not today."""
        custom = name.startswith(PREFIX)
        maker = self.custom if custom else self.unmapped
        metric = maker.metric(name.removeprefix(PREFIX), kind) if maker is not None else None
        if maker is not None and metric is not None:
            maker.metrics.restore(metric)
        return metric

    def _newcomers(self) -> list[Newcomers]:
        return [maker.metrics for maker in (self.custom, self.unmapped) if maker is not None]

    def _find(self, name: str, head: Head) -> Found | Rejected:
        if name.startswith(PREFIX):
            custom = self.custom.find(name[len(PREFIX) :], head.type, dict(head.tags), self.ids)
            return Rejected("sample_errors", custom) if isinstance(custom, str) else custom
        found = self._names.find(name)
        if found is not None or self.unmapped is None:
            return found or Rejected("unmapped", _first(name))
        kept = self.unmapped.find(name, head.type, dict(head.tags))
        return Rejected("sample_errors", kept) if isinstance(kept, str) else kept or Rejected("unmapped", _first(name))

    def learned(self) -> dict[str, Any]:
        """What a restart should not have to learn again; plain JSON values."""
        return {
            "forms": self.forms.decided,
            "dag_ids": sorted(self.ids.known),
            "major": self.major,
            "dialect": self.dialect,
            "parse_times_in_milliseconds": self.parse_times.milliseconds,
        }

    def relearn(self, learned: dict[str, Any]) -> None:
        """Take over what `learned` gave."""
        self.forms.decided.update(learned["forms"])
        for dag_id in learned["dag_ids"]:
            self.ids.learn(dag_id)
        self.major = self.major or learned["major"]
        self.dialect = learned["dialect"]
        self.parse_times.milliseconds = learned["parse_times_in_milliseconds"]

    def _see_dialect(self, head: Head) -> None:
        dialect = "datadog" if head.name.startswith(_TELEMETRY) else head.dialect
        if dialect not in ("plain", self.dialect) and self._may_turn("dialect"):
            self.dialect = dialect
            self._changes += 1

    def _see_version(self, metric: Metric, form: str, labels: Container[str]) -> None:
        major = self._tells_version(metric, form, labels)
        if major and self._may_turn("major"):
            self.major = major
            self._changes += 1

    def _tells_version(self, metric: Metric, form: str, labels: Container[str]) -> str:
        """Airflow's major version where a line says another than the known one; else empty."""
        first, until = metric.versions[0] if len(metric.versions) == 1 else ("", "")
        major = ""
        if until.startswith("3") or form == "dag_processing.last_duration.{file_name}":
            major = "2"
        elif first.startswith("3") or "bundle_name" in labels:
            major = "3"
        return major if major != self.major and not self._told else ""

    def _may_turn(self, what: str) -> bool:
        # Two installations at one exporter must not turn it back and forth with every line.
        now = time.monotonic()
        if now - self._turned.get(what, -_TURN_EVERY) < _TURN_EVERY:
            return False
        self._turned[what] = now
        return True

    def _factor(self, metric: Metric, head: Head, dialect: str) -> float:
        """Timers are kept in milliseconds, which is what nearly all lines carry; some say so and send seconds."""
        if metric.kind != "histogram":
            return 1.0
        seconds_in = metric.note.seconds_in
        stopwatch = metric.note.stopwatch or f"{self.major}-datadog" in seconds_in
        major = self.major or "3"
        seconds = (major in seconds_in and not (major == "2" and self._consistent)) or (
            stopwatch and dialect == "datadog"
        )
        return 1000.0 if seconds or head.type != "ms" else 1.0


def _operation(metric: Metric, head: Head) -> Operation | None:
    if metric.kind == "gauge" and metric.sent == "counter" and head.type == "c":
        # Airflow counts it up and down.
        return "add"
    return _OPERATIONS.get((metric.kind, head.type))


def _labels(head: Head, metric: Metric) -> tuple[dict[str, str], list[tuple[str, str]]]:
    """The labels that the tags are, and the tags that are none."""
    tags, left_out = list(head.tags), []
    for odd in head.odd:
        if head.dialect == "datadog" and odd[:1] not in ("", ":", "=") and ":" not in odd:
            # A DAG's tag in Airflow 3.4's `dag_tags_in_metrics`; in InfluxDB's dialect it writes `tag=true` itself.
            tags.append((odd, "true"))
        else:
            left_out.append((odd, "malformed"))
    labels: dict[str, str] = {}
    named = [(metric.note.aliases.get(key, key), value) for key, value in tags]
    # Of tags that come to one label, the one spelled like it wins: `dag-id`, a DAG's own tag, must not hide `dag_id`.
    for key, value in sorted(named, key=lambda tag: _label(tag[0]) != tag[0]):
        if labels.setdefault(_label(key), value) != value:
            left_out.append((key, "same_label"))
    return labels, left_out


@lru_cache(maxsize=4096)
def _label(key: str) -> str:
    name = _LABEL.sub("_", key)
    if name[:1].isdigit() or name.startswith("__"):
        name = f"_{name.lstrip('_')}"
    return f"tag_{name}" if name in _RESERVED else name


def _dropped(label: str, metric: Metric) -> str:
    """Why a label is not kept; empty where it is."""
    if label in _NEVER or label.startswith(_INTERNAL):
        return "unbounded"
    return "redundant" if label in metric.note.drop else ""


def _first(name: str) -> str:
    # Bounded by nature: a name's first word, not the name, becomes a label.
    return _LABEL.sub("_", name.partition(".")[0][:40])
