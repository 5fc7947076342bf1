"""From series to text: Prometheus' format 0.0.4 and OpenMetrics 1.0, which differ in their headings only.

A counter or histogram that is new is shown as 0 once before it shows what it counted: `increase()` needs a first
sample to grow from, and the first failure of a DAG would be invisible otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from .number import go_float

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from windsock.catalog import Metric

    from .kinds import Counter, Gauge, Histogram, Series
    from .store import Family, SeriesStore
    from .summary import Summary

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
END = b"# EOF\n"
# Series in a piece of text, and its characters, about: a few thousand histograms with long labels would be 100 MB.
_PIECE = 2000
_PIECE_SIZE = 4 << 20


def content_type(accept: str) -> str:
    """The format that a scraper asks for; the first it names of those that there are.

    A Prometheus that would rather have protobuf may read when each series began. In OpenMetrics it searches the rest of
    the family for a `_created` of each counter that has none, minutes for 100,000 of them; in text it does not.
    """
    if "application/vnd.google.protobuf" in accept:
        return TEXT
    for part in accept.split(","):
        media = part.split(";")[0].strip()
        if media == "application/openmetrics-text" and "version=0" not in part:
            return OPENMETRICS
        if media in {"text/plain", "*/*"}:
            return TEXT
    return TEXT


def render(stores: Iterable[SeriesStore], content: str, *, zero: ZeroInit | None = None) -> bytes:
    """Return the exposition of all series in `stores`; only with `zero`, for a scraper, are new ones shown as 0."""
    return b"".join([*pieces(stores, content, zero=zero), END if content == OPENMETRICS else b""])


def pieces(stores: Iterable[SeriesStore], content: str, *, zero: ZeroInit | None = None) -> Iterator[bytes]:
    """The exposition without OpenMetrics' end, a few thousand series at most at a time: less memory is touched."""
    for store in stores:
        store.fold()
        for _, family in sorted(store.families.items()):
            yield _heading(family, content, store.families).encode()
            zeros = zero.zeros(family) if zero else set()
            series = list(family.series.values())
            for some in _some(series, family.metric):
                yield "".join(_lines(family, some, zeros, content)).encode()


def _some(series: list[Series], metric: Metric) -> Iterator[list[Series]]:
    lines = len(metric.buckets) + len(metric.quantiles.shown) + 3
    for start in range(0, len(series), _PIECE):
        piece = series[start : start + _PIECE]
        longest = max([len(one.text) for one in piece]) + len(metric.family)
        step = max(1, _PIECE_SIZE // (lines * longest))
        for begin in range(0, len(piece), step):
            yield piece[begin : begin + step]


class ZeroInit:
    """Tells which series a scrape shows as 0: those that it is the first to show.

    So are those that it shows within `hold` seconds of the first: several Prometheis may scrape one exporter, and each
    has to see the 0.
    """

    def __init__(self, now: float, hold: float) -> None:
        self._now = now
        self._hold = hold

    def zeros(self, family: Family) -> set[Series]:
        """The series of `family` to show as 0; the others that were new are so no longer."""
        zeros = set()
        for series, shown in list(family.unborn.items()):
            if shown is None:
                family.unborn[series] = self._now
            elif self._now - shown > self._hold:
                family.unborn.pop(series, None)
                continue
            zeros.add(series)
        return zeros


def _heading(family: Family, content: str, others: Mapping[str, Family]) -> str:
    metric = family.metric
    name = metric.family
    text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    if content == OPENMETRICS:
        kind: str = metric.kind
        if kind == "counter":
            base = name.removesuffix("_total")
            # There a counter ends in _total, and its heading stands without; what a mapping calls a counter need not.
            name, kind = (name, "unknown") if base == name or base in others else (base, kind)
        unit = f"# UNIT {name} {metric.unit}\n" if metric.unit and name.endswith(f"_{metric.unit}") else ""
        return f"# HELP {name} {text}\n# TYPE {name} {kind}\n{unit}"
    return f"# HELP {name} {text}\n# TYPE {name} {metric.kind}\n"


def _lines(family: Family, series: list[Series], zeros: set[Series], content: str) -> Iterable[str]:
    if family.metric.kind == "counter":
        counters = cast("list[Counter]", series)
        if not zeros:
            return [f"{one.text}{one.value}\n" for one in counters]
        return [f"{one.text}{0 if one in zeros else one.value}\n" for one in counters]
    if family.metric.kind == "gauge":
        return [f"{one.text}{_number(one.value)}\n" for one in cast("list[Gauge]", series)]
    if family.metric.kind == "summary":
        return _summaries(family, cast("list[Summary]", series), zeros, content)
    return _histograms(family, cast("list[Histogram]", series), zeros, content)


def _histograms(family: Family, series: list[Histogram], zeros: set[Series], content: str) -> Iterator[str]:
    name = family.metric.family
    edges = [_edge(bound, family.metric, content) for bound in family.metric.buckets]
    bounds = [f'le="{edge}"}} ' for edge in (*edges, "+Inf")]
    for one in series:
        start = f"{name}_bucket{{{one.text}," if one.text else f"{name}_bucket{{"
        labels = f"{{{one.text}}} " if one.text else " "
        if one in zeros:
            yield "".join([f"{start}{bound}0\n" for bound in bounds])
            yield f"{name}_count{labels}0\n{name}_sum{labels}0\n"
            continue
        total = 0
        rows = []
        for bound, count in zip(bounds, one.counts, strict=True):
            total += count
            rows.append(f"{start}{bound}{total}\n")
        rows.append(f"{name}_count{labels}{total}\n{name}_sum{labels}{_number(one.sum)}\n")
        yield "".join(rows)


def _summaries(family: Family, series: list[Summary], zeros: set[Series], content: str) -> Iterator[str]:
    name = family.metric.family
    for one in series:
        start = f"{name}{{{one.text}," if one.text else f"{name}{{"
        labels = f"{{{one.text}}} " if one.text else " "
        for quantile, value in zip(one.quantiles, one.values(), strict=True):
            shown = float("nan") if one in zeros else value
            yield f'{start}quantile="{_edge(quantile, family.metric, content)}"}} {_number(shown)}\n'
        count, total = (0, 0.0) if one in zeros else (one.counts[0], one.sum)
        yield f"{name}_sum{labels}{_number(total)}\n{name}_count{labels}{count}\n"


def _edge(value: float, metric: Metric, content: str) -> str:
    """A bound or a quantile as a label: `1.0`, and `1` where statsd_exporter's series go on."""
    return go_float(value) if metric.source == "mapping" and content == TEXT else repr(float(value))


def _number(value: float) -> str:
    if value == value and value not in (float("inf"), float("-inf")):  # noqa: PLR0124  nan is not itself
        return str(value)
    return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"  # noqa: PLR0124  nan is not itself
