"""How the exporter and its parts are, in words: for the page and the probes. Silence is never taken for health."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from windsock.exporter.parts import ALERTMANAGER, DATABASE, RECONCILER
from windsock.exporter.series.kinds import Counter
from windsock.exporter.statsd.prefix import advice, foreign_prefix
from windsock.redaction import redact
from windsock.settings.units import format_age

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.exporter.pipeline import Pipeline

_SOON = 60.0
"""Airflow's scheduler sends lines every few seconds."""
_CALLBACKS = {
    "callback_sent": "failures told",
    "callback_failed": "attempts failed",
    "channel_sent": "messages taken",
    "channel_spooled": "put into the spool",
    "channel_dead": "given up",
}


def lines(pipeline: Pipeline) -> tuple[str, str]:
    """How StatsD's lines and OpenTelemetry's exports come, as the class of a colour and in words."""
    if not pipeline.alive():
        return "bad", "not receiving"
    arrived, now = _arrived(pipeline), time.time()
    if arrived is None:
        return "waiting", "listening: nothing received yet"
    if now - arrived < _SOON:
        return "good", "receiving"
    return "waiting", f"listening: nothing received since {_clock(arrived)}, for {format_age(now - arrived)}"


def facts(pipeline: Pipeline) -> Iterator[tuple[str, str]]:
    """The parts beside the listeners, and what callbacks tell of themselves."""
    parts, urls = pipeline.parts, pipeline.settings.alertmanager.urls
    yield DATABASE, redact(parts.database())
    if pipeline.intake is not None:
        stored = int(pipeline.own.counter("windsock_otlp_points_total", outcome="stored").value)
        yield "OpenTelemetry", f"{stored:,} points stored, {len(pipeline.intake.streams):,} processes are remembered"
    reconciler = parts.reconciler
    problems = reconciler.problems() if reconciler is not None else {}
    if reconciler is None:
        yield RECONCILER, parts.no_reconciler
    else:
        words = {
            "starts": "on: no pass has come to its end yet",
            "leads": f"on, and acts: {len(reconciler.lasting())} alerts of tasks and runs fire",
            "follows": "on: another one acts, and this one follows",
        }[reconciler.status]
        if "database" in problems:
            words = "on, and can't read the database"
        yield RECONCILER, f"{words}; see above" if problems else words
    for url in urls:
        asked = reconciler is not None and reconciler.status == "leads"
        heard = problems.get(f"alertmanager {url}", "answers") if asked else "not asked from here"
        yield f"{ALERTMANAGER} {url}", redact(heard)
    if not urls:
        yield ALERTMANAGER, "none: set alertmanager.urls in windsock.yaml"
    yield "Callbacks", _callbacks(pipeline)


def attention(pipeline: Pipeline) -> Iterator[str]:
    """What is wrong with the lines and the parts, in sentences that say what to do."""
    yield from _silence(pipeline)
    yield from _prefixes(pipeline)
    parts = pipeline.parts
    if parts.collector is not None:
        failing = parts.collector.failing()
        if parts.collector.status() == "down":
            yield redact(f"The metadata database {parts.database()}.")
        else:
            for name, said in failing.items():
                yield redact(f"The metadata database {parts.collector.where}: the query {name} fails: {said}.")
    if parts.reconciler is not None:
        for name, said in parts.reconciler.problems().items():
            yield redact(f"The reconciler: {name}: {said}.")
    dead = _sum(pipeline, "windsock_channel_dead_total")
    if dead:
        yield f"Callbacks gave up {dead:,} messages: `windsock notify dead` on Airflow's hosts lists them."


def _silence(pipeline: Pipeline) -> Iterator[str]:
    arrived, now = _arrived(pipeline), time.time()
    nothing = "No StatsD line" if pipeline.intake is None else "No StatsD line and no OpenTelemetry export"
    refused = sum(
        int(pipeline.own.counter("windsock_refused_total", listener=one.url).value) for one in pipeline.listeners()
    )
    if arrived is None and refused:
        yield f"{refused:,} lines arrived, and all from senders that exporter.statsd.allow leaves out."
    elif arrived is None and now - pipeline.started > _SOON:
        yield (
            f"{nothing} has arrived in {format_age(now - pipeline.started)}. Airflow needs the package statsd, "
            "and in [metrics] statsd_on = True with a statsd_host and statsd_port that lead to "
            f"{' or '.join(pipeline.addresses())} (127.0.0.1 is reached from this host alone)."
        )
    elif arrived is not None and now - arrived > 5 * _SOON:
        yield (
            f"{nothing} has arrived since {_clock(arrived)}, for {format_age(now - arrived)}, and a scheduler "
            "that runs sends some every few seconds."
        )


def _arrived(pipeline: Pipeline) -> float | None:
    """When the last line, or export, arrived; seconds since 1970."""
    intake = pipeline.intake
    times = (pipeline.rates.arrived(), intake.arrived if intake is not None else None)
    return max((one for one in times if one is not None), default=None)


def _prefixes(pipeline: Pipeline) -> Iterator[str]:
    """Lines that are Airflow's, with another prefix than the configured one."""
    prefix = pipeline.translator.prefix
    if prefix is None:
        return
    found: dict[str, tuple[str, int]] = {}
    for start, line in pipeline.examples().items():
        other = foreign_prefix(line, prefix)
        if other is not None:
            count = int(pipeline.own.counter("windsock_unmapped_total", prefix=start).value)
            found[other] = line, found.get(other, ("", 0))[1] + count
    for other, (line, count) in found.items():
        yield f"{count:,} lines such as {line} are not stored: {advice(other)}."


def _callbacks(pipeline: Pipeline) -> str:
    counts = {name: _sum(pipeline, f"windsock_{name}_total") for name in _CALLBACKS}
    told = ", ".join(f"{count:,} {_CALLBACKS[name]}" for name, count in counts.items() if count)
    said = f"since the exporter's start: {told}" if told else "nothing heard of them yet"
    return f"{said}; `windsock notify spool` on Airflow's hosts lists what waits there"


def _sum(pipeline: Pipeline, family: str) -> int:
    found = pipeline.store.families.get(family)
    series = list(found.series.values()) if found is not None else []
    return int(sum(one.value for one in series if isinstance(one, Counter)))


def _clock(moment: float) -> str:
    return f"{datetime.fromtimestamp(moment, timezone.utc):%H:%M:%S} UTC"
