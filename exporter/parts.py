"""What runs beside the StatsD side, with what, and of what does not run, why and how to set it.

One decision for the start, `--check-config`, the log and the page.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windsock.database import AIRFLOW_URLS, find_url
from windsock.exceptions import UsageError, WindsockError
from windsock.extras import MissingPackageError
from windsock.settings.units import format_age, format_duration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from windsock.settings import Settings

    from .database.collector import Collector
    from .process.worker import Worker
    from .reconciler.reconciler import Reconciler
    from .series.store import SeriesStore

DATABASE = "Metadata database"
RECONCILER = "Reconciler"
ALERTMANAGER = "Alertmanager"

_NO_DATABASE = f"none: set metadata.url in windsock.yaml, or ${AIRFLOW_URLS[0]}"
_NO_ALERTMANAGER = "none: set alertmanager.urls in windsock.yaml"


@dataclass(frozen=True)
class Parts:
    """The parts, and by name why one is not there."""

    collector: Collector | None = None
    reconciler: Reconciler | None = None
    no_collector: str = _NO_DATABASE
    no_reconciler: str = "off: it needs a metadata database"

    def lines(self, settings: Settings) -> Iterator[tuple[str, str]]:
        """Each part's name, and what it runs with."""
        every = f"every {format_duration(settings.metadata.interval)}"
        yield DATABASE, f"{self.collector.where}, {every}" if self.collector is not None else self.no_collector
        yield RECONCILER, f"on, {every}" if self.reconciler is not None else self.no_reconciler
        yield ALERTMANAGER, ", ".join(settings.alertmanager.urls) or _NO_ALERTMANAGER

    def database(self) -> str:
        """How the reader of the metadata database is, in words."""
        collector = self.collector
        if collector is None:
            return self.no_collector
        ago = f", {format_age(time.time() - collector.answered)} ago" if collector.answered is not None else ""
        return {
            "starts": f"{collector.where}: not read yet{_because(collector.failing())}",
            "leads": f"{collector.where}: read{ago}",
            "follows": f"{collector.where}: another exporter reads it, and this one follows",
            "down": f"{collector.where}: can't be read{_because(collector.failing())}; last read{ago or ': never'}",
        }[collector.status()]

    def start(self, learn: Callable[[str], None], told: Callable[[], bool]) -> None:
        """Let them work; `learn` is told the id of each DAG, and `told` says whether Airflow says how tries end."""
        if self.collector is not None:
            self.collector.learn, self.collector.told = learn, told
            self.collector.start()
        if self.reconciler is not None:
            self.reconciler.start()

    def stop(self) -> None:
        """End them after the pass that may be going on."""
        if self.reconciler is not None:
            self.reconciler.stop()
        if self.collector is not None:
            self.collector.stop()

    def use(self, settings: Settings) -> None:
        """Go on with other settings, from the next pass on."""
        if self.collector is not None:
            self.collector.use(settings)
        if self.reconciler is not None:
            self.reconciler.use(settings)

    def workers(self) -> Iterator[Worker]:
        """Their threads."""
        if self.collector is not None:
            yield self.collector.thread
        if self.reconciler is not None:
            yield self.reconciler.thread

    def stores(self) -> Iterator[SeriesStore]:
        """What they expose."""
        if self.collector is not None:
            yield from self.collector.stores()
        if self.reconciler is not None:
            yield from self.reconciler.stores()


def make(settings: Settings) -> Parts:
    """Make the parts that the settings ask for; nothing is opened yet.

    Raises WindsockError where one is configured in vain. Airflow's own variable may only happen to be there: then what
    is missing is a reason not to run.
    """
    url = find_url(settings.metadata.url)
    lacking = _lacking(settings, url)
    collector, no_collector = _collector(settings, url, reconciles=not lacking)
    if collector is None and not lacking and settings.reconcile.enabled is True:
        raise UsageError(no_collector)
    if collector is None or lacking:
        return Parts(collector, None, no_collector, lacking or f"off: the metadata database is {no_collector}")
    reconciler, no_reconciler = _reconciler(settings, collector)
    return Parts(collector, reconciler, no_collector, no_reconciler)


def _collector(settings: Settings, url: str | None, *, reconciles: bool) -> tuple[Collector | None, str]:
    if url is None:
        return None, _NO_DATABASE
    try:
        from .database.collector import COLLECTOR, RECONCILER, Collector  # noqa: PLC0415  only where there is one

        return Collector(settings, url, purposes=[COLLECTOR, RECONCILER] if reconciles else [COLLECTOR]), ""
    except (ImportError, WindsockError) as error:
        problem = _said(error, "the metadata database")
    if settings.metadata.url is not None:
        raise UsageError(f"metadata.url: {problem}")
    return None, f"not read: {problem}"


def _lacking(settings: Settings, url: str | None) -> str:
    """Why there can't be a reconciler. Raises UsageError where one is asked for."""
    asked = settings.reconcile.enabled
    if asked is False:
        return "off: reconcile.enabled is false"
    lacking = "a metadata database: set metadata.url" if url is None else ""
    if not settings.alertmanager.urls:
        lacking = lacking or "an Alertmanager: set alertmanager.urls"
    if lacking and asked is True:
        raise UsageError(f"reconcile.enabled: it needs {lacking} in windsock.yaml")
    return f"off: it needs {lacking}" if lacking else ""


def _reconciler(settings: Settings, collector: Collector) -> tuple[Reconciler | None, str]:
    try:
        from .reconciler.reconciler import Reconciler  # noqa: PLC0415  as above

        return Reconciler(settings, collector), ""
    except (ImportError, WindsockError) as error:
        problem = _said(error, "the reconciler")
    if settings.reconcile.enabled is True or settings.metadata.url is not None:
        raise UsageError(problem)
    return None, f"off: {problem}"


def _said(error: Exception, what: str) -> str:
    if isinstance(error, ImportError) and error.name is not None:
        return str(MissingPackageError(error.name, what))
    return str(error)


def _because(failing: dict[str, str]) -> str:
    """The reason that tells most: of the connection, of the schema, or of the first query."""
    for name in ("connection", "schema", *failing):
        if name in failing:
            hint = "; `windsock metadata grants` prints what lets a role read it"
            return f": {failing[name]}{hint if failing[name].startswith('permission') else ''}"
    return ""
