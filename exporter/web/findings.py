"""What the exporter finds wrong with what it receives and reads: for its page, for /doctor and as metrics."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from windsock.doctor.finding import Finding
from windsock.exporter.statsd.prefix import advice, foreign_prefix
from windsock.redaction import redact
from windsock.settings.units import format_age, format_size

from .condition import SOON, arrived_at, clock, total

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.exporter.pipeline import Pipeline
    from windsock.exporter.statsd.listener import Listener

log = logging.getLogger(__name__)

_METRIC = "windsock_doctor_finding"
_BEATS = {f"airflow_{one}_heartbeat_total" for one in ("scheduler", "dag_processor", "triggerer")}
"""What components send every few seconds, whatever runs."""
_TASKS = {"airflow_ti_start_total", "airflow_task_duration_seconds"}
"""What tasks send, in any version one of them."""
_STATSD = (
    "Airflow needs the package statsd, and in [metrics] statsd_on = True with a statsd_host and statsd_port "
    "that lead to {} (127.0.0.1 is reached from this host alone)."
)
_OTLP = (
    "Airflow needs apache-airflow[otel], in [metrics] otel_on = True, and an OTEL_EXPORTER_OTLP_METRICS_ENDPOINT that "
    "leads to exporter.otlp.listen."
)


def findings(pipeline: Pipeline) -> Iterator[Finding]:
    """Yield all that somebody should do something about; what was lost, for an hour after the last of it."""
    yield from _silence(pipeline)
    yield from _prefixes(pipeline)
    yield from _parts(pipeline)
    dead = total(pipeline, "windsock_channel_dead_total")
    if pipeline.lately.grew("dead", dead):
        yield Finding(
            "callbacks.dead",
            "critical",
            f"Callbacks gave up {dead:,} messages:",
            "`windsock notify dead` on Airflow's hosts lists them.",
        )
    for one in pipeline.listeners():
        yield from _listener(pipeline, one)
    yield from _losses(pipeline)


def note(pipeline: Pipeline) -> None:
    """Bring `windsock_doctor_finding` up to date; what is found no more is 0. Never raises: no scrape waits for it."""
    try:
        now = {(("check", one.check), ("severity", one.grade)) for one in findings(pipeline)}
    except Exception:
        log.exception("what is wrong can't be said: that is a bug")
        return
    family = pipeline.own.store.families.get(_METRIC)
    for labels in now.union(family.series if family is not None else ()):
        pipeline.own.set(_METRIC, int(labels in now), **dict(labels))


def _silence(pipeline: Pipeline) -> Iterator[Finding]:
    if not pipeline.listeners() and pipeline.intake is None:
        return  # it is there for the database alone
    arrived, now = arrived_at(pipeline), time.time()
    nothing = "No StatsD line" if pipeline.intake is None else "No StatsD line and no OpenTelemetry export"
    refused = sum(
        int(pipeline.own.counter("windsock_refused_total", listener=one.url).value) for one in pipeline.listeners()
    )
    if arrived is None and pipeline.lately.grew("refused", refused):
        yield Finding(
            "statsd.refused",
            "critical",
            f"{refused:,} lines arrived, and all from senders that exporter.statsd.allow leaves out.",
        )
    elif arrived is None and now - pipeline.started > SOON:
        yield Finding(
            "statsd.silent",
            "critical",
            f"{nothing} has arrived in {format_age(now - pipeline.started)}.",
            _STATSD.format(" or ".join(pipeline.addresses())) if pipeline.listeners() else _OTLP,
        )
    elif arrived is not None and now - arrived > 5 * SOON and not _for_tasks(pipeline):
        yield Finding(
            "statsd.silent",
            "critical",
            f"{nothing} has arrived since {clock(arrived)}, for {format_age(now - arrived)}, and a scheduler that "
            "runs sends some every few seconds.",
        )


def _for_tasks(pipeline: Pipeline) -> bool:
    """Whether tasks alone send here, who may all be done: an exporter of the workers."""
    heard = pipeline.store.families
    return not heard.keys().isdisjoint(_TASKS) and heard.keys().isdisjoint(_BEATS)


def _prefixes(pipeline: Pipeline) -> Iterator[Finding]:
    """Lines that are Airflow's, with another prefix than the configured one."""
    prefix = pipeline.translator.prefix
    if prefix is None:
        return
    found: dict[str, tuple[str, int]] = {}
    # A copy: the thread that stores adds to it meanwhile.
    for start, line in dict(pipeline.examples()).items():
        other = foreign_prefix(line, prefix)
        if other is not None:
            count = int(pipeline.own.counter("windsock_unmapped_total", prefix=start).value)
            found[other] = line, found.get(other, ("", 0))[1] + count
    for other, (line, count) in found.items():
        if pipeline.lately.grew(f"prefix {other}", count):
            yield Finding(
                "statsd.prefix", "critical", f"{count:,} lines such as {line} are not stored:", f"{advice(other)}."
            )


