"""What a line's head means: which metric and series, which operation, which unit, or why nothing is stored.

Airflow sends most facts twice, under a legacy name with the ids inside and under a modern name with (or, in the plain
dialect, without) tags. Which of the two is stored is decided metric by metric, from what arrives: a modern line that
carries its ids wins over the legacy one, and a legacy one over a modern line without ids.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from .names import Ids, Names

if TYPE_CHECKING:
    from collections.abc import Iterable

    from windsock.catalog import Metric

    from .line import Head, Tags

Labels = tuple[tuple[str, str], ...]
Operation = Literal["add", "set", "observe"]
Form = Literal["legacy", "modern", "untagged"]

_LABEL = re.compile(r"[^a-zA-Z0-9_]")
_RESERVED = frozenset({"le", "quantile"})
_VARIABLE = re.compile(r"\{(\w+)\}")
_TELEMETRY = "datadog.dogstatsd.client."
_OPERATIONS: dict[tuple[str, str], Operation] = {
    ("counter", "c"): "add",
    ("gauge", "c"): "add",
    ("gauge", "g"): "set",
    ("histogram", "ms"): "observe",
    ("histogram", "h"): "observe",
    ("histogram", "d"): "observe",
}


@dataclass(frozen=True)
class Target:
    """A series, and what a value does to it. `factor` turns the value into the unit that the store keeps."""

    metric: Metric
    labels: Labels
    operation: Operation
    factor: float = 1.0
    ambiguous: bool = False
    relative: bool = False
    """A value with a sign is a change of the gauge; in the Datadog dialect it is the value."""
    once: bool = False
    """Airflow sends this line twice in a row: an equal value right after it is not a second one."""


@dataclass(frozen=True)
class Rejected:
    """Nothing is stored; counted as `windsock_<kind>_total{…=reason}`."""

    kind: Literal["unmapped", "duplicates", "sample_errors", "ignored"]
    reason: str


@dataclass(frozen=True)
class Held:
    """A legacy line whose modern twin, due in the next datagram, tells whether to store it."""

    metric: Metric


class Translator:
    """Holds what was learned from the lines so far: forms, ids, Airflow's major version, the dialect.

    `generation` grows whenever that changes the meaning of heads that were translated before.
    """

    def __init__(self, metrics: Iterable[Metric], prefix: str = "airflow") -> None:
        self.ids = Ids()
        self.generation = 0
        self.major = ""
        self.dialect = ""
        self._prefix = f"{prefix}." if prefix else ""
        self._names = Names(metrics, self.ids)
        self._forms: dict[str, Form] = {}
        self._waiting: set[str] = set()
        self._doubted: set[str] = set()
        self._abandoned: list[Metric] = []

    def translate(self, head: Head) -> Target | Rejected | Held:
        """Return what to do with the values of `head`."""
        self._see_dialect(head)
        if not head.name.startswith(self._prefix):
            if head.name.startswith(_TELEMETRY):
                return Rejected("ignored", "client_telemetry")
            return Rejected("unmapped", _first(head.name))
        found = self._names.find(head.name[len(self._prefix) :])
        if found is None:
            return Rejected("unmapped", _first(head.name[len(self._prefix) :]))
        operation = _OPERATIONS.get((found.metric.kind, head.type))
        if operation is None:
            return Rejected("sample_errors", "type_conflict")
        labels = {**found.labels, **_labels(head.tags, found.metric)}
        if "dag_id" in labels and found.form == "modern":
            self.ids.learn(labels["dag_id"])
        self._see_version(found.metric, found.form, labels)
        verdict = self._choose(found.metric, found.form, labels)
        if verdict is not None:
            return verdict
        return Target(
            found.metric,
            tuple(sorted((key, value) for key, value in labels.items() if key not in found.metric.note.drop)),
            operation,
            self._factor(found.metric, head),
            ambiguous=found.ambiguous,
            relative=self.dialect != "datadog",
            once=found.metric.note.sent_twice and found.form != "modern",
        )

    def learned(self) -> dict[str, Any]:
        """What a restart should not have to learn again; plain JSON values."""
        return {
            "forms": self._forms,
            "dag_ids": sorted(self.ids.known),
            "major": self.major,
            "dialect": self.dialect,
        }

    def relearn(self, learned: dict[str, Any]) -> None:
        """Take over what `learned` gave."""
        self._forms.update(learned["forms"])
        for dag_id in learned["dag_ids"]:
            self.ids.learn(dag_id)
        self.major = learned["major"]
        self.dialect = learned["dialect"]

    def form(self, metric: Metric) -> Form | None:
        """The form of `metric` that is stored, None while that is open."""
        return self._forms.get(metric.name)

    def take_abandoned(self) -> list[Metric]:
        """Metrics whose series without labels was stored before their legacy form appeared: to be dropped."""
        taken, self._abandoned = self._abandoned, []
        return taken

    def see_line_feed(self) -> None:
        """A datagram ended with a line feed, as only Datadog's client sends them."""
        self._set_dialect("datadog")

    def settle(self, metric: Metric) -> None:
        """No modern twin came: the legacy form is all that there is."""
        self._decide(metric, "legacy")

    def review(self) -> None:
        """Once a minute: forget decisions that later lines contradicted, so that the next lines decide anew."""
        for name in self._doubted:
            self._forms.pop(name, None)
        self.generation += bool(self._doubted)
        self._doubted.clear()

    def _choose(self, metric: Metric, form: str, labels: dict[str, str]) -> Rejected | Held | None:
        if not metric.legacy:
            return None
        decided = self._forms.get(metric.name)
        if form != "modern":
            if decided is None:
                self._waiting.add(metric.name)
                return Held(metric)
            if decided == "untagged":
                self._decide(metric, "legacy")
                self._abandoned.append(metric)
            return Rejected("duplicates", "legacy") if decided == "modern" else None
        if any(variable in labels for legacy in metric.legacy for variable in _VARIABLE.findall(legacy)):
            self._decide(metric, "modern")
            return None
        if decided is None:
            self._decide(metric, "legacy" if metric.name in self._waiting else "untagged")
        elif decided == "modern":
            # Airflow may have been switched to the plain dialect, or this one line lost its tags.
            self._doubted.add(metric.name)
        return None if self._forms[metric.name] == "untagged" else Rejected("duplicates", "untagged")

    def _decide(self, metric: Metric, form: Form) -> None:
        if self._forms.get(metric.name) != form:
            self._forms[metric.name] = form
            self._waiting.discard(metric.name)
            self.generation += 1

    def _see_dialect(self, head: Head) -> None:
        dialect = "datadog" if head.name.startswith(_TELEMETRY) else head.dialect
        if dialect != "plain":
            self._set_dialect(dialect)

    def _set_dialect(self, dialect: str) -> None:
        if dialect != self.dialect:
            self.dialect = dialect
            self.generation += 1

    def _see_version(self, metric: Metric, form: str, labels: dict[str, str]) -> None:
        first, until = metric.versions[0] if len(metric.versions) == 1 else ("", "")
        major = ""
        if until.startswith("3") or form == "dag_processing.last_duration.{file_name}":
            major = "2"
        elif first.startswith("3") or "bundle_name" in labels:
            major = "3"
        if major and major != self.major:
            self.major = major
            self.generation += 1

    def _factor(self, metric: Metric, head: Head) -> float:
        """Timers are kept in milliseconds, which is what nearly all lines carry; some say so and send seconds."""
        if metric.kind != "histogram":
            return 1.0
        seconds_in = metric.note.seconds_in
        stopwatch = metric.note.stopwatch or f"{self.major}-datadog" in seconds_in
        seconds = (self.major or "3") in seconds_in or (stopwatch and self.dialect == "datadog")
        return 1000.0 if seconds or head.type != "ms" else 1.0


def _labels(tags: Tags, metric: Metric) -> dict[str, str]:
    labels = {}
    for key, value in tags:
        name = _LABEL.sub("_", metric.note.aliases.get(key, key))
        if name[0].isdigit() or name.startswith("__"):
            name = f"_{name.lstrip('_')}"
        labels[f"tag_{name}" if name in _RESERVED else name] = value
    return labels


def _first(name: str) -> str:
    # Bounded by nature: a name's first word, not the name, becomes a label.
    return _LABEL.sub("_", name.partition(".")[0][:40])
