"""The page for people, at /: what comes in, what becomes of it, and what to do about what does not fit."""

from __future__ import annotations

import base64
import hashlib
import heapq
import platform
import time
from operator import itemgetter
from pathlib import Path
from typing import TYPE_CHECKING

from windsock import __version__
from windsock.settings.units import format_age, format_size

from . import condition, markup
from .findings import findings
from .markup import Html

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from windsock.exporter.pipeline import Pipeline
    from windsock.exporter.series.kinds import Counter
    from windsock.exporter.statsd.listener import Listener

    from .markup import Cell

_STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = (
    f"default-src 'none'; style-src 'sha256-{_HASH}'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
"""The page's Content-Security-Policy: it holds no script, and could load none."""

_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Cpath d='M5 3v26' "
    "stroke='%23808a99' stroke-width='3' stroke-linecap='round'/%3E%3Cpath d='M7 6l20 4v6L7 20z' fill='%23e8590c'/%3E"
    "%3C/svg%3E"
)
_LISTENER = (
    "Address",
    "Datagrams",
    "Per second",
    "Dropped",
    "Refused",
    "Buffer",
    "Asked for",
    "Unread",
    "Longest wait",
)
_BECAME = {
    "windsock_samples_total": "stored: {}",
    "windsock_duplicates_total": "left out: the {} form of a stored fact",
    "windsock_ignored_total": "left out: {}",
    "windsock_corrections_total": "corrected: {}",
    "windsock_sample_errors_total": "rejected: {}",
}
_TOP = 10


def render(pipeline: Pipeline) -> str:
    """Return the whole page."""
    with pipeline.rendering:
        for _ in pipeline.stores():
            pass  # brings its figures up to date
    attention = [markup.prose(one.sentences) for one in findings(pipeline)]
    unmapped = list(_unmapped(pipeline))
    body = [
        _header(pipeline),
        markup.section("What needs attention", markup.bullets(attention)) if attention else "",
        markup.section("Overview", markup.facts(_overview(pipeline))),
        markup.section(
            "Beside StatsD", markup.facts((name, markup.prose(said)) for name, said in condition.facts(pipeline))
        ),
        markup.section(
            "Listeners", markup.table(_LISTENER, (_listener(pipeline, one) for one in pipeline.listeners()))
        ),
        markup.section("Lines", markup.table(("", "Lines", "Per second", "For example"), _lines(pipeline))),
        markup.section(
            "Lines with names that nothing maps",
            markup.table(("Name begins with", "Lines", "Per second", "For example"), unmapped),
        )
        if unmapped
        else "",
        markup.section("Where the series are", *_cardinality(pipeline)),
    ]
    return document("windsock exporter", body)


def document(title: str, body: Iterable[str]) -> str:
    """A whole page in the exporter's style, to be sent with `POLICY`."""
    return markup.document(title, _ICON, _STYLE, body)


def _header(pipeline: Pipeline) -> Html:
    state, words = condition.lines(pipeline)
    return Html(
        f'<header><h1>windsock <span>exporter</span></h1><p class="{state}">{words}</p>'
        '<nav><a href="metrics">metrics</a> <a href="-/healthy">healthy</a> <a href="-/ready">ready</a> '
        '<a href="runbooks/">runbooks</a></nav></header>'
    )


def _overview(pipeline: Pipeline) -> Iterator[tuple[str, Cell]]:
    own = pipeline.own
    yield "Version", f"windsock {__version__}, Python {platform.python_version()}"
    yield "Up for", format_age(time.time() - pipeline.started)
    yield from _airflow(pipeline)
    yield "Naming", pipeline.settings.exporter.mapping_config or pipeline.settings.exporter.naming
    yield "Series", f"{len(pipeline.store):,} of {pipeline.store.budget.limits.series:,}"
    yield "Configuration", Html(", ".join(map(markup.code, pipeline.origin or ["defaults"])))
    yield "Last reload", pipeline.reloaded
    relay = pipeline.relay()
    if relay is not None:
        outcomes = ("relayed", "dropped", "refused")
        counts = ((name, own.counter("windsock_relay_datagrams_total", outcome=name).value) for name in outcomes)
        yield "Relay", f"{relay.url}: " + ", ".join(f"{count:,.0f} {name}" for name, count in counts)


def _airflow(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    """What the lines tell about their sender; other names than windsock's own take every line as it is."""
    translator = pipeline.translator
    yield "Dialect", translator.dialect or "plain, or nothing received yet"
    if pipeline.settings.exporter.mapping_config or pipeline.settings.exporter.naming != "prometheus":
        return
    repeated = pipeline.own.counter("windsock_duplicates_total", form="legacy").value
    legacy = repeated or "legacy" in translator.forms.decided.values()
    yield "Airflow", f"{translator.major}.x" if translator.major else "can't tell yet"
    yield "Legacy names", "on: most facts come twice, and are stored once" if legacy else "none seen"


def _listener(pipeline: Pipeline, one: Listener) -> list[Cell]:
    received, drops, refused = (
        pipeline.own.counter(f"windsock_{name}_total", listener=one.url)
        for name in ("datagrams", "kernel_drops", "refused")
    )
    source = one.datagrams
    buffer = [source.buffer_bytes(), one.read_buffer, source.backlog_bytes()] if source is not None else []
    return [
        markup.code(one.address),
        received.value,
        _rate(pipeline, received),
        drops.value,
        refused.value,
        *([format_size(size) for size in buffer] or [""] * 3),
        f"{one.lag.longest * 1000:.1f} ms",
    ]


def _lines(pipeline: Pipeline) -> Iterator[list[Cell]]:
    total = pipeline.own.counter("windsock_lines_total")
    yield ["received", total.value, _rate(pipeline, total), ""]
    examples = pipeline.rejected()
    for name, words in _BECAME.items():
        for reason, counter in pipeline.own.counters(name):
            if counter.value:
                example = examples.get(reason, "") if name == "windsock_sample_errors_total" else ""
                said = words.format(reason.replace("_", " "))
                yield [said, counter.value, _rate(pipeline, counter), markup.code(example)]


def _unmapped(pipeline: Pipeline) -> Iterator[list[Cell]]:
    for prefix, line in sorted(pipeline.examples().items()):
        counter = pipeline.own.counter("windsock_unmapped_total", prefix=prefix)
        yield [markup.code(prefix), counter.value, _rate(pipeline, counter), markup.code(line)]


def _cardinality(pipeline: Pipeline) -> Iterator[Html]:
    budget = pipeline.store.budget
    values = {name: len(found) for name, found in dict(budget.labels).items()}
    for title, unit, counts in (
        ("Metrics", "Series", budget.metrics),
        ("DAGs", "Series", budget.labels.get("dag_id", {})),
        ("Labels", "Values", values),
    ):
        yield markup.table((title, unit), _most(counts))


def _most(counts: Mapping[str, int]) -> Iterator[list[Cell]]:
    for name, count in heapq.nlargest(_TOP, dict(counts).items(), key=itemgetter(1)):
        yield [markup.code(name), count]


def _rate(pipeline: Pipeline, counter: Counter) -> str:
    rate = pipeline.rates.rate(counter, time.monotonic())
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}" if rate else "0"
