"""The series that the database's rows become: gauges as of the last pass, counters and histograms that only grow."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from windsock import catalog
from windsock.exporter.series.budget import Budget
from windsock.exporter.series.kinds import Counter, Histogram, Reading
from windsock.exporter.series.store import SeriesStore

from .changes import changed, lost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from windsock.exporter.series.kinds import Age, Clock
    from windsock.exporter.series.labels import Labels
    from windsock.settings.exporter import Budgets


Sample = tuple[str, "Labels", "float | Age"]
"""A metric's name, the labels of one of its series, and the value."""


class Parts(NamedTuple):
    """Samples in parts, most of which are as they were in the pass before.

    `sources` has what each part is made of, by a key of its own, and `make` makes it of both. A part whose source is
    equal to that of the pass before is not made again: nothing but the source may be looked at, no two parts may have a
    series in common, and what is handed over must not be changed.
    """

    sources: Mapping[Any, Any]
    make: Callable[[Any, Any], Iterable[Sample]]
    clock: Clock
    """That of the ages among them, which is set when they are shown."""
    now: float


class _Kept:
    """Of some families: what their parts were made of, and the samples that were made and are shown."""

    __slots__ = ("samples", "sources")

    def __init__(self) -> None:
        self.sources: Mapping[Any, Any] = {}
        self.samples: dict[Any, Sequence[Sample]] = {}


class Snapshot:
    """A series store with the exporter's budgets. One thread writes; scrapes read."""

    def __init__(self, budgets: Budgets) -> None:
        self.store = SeriesStore(Budget(budgets), sent=False)
        self._kept: dict[tuple[str, ...], _Kept] = {}

    def take(self, families: tuple[str, ...], found: Iterable[Sample] | Parts) -> None:
        """Set the gauges `families` to exactly what was `found`. Where that raises, nothing has changed."""
        if isinstance(found, Parts):
            self._renew(families, found)
        else:
            self.replace(families, found)

    def replace(self, families: tuple[str, ...], samples: Iterable[Sample]) -> None:
        """Set the gauges `families` to exactly `samples`: a series that is not among them goes.

        Where `samples` raises, nothing has changed.
        """
        found: defaultdict[str, dict[Labels, float | Age]] = defaultdict(dict)
        for name, labels, value in samples:
            found[name][labels] = value
        self._kept.pop(families, None)
        for name in families:
            family = self.store.families.get(name)
            self._drop((name, labels) for labels in set(family.series if family else ()).difference(found[name]))
            for labels, value in found[name].items():
                self._show(name, labels, value)

    def set(self, name: str, value: float) -> None:
        """Set a gauge without labels."""
        self.replace((name,), [(name, (), value)])

    def count(self, name: str, labels: Labels) -> None:
        """Add 1 to a counter."""
        series = self.store.series(catalog.family(name), labels)
        if isinstance(series, Counter):
            series.value += 1

    def observe(self, name: str, labels: Labels, seconds: float) -> None:
        """Add a duration to a histogram."""
        series = self.store.series(catalog.family(name), labels)
        if isinstance(series, Histogram):
            series.observe(seconds)

    def forget(self, known: Iterable[str]) -> None:
        """Drop the counters and histograms of DAGs that are not among `known`."""
        dags = set(known)
        for family in list(self.store.families.values()):
            for labels in [one for one in family.series if family.metric.kind != "gauge" and _of_none(one, dags)]:
                self.store.drop(family.metric, labels)

    def _renew(self, families: tuple[str, ...], found: Parts) -> None:
        kept = self._kept.get(families) or _Kept()
        if found.sources is not kept.sources:
            self._remake(kept, found)
            self._kept[families] = kept
        found.clock.now = found.now

    def _remake(self, kept: _Kept, found: Parts) -> None:
        moved = changed(found.sources, kept.sources)
        made = {key: tuple(found.make(key, found.sources[key])) for key in moved}
        # First what goes: it leaves room within the budgets.
        for key in lost(kept.samples, found.sources, sum(key not in kept.samples for key in moved)):
            self._drop(_gone(kept.samples.pop(key), ()))
        for key, samples in made.items():
            self._drop(_gone(kept.samples.get(key, ()), samples))
        refused = set()
        for key, samples in made.items():
            before = kept.samples.get(key, ())
            shown = tuple([one for one in samples if one in before or self._show(*one)])
            kept.samples[key] = shown
            if len(shown) < len(samples):
                refused.add(key)
        # What a budget keeps out is tried again in each pass.
        rest = found.sources.keys() - refused if refused else ()
        kept.sources = {key: found.sources[key] for key in rest} if refused else found.sources

    def _show(self, name: str, labels: Labels, value: float | Age) -> bool:
        """Set a gauge; returns whether no budget kept it out."""
        series = self.store.series(catalog.family(name), labels)
        if isinstance(series, Reading):
            series.set(value)
        return series is not None

    def _drop(self, series: Iterable[tuple[str, Labels]]) -> None:
        for name, labels in series:
            self.store.drop(catalog.family(name), labels)


def _gone(before: Sequence[Sample], now: Sequence[Sample]) -> Iterable[tuple[str, Labels]]:
    """The series that are no longer among the samples; most often none."""
    there, here = [(name, labels) for name, labels, _ in before], [(name, labels) for name, labels, _ in now]
    return set(there).difference(here) if there != here else ()


def _of_none(labels: Labels, dags: set[str]) -> bool:
    return any(name == "dag_id" and value not in dags for name, value in labels)