def _parts(pipeline: Pipeline) -> Iterator[Finding]:
    parts = pipeline.parts
    down = parts.collector is not None and parts.collector.status() == "down"
    if parts.collector is not None:
        failing = parts.collector.failing()
        if down:
            yield Finding("database.down", "critical", redact(f"The metadata database {parts.database()}."))
        else:
            for name, said in failing.items():
                text = f"The metadata database {parts.collector.where}: the query {name} fails: {said}."
                yield Finding("database.query", "warning", redact(text))
    if parts.reconciler is not None:
        for name, said in parts.reconciler.problems().items():
            if name != "database" or not down:  # it reads the same one
                yield Finding("reconciler.problem", "critical", redact(f"The reconciler: {name}: {said}."))


def _listener(pipeline: Pipeline, one: Listener) -> Iterator[Finding]:
    drops = int(pipeline.own.counter("windsock_kernel_drops_total", listener=one.url).value)
    if pipeline.lately.grew(f"drops {one.url}", drops):
        yield Finding(
            "statsd.drops",
            "warning",
            f"{one.address}: the kernel dropped {drops:,} datagrams, because the receive buffer was full.",
        )
    try:
        granted = one.datagrams.buffer_bytes() if one.datagrams is not None else one.read_buffer
    except OSError:  # it is being closed
        return
    if granted < one.read_buffer:
        yield Finding(
            "statsd.buffer",
            "warning",
            f"{one.address}: the kernel grants a receive buffer of {format_size(granted)}, not the "
            f"{format_size(one.read_buffer)} asked for.",
            f"To raise it: sysctl -w net.core.rmem_max={one.read_buffer}",
        )


def _losses(pipeline: Pipeline) -> Iterator[Finding]:
    relay = pipeline.relay()
    if relay is not None and relay.problem:
        yield Finding("statsd.relay", "warning", f"The relay {relay.url} gets nothing: {relay.problem}.")
    if pipeline.forward is not None and pipeline.forward.problem:
        yield Finding("otlp.forward", "warning", f"exporter.otlp.forward gets nothing: {pipeline.forward.problem}.")
    if pipeline.broker is not None and pipeline.broker.problem:
        yield Finding("celery.broker", "warning", f"exporter.celery.broker can't be read: {pipeline.broker.problem}.")
    if pipeline.reloaded.startswith("failed"):
        yield Finding("exporter.reload", "warning", f"The last reload {pipeline.reloaded}")
    for budget, times in pipeline.store.budget.overflows.items():
        if pipeline.lately.grew(f"overflow {budget}", times):
            yield Finding(
                "exporter.overflow",
                "warning",
                f"The budget of exporter.budgets.{budget} kept {times:,} new series out.",
            )
    errors = int(pipeline.own.counter("windsock_ingest_errors_total").value)
    if pipeline.lately.grew("errors", errors):
        yield Finding(
            "exporter.errors",
            "critical",
            f"{errors:,} batches failed inside the exporter.",
            "That is a bug; the log shows its traceback.",
        )
