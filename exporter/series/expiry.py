"""Series that nothing updates any more go: gauges soon, the counters and histograms of a DAG with the whole DAG.

Those of no DAG stay, but for metrics that a line named: they go as if the metric were a DAG.

Runs in the thread that stores, some families a step, so that no line can meet a series on its way out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .kinds import Gauge, Histogram

if TYPE_CHECKING:
    from windsock.settings.exporter import Expiry as ExpirySettings

    from .kinds import Series
    from .labels import Labels
    from .store import Family, SeriesStore


_SERIES_PER_STEP = 5000


class Expiry:
    """Looks at each family once in a period; what it saw the last time is the series' `mark`."""

    def __init__(self, store: SeriesStore, settings: ExpirySettings, now: float) -> None:
        self.settings = settings
        self._store = store
        self._started = now
        self._visited: dict[str, float] = {}
        self._owners: dict[tuple[str, str], float] = {}

    def step(self, now: float) -> list[str]:
        """Visit the families that wait longest, a few thousand series at most; returns those that lost any."""
        due = sorted(
            (self._visited.get(name, self._started) + self._period(family), name)
            for name, family in list(self._store.families.items())
        )
        dropped = []
        seen = 0
        for time, name in due:
            if time > now or seen > _SERIES_PER_STEP:
                break
            self._visited[name] = now
            seen += len(self._store.families[name].series)
            if self._visit(self._store.families[name], now):
                dropped.append(name)
            if self._store.forget_empty(name):
                del self._visited[name]
        return dropped

    def _period(self, family: Family) -> float:
        return family.metric.ttl or self.settings.gauges

    def _visit(self, family: Family, now: float) -> bool:
        gone = []
        for labels, series in family.series.items():
            idle = _idle(series)
            owner = _owner(family, labels)
            if owner is not None and (not idle or owner not in self._owners):
                self._owners[owner] = now
            if idle and (isinstance(series, Gauge) or family.metric.ttl or self._dead(owner, now)):
                gone.append(labels)
        for labels in gone:
            self._store.drop(family.metric, labels)
        self._forget_owners(gone, now)
        return bool(gone)

    def _dead(self, owner: tuple[str, str] | None, now: float) -> bool:
        return owner is not None and now - self._owners[owner] > self.settings.dags

    def _forget_owners(self, gone: list[Labels], now: float) -> None:
        # A DAG that is gone altogether must not be remembered for ever.
        if gone:
            self._owners = {one: seen for one, seen in self._owners.items() if now - seen <= 2 * self.settings.dags}


def _owner(family: Family, labels: Labels) -> tuple[str, str] | None:
    """What a series goes with; None: it stays."""
    dag = next((value for name, value in labels if name == "dag_id"), None)
    if dag is not None:
        return "dag_id", dag
    return ("metric", family.metric.family) if family.metric.source in ("custom", "unmapped") else None


def _idle(series: Series) -> bool:
    """Whether nothing came since the last visit; takes note of what is there now."""
    if isinstance(series, Gauge):
        return series.age()
    mark = series.observed if isinstance(series, Histogram) else series.value
    idle = mark == series.mark
    series.mark = mark
    return idle
