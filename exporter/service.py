"""The exporter as a whole: listeners, store and web server, started and stopped together."""

from __future__ import annotations

import contextlib
import logging
import platform
import threading
from typing import TYPE_CHECKING

from windsock import __version__

from . import state
from .metrics import metrics
from .own import OwnMetrics
from .statsd.budget import Budget
from .statsd.ingest import Ingest
from .statsd.listen import Listener, Receiver
from .statsd.store import SeriesStore
from .statsd.translate import Translator
from .web import Server

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

    from windsock.settings import Exporter as ExporterSettings

log = logging.getLogger(__name__)


class Service:
    """A running exporter. `with Service(settings) as service:` receives and serves until the block ends."""

    def __init__(self, settings: ExporterSettings) -> None:
        self.settings = settings
        self.own = OwnMetrics()
        self.store = SeriesStore(Budget(settings.budgets))
        self._metrics = metrics(settings)
        self.translator = Translator(self._metrics, settings.statsd.prefix)
        self.rendering = threading.Lock()
        self._ingest = Ingest(self.store, self.translator, self.own, settings.expiry)
        with contextlib.ExitStack() as undo:
            self.web = Server(settings.web.listen, self)
            undo.callback(self.web.server_close)
            listeners = []
            for url in settings.statsd.listen:
                listeners.append(Listener(url, settings.statsd.read_buffer))
                undo.callback(listeners[-1].close)
            self._receiver = Receiver(listeners, self._ingest, self.own)
            undo.pop_all()
        self._serving = threading.Thread(target=self.web.serve_forever, name="web", daemon=True)
        self.own.set("windsock_build_info", 1, version=__version__, python=platform.python_version())
        self._warn_of_small_buffers()

    def __enter__(self) -> Self:
        if self.settings.state_file:
            state.load(self.settings.state_file, self.store, self.translator, self._metrics)
        self._receiver.start()
        self._serving.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._receiver.stop()
        if self.settings.state_file:
            state.save(self.settings.state_file, self.store, self.translator)
        self.web.shutdown()
        self.web.server_close()

    def addresses(self) -> list[str]:
        """Where StatsD lines are received."""
        return [listener.address for listener in self._receiver.listeners]

    def examples(self) -> dict[str, str]:
        """A line for each unmapped prefix."""
        return self._ingest.examples

    def alive(self) -> bool:
        """Whether lines are still being received."""
        return self._receiver.is_alive()

    ready = alive

    def stores(self) -> tuple[SeriesStore, SeriesStore]:
        """The two stores to expose, with windsock's own figures brought up to date."""
        self._receiver.report()
        own = self.own
        own.set("windsock_series", len(self.store))
        for budget, times in self.store.budget.overflows.items():
            own.counter("windsock_overflow_total", budget=budget).value = times
        own.counter("windsock_sample_errors_total", reason="bad_value").value = self.store.bad_values
        own.counter("windsock_corrections_total", reason="seconds_as_milliseconds").value = self.store.corrected
        if self.translator.major or self.translator.dialect:
            dialect, major = self.translator.dialect or "plain", self.translator.major
            own.set("windsock_airflow_version_info", 1, major=major, dialect=dialect)
        return self.store, own.store

    def _warn_of_small_buffers(self) -> None:
        asked = self.settings.statsd.read_buffer
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
