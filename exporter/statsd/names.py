"""Which metric of the catalogue a StatsD name is: its modern name, or a legacy form with the labels inside."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from windsock import catalog

from .line import LONGEST_ID

if TYPE_CHECKING:
    from collections.abc import Iterable

# Bytes of all the ids that are remembered: those of 100,000 DAGs, at some 80 each.
_MOST_BYTES = 8 << 20
_VARIABLE = re.compile(r"\{(\w+)\}")
# What each variable can look like. An id may hold dots; what can't, helps to take a name apart.
_SHAPES = {
    "state": r"[a-z_]+|None",
    "job_id": r"\d+",
    "return_code": r"-?\d+",
    "status": r"[a-z]+",
    "alertname": r"[A-Za-z]+",
    "reason": r"[a-z_]+",
    "channel": r"[a-z]+",
    # The scheduler counts those whose heartbeat has stopped by the name of its own class.
    "job_name": r"[a-z_]*job|schedulerjobrunner",
    "queue": r"[^.]+",
    "bundle_name": r"[^.]+",
    "event_type": r"[^.]+",
    "event": r"[a-z]+",
}


class Found(NamedTuple):
    """A metric, the labels that its name held, and the form in which the name came."""

    metric: catalog.Metric
    labels: dict[str, str]
    form: str
    """`modern`, or the legacy pattern."""
    ambiguous: bool = False


@dataclass
class Ids:
    """The DAG ids seen so far: they tell which of several readings of a legacy name is right."""

    known: set[str] = field(default_factory=set)
    mangled: dict[str, str] = field(default_factory=dict)
    unresolved: set[str] = field(default_factory=set)
    restored: int = 0
    """Grows whenever an id turns out to be that of a legacy name that was read before."""
    limit: int = 100_000
    _room: int = _MOST_BYTES

    def learn(self, dag_id: str) -> None:
        """Remember an id that is known to be whole."""
        if dag_id not in self.known and len(self.known) < self.limit and self._has_room(dag_id):
            self.known.add(dag_id)
            if "." in dag_id:
                # Airflow 3 writes the dots of an id as `__` in legacy names.
                mangled = dag_id.replace(".", "__")
                self.mangled[mangled] = dag_id
                if mangled in self.unresolved:
                    self.unresolved.discard(mangled)
                    self.restored += 1

    def restore(self, dag_id: str) -> str:
        """The true id of one that may have its dots replaced."""
        known = self.mangled.get(dag_id)
        new = known is None and "__" in dag_id and dag_id not in self.unresolved
        if new and len(self.unresolved) < self.limit and self._has_room(dag_id):
            self.unresolved.add(dag_id)
        return known or dag_id

    def _has_room(self, dag_id: str) -> bool:
        """Take the room for an id; not for what is longer than any id."""
        fits = len(dag_id) <= min(LONGEST_ID, self._room)
        self._room -= len(dag_id) * fits
        return fits

    def split(self, text: str) -> tuple[str, str, bool]:
        """Take `dag.task` apart: the DAG id, the task id, and whether another reading is as good."""
        first, _, rest = text.partition(".")
        if "." not in rest:
            return self.restore(first), rest, False
        dots = [cut for cut, letter in enumerate(text[: LONGEST_ID + 1]) if letter == "."]
        fitting = [cut for cut in dots if text[:cut] in self.known]
        cut = fitting[-1] if fitting else len(first)
        return text[:cut], text[cut + 1 :], len(fitting) != 1


@cache
def known_names() -> Names:
    """The whole catalogue's, for guesses: its ids are its own, and it learns none."""
    return Names(catalog.statsd(), Ids(limit=0))


class Names:
    """The index from StatsD names, without their prefix, to metrics."""

    def __init__(self, metrics: Iterable[catalog.Metric], ids: Ids) -> None:
        self._ids = ids
        self._modern: dict[str, catalog.Metric] = {}
        self._patterns: list[tuple[str, re.Pattern[str], str, catalog.Metric]] = []
        self._words: dict[str, list[tuple[str, re.Pattern[str], str, catalog.Metric]]] = {"": []}
        """The patterns by the first word of the names that may match, in the same order; "" for all other words."""
        for metric in metrics:
            if _VARIABLE.search(metric.name):
                self._add(metric.name, "modern", metric)
            else:
                self._modern[metric.name] = metric
            for form in metric.legacy:
                self._add(form, form, metric)
        # The longest fixed beginning first, and of two equal ones that with more variables.
        self._patterns.sort(key=lambda row: (-len(row[0]), -row[1].groups))
        words = {start.partition(".")[0] for start, *_ in self._patterns if "." in start}
        for word in ("", *words):
            self._words[word] = [row for row in self._patterns if "." not in row[0] or row[0].partition(".")[0] == word]

    def modern(self, name: str) -> catalog.Metric | None:
        """The metric that has exactly this modern name, which holds no labels."""
        return self._modern.get(name)

    def find(self, name: str) -> Found | None:
        """Return what `name` stands for, or None where the catalogue does not know it."""
        metric = self._modern.get(name)
        if metric is not None:
            return Found(metric, {}, "modern")
        patterns = self._words.get(name.partition(".")[0]) or self._words[""]
        for start, pattern, form, candidate in patterns:
            match = pattern.fullmatch(name) if name.startswith(start) else None
            found = self._found(candidate, match.groupdict(), form) if match is not None else None
            if found is not None:
                return found
        return None

    def _add(self, form: str, kind: str, metric: catalog.Metric) -> None:
        expression = re.escape(form).replace(r"\{", "{").replace(r"\}", "}")
        # `_found` asks for the dot between the two: a pattern would try each of a name's dots with each other.
        expression = expression.replace(r"{dag_id}\.{task_id}", "(?P<ids>.+)")
        expression = _VARIABLE.sub(lambda found: f"(?P<{found[1]}>{_SHAPES.get(found[1], '.+')})", expression)
        self._patterns.append((form.partition("{")[0], re.compile(expression), kind, metric))

    def _found(self, metric: catalog.Metric, labels: dict[str, str], form: str) -> Found | None:
        ids = labels.pop("ids", None)
        if ids is not None:
            if "." not in ids[1:-1]:
                return None
            dag_id, task_id, ambiguous = self._ids.split(ids)
            return Found(metric, {"dag_id": dag_id, "task_id": task_id, **labels}, form, ambiguous)
        if "dag_id" in labels:
            # Here the id stands alone between fixed text: unless its dots may have been replaced, it is whole.
            if "__" not in labels["dag_id"]:
                self._ids.learn(labels["dag_id"])
            labels["dag_id"] = self._ids.restore(labels["dag_id"])
        return Found(metric, labels, form)
