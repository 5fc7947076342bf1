"""The way of the samples: listeners, translator, store, and the parts beside them, started and stopped together."""

from __future__ import annotations

import contextlib
import logging
import platform
import threading
import time
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from windsock import __version__, catalog
from windsock.exceptions import WindsockError
from windsock.extras import MissingPackageError

from . import configuration, systemd
from .compat.choice import choose, chosen_mapping
from .compat.translate import MappedTranslator
from .parts import Parts
from .series.budget import Budget
from .series.lately import Lately
from .series.metrics import metrics
from .series.own import OwnMetrics
from .series.rate import RateWindow
from .series.store import SeriesStore
from .state import State
from .statsd.listener import Listener
from .statsd.receiver import Receiver
from .statsd.relay import Relay
from .statsd.senders import Senders

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from windsock.catalog import Metric
    from windsock.settings import Settings
    from windsock.settings.exporter import Exporter as ExporterSettings
    from windsock.settings.exporter import StatsD

    from .celery.broker import Broker
    from .otlp.forward import Forward
    from .otlp.intake import Intake
    from .process.worker import Worker

log = logging.getLogger(__name__)

_STUCK_AFTER = 10.0
_METRICS_SHOWN = 50
_TRIES = "airflow_dag_tries_finished_total"


class Pipeline:
    """An exporter without its HTTP side, which reads it.

    `reread` reads the settings again for a reload, `origin` says where they come from, `inherited` are the sockets
    that a service manager opened, and `parts` run beside the listeners.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        reread: Callable[[], Settings] | None = None,
        origin: Sequence[str] = (),
        inherited: systemd.Sockets | None = None,
        parts: Parts | None = None,
    ) -> None:
        self.settings = settings
        self.parts = parts or Parts()
        self.origin = origin
        self.reloaded = "never"
        """What came of the last reload."""
        self.started = time.time()
        self.forward: Forward | None = None
        """What passes the series on as OpenTelemetry's, where that is asked for."""
        self.broker: Broker | None = None
        """What reads Celery's, where that is asked for."""
        self.restored = False
        """Whether counters go on from an earlier life."""
        self._reread = reread or (lambda: self.settings)
        self._reloading = threading.Lock()
        self._bad_timers = 0
        self._state: State | None = None
        inherited = inherited or systemd.Sockets()
        exporter = settings.exporter
        self.own = OwnMetrics()
        self.lately = Lately()
        self.rates = RateWindow(self.own)
        self.store = SeriesStore(Budget(exporter.budgets))
        sent = metrics(exporter)
        self.translator, ingest = choose(exporter, sent)
        # What a mapping names is not known before its first line: its counters start at 0.
        self._metrics = () if isinstance(self.translator, MappedTranslator) else (*sent, *catalog.sums())
        self.rendering = threading.Lock()
        self._ingest = ingest(self.store, self.translator, self.own, exporter.expiry)
        with contextlib.ExitStack() as undo:
            listeners = [Listener.inherit(sock, exporter.statsd.read_buffer) for sock in inherited.statsd]
            for url in exporter.statsd.listen:
                if urlsplit(url).scheme not in inherited.kinds():
                    listeners.append(_listener(url, exporter.statsd))
                    undo.callback(listeners[-1].close)
            self._receiver = Receiver(listeners, self._ingest, self.own, self.rates)
            undo.pop_all()
        self._receiver.senders = self._senders(exporter)
        self.intake = self._intake(exporter, sent)
        """Of OpenTelemetry's metrics, where they are received."""
        if self.intake is not None:
            self._receiver.storage.chores = (partial(self.intake.drain, self.store),)
        self.own.set("windsock_build_info", 1, version=__version__, python=platform.python_version())
        self._note_reload(good=True)
        self._warn_of_small_buffers()

    def start(self) -> None:
        """Receive, and let the parts work."""
        exporter = self.settings.exporter
        if exporter.state_file:
            self._state = State(exporter.state_file)
            self._state.load(self.store, self.translator, self._metrics)
            self.restored = len(self.store) > 0
            self._ingest.sums.skip()
        self._receiver.relay = self._relay(exporter)
        self._receiver.start()
        self.parts.start(self.translator.ids.learn, lambda: _TRIES in self.store.families)

    def stop(self) -> None:
        """End all of it, and write the state down."""
        self._receiver.stop()
        if self.intake is not None:
            self.intake.drain(self.store, _STUCK_AFTER)
        if self._receiver.relay is not None:
            self._receiver.relay.stop()
        self.parts.stop()
        if self._state is not None:
            self._ingest.sums.add()
            self._state.save(self.store, self.translator)
            self._state.close()

    def close(self) -> None:
        """Give up the sockets of one that was never started."""
        for listener in self.listeners():
            listener.close()

    def addresses(self) -> list[str]:
        """Where StatsD lines are received."""
        return [listener.address for listener in self._receiver.listeners]

    def examples(self) -> dict[str, str]:
        """A line for each unmapped prefix."""
        return self._ingest.examples

    def listeners(self) -> tuple[Listener, ...]:
        """What is listened on."""
        return self._receiver.listeners

    def relay(self) -> Relay | None:
        """Where datagrams are passed on to, if they are."""
        return self._receiver.relay

    def rejected(self) -> dict[str, str]:
        """The last line that was rejected for each reason."""
        return self._ingest.rejected

    def alive(self) -> bool:
        """Whether lines are still being received."""
        now = time.monotonic()
        return all(one.well() and now - one.woke < _STUCK_AFTER for one in (self._receiver, self._receiver.storage))

    def ready(self) -> tuple[bool, str]:
        """Whether it receives, and has read the database that it is to read; and in words, what is missing."""
        collector = self.parts.collector
        if not self.alive():
            return False, "not listening yet"
        if collector is None or collector.answered is not None:
            return True, "ok"
        # One that Airflow's own variable only happens to name is not waited for.
        return (
            self.settings.metadata.url is None,
            f"the metadata database was not read yet: {self.parts.database()}",
        )

    def workers(self) -> Iterator[Worker]:
        """The threads that must not be gone."""
        yield self._receiver
        yield self._receiver.storage
        if self._receiver.relay is not None:
            yield self._receiver.relay
        yield from self.parts.workers()

    def stores(self) -> Iterator[SeriesStore]:
        """The stores to expose; rendering Airflow's changes figures of the last, windsock's own."""
        yield self.store
        yield from self.parts.stores()
        self._receiver.report()
        own = self.own
        own.set("windsock_series", len(self.store))
        own.set_all("windsock_metric_series", "metric", self.store.budget.metrics, _METRICS_SHOWN)
        for budget, times in self.store.budget.overflows.items():
            own.counter("windsock_overflow_total", budget=budget).value = times
        # Lines other than timers are found bad at once and counted there.
        bad, self._bad_timers = self.store.bad_values - self._bad_timers, self.store.bad_values
        own.counter("windsock_sample_errors_total", reason="bad_value").value += bad
        own.counter("windsock_corrections_total", reason="seconds_as_milliseconds").value = self.store.corrected
        for worker in self.workers():
            own.counter("windsock_thread_restarts_total", thread=worker.name).value = worker.deaths
        if self.translator.major or self.translator.dialect:
            dialect, major = self.translator.dialect or "plain", self.translator.major
            own.set("windsock_airflow_version_info", 1, major=major, dialect=dialect)
        yield own.store

    def status(self) -> str:
        """One line about how it goes."""
        lines = self.rates.rate(self.own.counter("windsock_lines_total"), time.monotonic())
        rate = f"{lines:,.0f} lines/s" if self.rates.arrived() is not None else "nothing received yet"
        return f"listening on {', '.join(self.addresses())}: {rate}, {len(self.store):,} series"

    def reload(self) -> str:
        """Read the configuration again; returns what came of it. Raises WindsockError, and then nothing has changed."""
        with self._reloading:
            systemd.notify_reloading()
            try:
                settings, outcome = configuration.take_over(self.settings, self._reread())
                self.use(settings)
            except WindsockError as error:
                self.reloaded = f"failed: {error}"
                self._note_reload(good=False)
                log.error("the configuration stays as it was: %s", error)  # noqa: TRY400  no traceback for users
                raise
            except Exception as error:
                self.reloaded = f"failed: {type(error).__name__}: that is a bug, the log shows its traceback"
                self._note_reload(good=False)
                log.exception("the configuration stays as it was")
                raise WindsockError(self.reloaded) from error
            finally:
                systemd.notify("READY=1")
            told = configuration.told(outcome)
            self.reloaded = "; ".join(told)
            self._note_reload(good=True)
            log.info("the configuration was read again; %s", self.reloaded)
            return "\n".join(told)

    def use(self, settings: Settings) -> None:
        """Take over what can change while running. Raises WindsockError, and then nothing has changed."""
        exporter = settings.exporter
        mapping = chosen_mapping(exporter)
        # Nothing fails from here on.
        if mapping is not None and isinstance(self.translator, MappedTranslator):
            self.translator.use(mapping)
        self._receiver.senders = self._senders(exporter)
        if exporter.statsd.relay != self.settings.exporter.statsd.relay:
            before, self._receiver.relay = self._receiver.relay, self._relay(exporter)
            if before is not None:
                before.stop()
        self.store.budget.limits = exporter.budgets
        self.translator.limit(exporter.budgets)
        self.parts.use(settings)
        self.settings = settings

    def _relay(self, settings: ExporterSettings) -> Relay | None:
        if settings.statsd.relay is None:
            return None
        ports = {one.sock.getsockname()[1] for one in self.listeners() if one.kind == "udp"}
        relay = Relay(settings.statsd.relay, self.own, ports)
        relay.start()
        return relay

    def _intake(self, settings: ExporterSettings, sent: Sequence[Metric]) -> Intake | None:
        if not settings.otlp.receives:
            return None
        try:
            from .otlp.intake import Intake  # noqa: PLC0415  its package is another extra, and takes its memory
        except ImportError:
            raise MissingPackageError("opentelemetry", "exporter.otlp") from None
        return Intake(settings, sent, self.translator, self.own)

    @staticmethod
    def _senders(settings: ExporterSettings) -> Senders | None:
        return Senders(settings.statsd.allow) if settings.statsd.allow else None

    def _note_reload(self, *, good: bool) -> None:
        self.own.set("windsock_config_reload_success", int(good))
        if good:
            self.own.set("windsock_config_reload_timestamp_seconds", round(time.time(), 3))

    def _warn_of_small_buffers(self) -> None:
        asked = self.settings.exporter.statsd.read_buffer
        for listener in self._receiver.listeners:
            granted = listener.datagrams.buffer_bytes() if listener.datagrams is not None else asked
            if granted < asked:
                log.warning(
                    "%s: asked for a receive buffer of %d bytes, the kernel gives %d; raise net.core.rmem_max to %d",
                    listener.address,
                    asked,
                    granted,
                    asked,
                )


def _listener(url: str, statsd: StatsD) -> Listener:
    return Listener(url, statsd.read_buffer, mode=int(statsd.socket_mode, 8), group=statsd.socket_group)
