"""Series that nothing updates any more go: gauges soon, the counters and histograms of a DAG with the whole DAG.

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
        self._dags: dict[str, float] = {}

    def step(self, now: float) -> bool:
        """Visit the families that wait longest, a few thousand series at most; returns whether any were dropped."""
        due = sorted(
            (self._visited.get(name, self._started) + self._period(family), name)
            for name, family in list(self._store.families.items())
        )
        dropped = False
        seen = 0
        for time, name in due:
            if time > now or seen > _SERIES_PER_STEP:
                break
            self._visited[name] = now
            seen += len(self._store.families[name].series)
            dropped |= self._visit(self._store.families[name], now)
            if self._store.forget_empty(name):
                del self._visited[name]
        return dropped

    def _period(self, family: Family) -> float:
        return family.metric.ttl or self.settings.gauges

    def _visit(self, family: Family, now: float) -> bool:
        gone = []
        for labels, series in family.series.items():
            idle = _idle(series)
            dag = next((value for name, value in labels if name == "dag_id"), None)
            if dag is not None and (not idle or dag not in self._dags):
                self._dags[dag] = now
            if idle and (isinstance(series, Gauge) or family.metric.ttl or self._dead(dag, now)):
                gone.append(labels)
        for labels in gone:
            self._store.drop(family.metric, labels)
        self._forget_dags(gone, now)
        return bool(gone)

    def _dead(self, dag: str | None, now: float) -> bool:
        return dag is not None and now - self._dags[dag] > self.settings.dags

    def _forget_dags(self, gone: list[Labels], now: float) -> None:
        # A DAG that is gone altogether must not be remembered for ever.
        if gone:
            self._dags = {dag: seen for dag, seen in self._dags.items() if now - seen <= 2 * self.settings.dags}


def _idle(series: Series) -> bool:
    """Whether nothing came since the last visit; takes note of what is there now."""
    if isinstance(series, Gauge):
        return series.age()
    mark = series.observed if isinstance(series, Histogram) else series.value
    idle = mark == series.mark
    series.mark = mark
    return idle
