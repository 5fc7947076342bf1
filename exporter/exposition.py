"""From series to text: Prometheus' format 0.0.4 and OpenMetrics 1.0, which differ in their headings only.

A counter or histogram that is new is shown as 0 once before it shows what it counted: `increase()` needs a first
sample to grow from, and the first failure of a DAG would be invisible otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from .statsd.store import Counter, Family, Gauge, Histogram, Series, SeriesStore

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def content_type(accept: str) -> str:
    """The format that a scraper asks for; the first it names of those that there are."""
    for part in accept.split(","):
        media = part.split(";")[0].strip()
        if media == "application/openmetrics-text" and "version=0" not in part:
            return OPENMETRICS
        if media in {"text/plain", "*/*"}:
            return TEXT
    return TEXT


def render(stores: Iterable[SeriesStore], content: str, *, birth: Birth | None = None) -> bytes:
    """Return the exposition of all series in `stores`; only with `birth`, for a scraper, are new ones shown as 0."""
    blocks: list[str] = []
    for store in stores:
        store.fold()
        for _, family in sorted(store.families.items()):
            blocks.append(_heading(family, content))
            blocks.extend(_lines(family, birth.zeros(family) if birth else set()))
    if content == OPENMETRICS:
        blocks.append("# EOF\n")
    return "".join(blocks).encode()


class Birth:
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


def _heading(family: Family, content: str) -> str:
    metric = family.metric
    name = metric.family
    text = metric.help.replace("\\", r"\\").replace("\n", r"\n")
    if content == OPENMETRICS:
        name = name.removesuffix("_total") if metric.kind == "counter" else name
        unit = f"# UNIT {name} {metric.unit}\n" if metric.unit and name.endswith(f"_{metric.unit}") else ""
        return f"# HELP {name} {text}\n# TYPE {name} {metric.kind}\n{unit}"
    return f"# HELP {name} {text}\n# TYPE {name} {metric.kind}\n"


def _lines(family: Family, zeros: set[Series]) -> Iterator[str]:
    series = list(family.series.values())
    if family.metric.kind == "counter":
        counters = cast("list[Counter]", series)
        return iter([f"{one.text}{0 if one in zeros else one.value}\n" for one in counters])
    if family.metric.kind == "gauge":
        return iter([f"{one.text}{_number(one.value)}\n" for one in cast("list[Gauge]", series)])
    return _histograms(family, cast("list[Histogram]", series), zeros)


def _histograms(family: Family, series: list[Histogram], zeros: set[Series]) -> Iterator[str]:
    name = family.metric.family
    bounds = [f'le="{bound}"}} ' for bound in (*family.metric.buckets, "+Inf")]
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


def _number(value: float) -> str:
    if value == value and value not in (float("inf"), float("-inf")):  # noqa: PLR0124  nan is not itself
        return str(value)
    return "NaN" if value != value else "+Inf" if value > 0 else "-Inf"  # noqa: PLR0124  nan is not itself
