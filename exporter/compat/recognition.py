"""Which metrics of the catalogue the rules of a mapping are for: told by the lines that Airflow really sends."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, get_args

from windsock import catalog
from windsock.exporter.statsd.names import known_names

from .rule import LineKind

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from windsock.catalog import Metric

    from .mapping import Mapping
    from .rule import Rule

_VARIABLE = re.compile(r"\{(\w+)\}")
_GROUP = re.compile(r"\((?:\?:|\?P?<\w+>)?(\w+(?=\|))?[^()]*\)")
_LINES: dict[str, LineKind] = {"counter": "counter", "gauge": "gauge", "histogram": "observer"}
# What rules look for in the names: something that no rule names, and what only some values have.
_VALUES = {
    "job_name": ("job", "schedulerjob", "scheduler_job", "local_task_job", "triggererjob", "dagprocessorjob"),
    "state": ("x", "success", "failed", "skipped", "up_for_retry", "up_for_reschedule", "removed", "deferred"),
    "status": ("x", "success", "failed"),
    "event_type": ("x", "start", "complete", "fail"),
    "job_id": ("1",),
    "return_code": ("0", "1", "-9"),
}
_ANY = ("x", "1")
_LONGEST = max(map(len, _VALUES.values()))


@dataclass(frozen=True)
class Recognised:
    """A rule and a metric whose names it is for; where it asks for lines of another `kind`, it never matches."""

    rule: Rule
    metric: Metric
    kind: LineKind

    @property
    def old(self) -> str:
        """The name that the rule gives, with its labels."""
        return _with_labels(self.rule.name, [label for label, _ in self.rule.labels])

    @property
    def new(self) -> str:
        """The name that the catalogue gives, with its labels."""
        return _with_labels(self.metric.family, self.metric.labels)

    @property
    def matches(self) -> bool:
        """Whether lines come that the rule is for."""
        return self.kind == sent_as(self.metric)


def _with_labels(name: str, labels: Sequence[str]) -> str:
    return f"{name}{{{', '.join(labels)}}}" if labels else name


def sent_as(metric: Metric) -> LineKind:
    """The type of a metric's lines, which what is exposed may differ from."""
    return _LINES[metric.sent or metric.kind]


def recognise(mapping: Mapping, prefix: str) -> Iterator[Recognised]:
    """Every pair of a rule and a metric once; `prefix` is Airflow's `statsd_prefix`."""
    start = f"{prefix}." if prefix else ""
    seen = set()
    for rule, metric in (*_taking(mapping, start), *_asking(mapping, start)):
        if (id(rule), metric.family) not in seen:
            seen.add((id(rule), metric.family))
            yield Recognised(rule, metric, rule.kind or sent_as(metric))


def examples(rule: Rule) -> Iterator[str]:
    """Names that a rule may be for, its variables filled in; of a regular expression no more than guesses."""
    for value in _ANY:
        if rule.regex:
            text = _GROUP.sub(partial(_alternative, value), rule.match.strip("^$"))
            yield re.sub(r"\\(.)", r"\1", text)
        else:
            yield rule.match.replace("*", value)


def _taking(mapping: Mapping, start: str) -> Iterator[tuple[Rule, Metric]]:
    """The rules that take the lines of metrics."""
    for name, metric in _sent():
        for kind in get_args(LineKind):
            rule = mapping.find(start + name, kind).rule
            if rule is not mapping.default and (rule.kind is not None or kind == sent_as(metric)):
                yield rule, metric


def _asking(mapping: Mapping, start: str) -> Iterator[tuple[Rule, Metric]]:
    """The rules that name a metric, though another rule may take its lines first."""
    for rule in mapping.rules:
        for name in examples(rule):
            found = known_names().find(name.removeprefix(start)) if name.startswith(start) else None
            if found is not None:
                yield rule, found.metric


def _sent() -> Iterator[tuple[str, Metric]]:
    for metric in catalog.statsd():
        for form in (metric.name, *metric.legacy):
            for turn in range(_LONGEST if _VARIABLE.search(form) else 1):
                yield _VARIABLE.sub(partial(_value, turn), form), metric


def _value(turn: int, variable: re.Match[str]) -> str:
    values = _VALUES.get(variable[1], _ANY[:1])
    return values[min(turn, len(values) - 1)]


def _alternative(value: str, group: re.Match[str]) -> str:
    return group[1] or value
