"""How the exporter and its parts are, in words, for the page. Silence is never taken for health."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from windsock.exporter.parts import ALERTMANAGER, DATABASE, RECONCILER
from windsock.exporter.series.kinds import Counter
from windsock.redaction import redact
from windsock.settings.units import format_age

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.exporter.pipeline import Pipeline

SOON = 60.0
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
    arrived, now = arrived_at(pipeline), time.time()
    if arrived is None:
        return "waiting", "listening: nothing received yet"
    if now - arrived < SOON:
        return "good", "receiving"
    return "waiting", f"listening: nothing received since {clock(arrived)}, for {format_age(now - arrived)}"


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


def _callbacks(pipeline: Pipeline) -> str:
    counts = {name: total(pipeline, f"windsock_{name}_total") for name in _CALLBACKS}
    told = ", ".join(f"{count:,} {_CALLBACKS[name]}" for name, count in counts.items() if count)
    said = f"since the exporter's start: {told}" if told else "nothing heard of them yet"
    return f"{said}; `windsock notify spool` on Airflow's hosts lists what waits there"


def total(pipeline: Pipeline, family: str) -> int:
    """The sum of all series of a counter that others send."""
    found = pipeline.store.families.get(family)
    series = list(found.series.values()) if found is not None else []
    return int(sum(one.value for one in series if isinstance(one, Counter)))


def clock(moment: float) -> str:
    """The time of day, as the page says it."""
    return f"{datetime.fromtimestamp(moment, timezone.utc):%H:%M:%S} UTC"


def arrived_at(pipeline: Pipeline) -> float | None:
    """When the last line, or export, arrived; seconds since 1970."""
    intake = pipeline.intake
    times = (pipeline.rates.arrived(), intake.arrived if intake is not None else None)
    return max((one for one in times if one is not None), default=None)
