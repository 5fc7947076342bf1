"""What survives a restart: the series and what the translator learned, in one JSON file.

Only a clean stop leaves it, and loading takes it away. After a crash there is none, on purpose: a state older than the
last scrape would let counters go back, which Prometheus takes for a reset and adds once more (measured: a counter that
went back from 100,010 to 99,990 gave an `increase` of some 110,000). Without it they start at 0, which Prometheus
understands.
"""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .series.kinds import Counter, Histogram

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from windsock.catalog import Metric

    from .series.store import SeriesStore
    from .statsd.translate import Translator

log = logging.getLogger(__name__)

_FORMAT = "windsock exporter state 2"


def save(path: str, store: SeriesStore, translator: Translator) -> None:
    """Write everything aside, then put it in place; an error is logged, and the next start begins at 0."""
    store.fold()
    metrics = (one.metric for one in store.families.values())
    custom = [(metric.name, metric.kind) for metric in metrics if metric.source in ("custom", "unmapped")]
    state = {"format": _FORMAT, "learned": translator.learned(), "custom": custom, "series": list(_dump(store))}
    aside = Path(f"{path}.new")
    try:
        with aside.open("w", encoding="utf-8") as file:
            json.dump(state, file, separators=(",", ":"))
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        log.warning("%s: the state can't be kept, counters will start at 0: %s", path, error.strerror or error)


def load(path: str, store: SeriesStore, translator: Translator, metrics: Iterable[Metric]) -> None:
    """Take over the state and remove its file; a file that is none is set aside with a message."""
    file = Path(path)
    try:
        state = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(state, dict) or state.get("format") != _FORMAT:
            raise ValueError(f"expected {_FORMAT!r}")
        custom = (translator.restore(name, kind) for name, kind in state["custom"])
        known = {metric.family: metric for metric in (*metrics, *custom) if metric is not None}
        rows = [(known[name], _Row(*values)) for name, *values in state["series"] if name in known]
        translator.relearn(state["learned"])
        for metric, row in rows:
            _restore(store, metric, row)
        file.unlink()
    except FileNotFoundError:
        return
    except OSError as error:
        log.warning("%s: can't be read, counters start at 0: %s", path, error.strerror or error)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        bad = file.with_name(f"{file.name}.bad")
        file.replace(bad)
        log.warning("%s: not a state of this program, set aside as %s; counters start at 0: %s", path, bad.name, error)


class _Row:
    """One series of the file; raises TypeError or ValueError where it is none."""

    def __init__(
        self,
        labels: list[list[str]],
        shown: bool,
        value: float,
        counts: Sequence[int] = (),
        bounds: Sequence[float] = (),
    ) -> None:
        self.labels = tuple((str(name), str(text)) for name, text in labels)
        self.shown = bool(shown)
        self.value = value + 0
        self.counts = [int(count) for count in counts]
        self.bounds = tuple(float(bound) for bound in bounds)


def _dump(store: SeriesStore) -> Iterable[list[Any]]:
    """[family, labels, shown, value] of a counter; [family, labels, shown, sum, counts, bounds] of a histogram.

    Gauges are left out: what they say is true only while someone says it.
    """
    for name, family in store.families.items():
        for labels, series in family.series.items():
            shown = series not in family.unborn
            if isinstance(series, Counter):
                yield [name, labels, shown, series.value]
            elif isinstance(series, Histogram):
                yield [name, labels, shown, series.sum, series.counts, series.bounds]


def _restore(store: SeriesStore, metric: Metric, row: _Row) -> None:
    series = store.series(metric, row.labels)
    if isinstance(series, Counter):
        series.value += row.value
    elif isinstance(series, Histogram) and row.bounds == series.bounds and len(row.counts) == len(series.counts):
        series.sum += row.value
        series.counts = [old + new for old, new in zip(series.counts, row.counts, strict=True)]
    if series is not None and row.shown:
        store.families[metric.family].unborn.pop(series, None)
