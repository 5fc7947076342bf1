"""Which of two forms of one fact is stored.

Airflow sends most facts twice, under a legacy name with the ids inside and right after it under a modern name with
(or, in the plain dialect, without) tags. A modern line that carries its ids wins over the legacy one, and a legacy one
over a modern line without ids. That is decided from what arrives: metric by metric at first, and then name by name,
because Airflow drops a modern line that is too long for it and sends the legacy one alone.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from windsock.catalog import Metric

    from .names import Found

Form = Literal["legacy", "modern", "untagged"]
Key = str | int
"""What a held line waits for: its metric's form, or, as `_bare` has it, its modern twin."""

_VARIABLE = re.compile(r"\{(\w+)\}")
# Airflow's default of `statsd_disabled_tags`: legacy names hold them, tags do not.
_DISABLED = frozenset({"job_id", "run_id"})
_LIMIT = 200_000


@dataclass(frozen=True)
class Held:
    """A legacy line whose modern twin, due in the next datagram, tells whether to store it."""

    key: Key


class LegacyForms:
    """What was decided so far. `generation` grows whenever an earlier decision no longer holds."""

    def __init__(self) -> None:
        self.generation = 0
        self.decided: dict[str, Form] = {}
        self._waiting: set[str] = set()
        self._doubted: set[str] = set()
        self._abandoned: list[Metric] = []
        # Legacy names, as `_bare` has them, whose modern twin came, and those whose twin did not.
        self._twins: set[int] = set()
        self._single: set[int] = set()

    def choose(self, found: Found, labels: dict[str, str]) -> Form | Held | None:
        """None: store the line. A form: the line repeats, in that form, what is stored. Held: that is not known yet."""
        metric = found.metric
        if not metric.legacy:
            return None
        if found.form != "modern":
            return self._choose_legacy(metric, _bare(_masked(found.form).format_map(found.labels)))
        if carries(metric, labels):
            self._decide(metric, "modern")
            forms = (form for form in metric.legacy if _variables(form) <= labels.keys())
            self.meet(_masked(form).format_map(labels) for form in forms)
            return None
        decided = self.decided.get(metric.name)
        if decided is None:
            self._decide(metric, "legacy" if metric.name in self._waiting else "untagged")
        elif decided == "modern":
            # Airflow may have been switched to the plain dialect, or this one line lost its tags.
            self._doubted.add(metric.name)
        return None if self.decided[metric.name] == "untagged" else "untagged"

    def is_open(self, key: Key) -> bool:
        """Whether what a held line waits for is still to come."""
        if isinstance(key, str):
            return key not in self.decided
        return len(self._twins) < _LIMIT and key not in self._twins and key not in self._single

    def settle(self, key: Key) -> None:
        """No modern twin came: the legacy form is all that there is."""
        if isinstance(key, str):
            self.decided.setdefault(key, "legacy")
        elif len(self._single) < _LIMIT:
            self._single.add(key)
        else:
            self._twins.add(key)

    def review(self) -> None:
        """Once a minute: forget decisions that later lines contradicted, so that the next lines decide anew."""
        for name in self._doubted:
            self.decided.pop(name, None)
            self._waiting.discard(name)
        self.generation += bool(self._doubted)
        self._doubted.clear()

    def take_abandoned(self) -> list[Metric]:
        """Metrics of which lines without ids were stored before their legacy form appeared: these are to be dropped."""
        taken, self._abandoned = self._abandoned, []
        return taken

    def _choose_legacy(self, metric: Metric, bare: int) -> Form | Held | None:
        decided = self.decided.get(metric.name)
        if decided is None:
            self._waiting.add(metric.name)
            return Held(metric.name)
        if decided == "untagged":
            self._decide(metric, "legacy")
            self._abandoned.append(metric)
        if decided != "modern":
            return None
        if bare in self._single:
            return None
        # Beyond the limit no twin is remembered: a fact that is lost is better than all facts counted twice.
        return "legacy" if bare in self._twins or len(self._twins) >= _LIMIT else Held(bare)

    def twins(self, metric: Metric, labels: Container[str]) -> list[str] | None:
        """The legacy names, with these labels in braces, of the lines of a metric that `choose` stores.

        None where it would not store each line with these labels, or learn something from it.
        """
        if metric.legacy and (self.decided.get(metric.name) != "modern" or not carries(metric, labels)):
            return None
        return [_masked(form) for form in metric.legacy if all(name in labels for name in _variables(form))]

    def meet(self, twins: Iterable[str]) -> None:
        """Know of legacy names that their modern twin came."""
        for name in twins:
            bare = _bare(name)
            if bare in self._single:
                self._single.discard(bare)
                self.generation += 1
            if len(self._twins) < _LIMIT:
                self._twins.add(bare)

    def _decide(self, metric: Metric, form: Form) -> None:
        if self.decided.get(metric.name) != form:
            self.decided[metric.name] = form
            self._waiting.discard(metric.name)
            self.generation += 1


def carries(metric: Metric, labels: Container[str]) -> bool:
    """Whether labels hold what a legacy name would; `statsd_disabled_tags` may leave some of it out."""
    for form in metric.legacy:
        variables = _variables(form)
        if variables and all(name in labels for name in variables):
            return True
    return False


@cache
def _variables(form: str) -> frozenset[str]:
    return frozenset(_VARIABLE.findall(form)) - _DISABLED


@cache
def _masked(form: str) -> str:
    """A form without what only legacy names hold."""
    return _VARIABLE.sub(lambda found: "*" if found[1] in _DISABLED else found[0], form)


def _bare(name: str) -> int:
    """What the two names of one fact have in common, as a number: however long they are, so many can be remembered."""
    # Airflow 3 writes the dots of an id as `__` in legacy names, Airflow 2 keeps them: compared alike.
    return hash(name.replace("__", "."))
