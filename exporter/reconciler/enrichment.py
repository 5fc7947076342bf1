"""What can be found out about new failures: from the database, and from the tasks' logs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from windsock import links
from windsock.events import TASK_FAILED
from windsock.exporter.database.faults import said
from windsock.teams import route, zone

from . import logfile, texts
from .details import Details, details
from .impact import Impact
from .reasons import told_by_nobody

if TYPE_CHECKING:
    from collections.abc import Sequence

    from windsock.exporter.database.collector import Collector
    from windsock.settings import Settings
    from windsock.teams import DagFacts

    from .failure import Failure, Key

Stale = Callable[[str, str, str], str]
"""By DAG, task (empty: the run as a whole) and run: in words, or empty."""
_ENRICHED = 50
"""New failures of which details are read in one pass."""
_PAUSE = 20
"""Passes without details after the database could not give them in time."""


class Enrichment:
    """One for each reconciler: `ask` for what is new in a pass, then `write` for each that is told."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._links = links.complete(settings)
        logs = logfile.folder(settings.reconcile.logs)
        self._tails = logfile.Tails(logs) if logs is not None else None
        self._impact = Impact()
        self.stale: Stale | None = None
        """What knows which datasets a failure leaves stale; None: nothing does."""
        self._found: dict[Key, Details] = {}
        self._modern = True
        self._paused = 0

    def use(self, settings: Settings) -> None:
        """Link by `settings` from now on, and say times as they do."""
        self._settings = settings
        self._links = links.complete(settings)

    def ask(self, database: Collector, failures: Sequence[Failure]) -> str:
        """Read what the database says of them; returns what went wrong: alerts are poorer then, but in time."""
        self._found = {}
        if self._tails is not None:
            self._tails.begin()
        self._paused = max(0, self._paused - 1)
        keys = [one.key for one in failures][:_ENRICHED]
        if database.schema is None or self._paused or not keys:
            return ""
        self._modern = database.schema.has("dag_run", "run_after")
        try:
            self._found = details(database.session, database.schema, keys)
            self._impact.read(database.session, database.schema)
        except Exception as error:  # noqa: BLE001  whatever the driver raises
            self._paused = _PAUSE
            return said(error)
        return ""

    def calls_nobody(self, key: Key) -> bool:
        """Whether the scheduler failed all that failed there itself, so that no process was left to call anybody."""
        return told_by_nobody(self._found.get(key, Details()))

    def write(self, failure: Failure, dag: DagFacts) -> dict[str, str]:
        """Return the annotations."""
        key = failure.key
        found = self._found.get(key, Details())
        end = ""
        if self._tails is not None and key.alertname == TASK_FAILED and found.instances:
            end = self._tails.read(key, found.instances[0])
        return texts.write(
            failure,
            found,
            dag=dag,
            impact="; ".join(filter(None, (self._impact.of(key.dag_id), self._left_stale(key)))),
            log_tail=end,
            base=self._links,
            zone=zone(route(dag, self._settings)[0], self._settings),
            modern=self._modern,
        )

    def _left_stale(self, key: Key) -> str:
        return self.stale(key.dag_id, key.task_id, key.run_id) if self.stale is not None else ""
