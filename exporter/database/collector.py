"""The collector: one pass over the database every interval, in its own thread.

A scrape never waits for the database: it shows what the last pass found. A query that fails is named in a metric, and
once in the log, while the others go on; what it found before stays for a few intervals.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from windsock import teams
from windsock.exporter.series.own import OwnMetrics
from windsock.redaction import redact

from . import metrics as queries
from . import schema
from .engine import open_engine, parse
from .facts import Facts
from .ledger import Ledger
from .query import DependencyError, Pass
from .session import Session
from .snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from windsock.exporter.series.store import SeriesStore
    from windsock.settings import Settings

    from .query import Query

log = logging.getLogger(__name__)

KEPT_INTERVALS = 4
"""A gauge that its query could not renew for so long goes."""
_LOOK_AGAIN = 40
_AGAIN_AFTER = 4
_LEAST = 0.05
_ESSENTIAL = {"dags", "runs", "task_instances"}
"""Queries of each pass; where none of them can be answered, nothing is known of Airflow."""
_FACTS_CACHED = 20_000


class Collector:
    """Reads one metadata database. `start` and `stop` for the thread, or `look` for a single pass.

    `session` is the connection, with the leadership that it holds: whoever acts for the leader reads through it.
    Raises UsageError where the URL can't be used.
    """

    def __init__(self, settings: Settings, url: str, *, purpose: str = "collector") -> None:
        self.settings = settings
        self.interval = max(1.0, settings.metadata.interval)
        self.timeout = max(0.1, settings.metadata.timeout)
        engine, dialect = open_engine(url, self.timeout)
        self.where = parse(url).render_as_string(hide_password=True)
        self.session = Session(engine, dialect, self.interval, self.timeout, purpose)
        self.learn: Callable[[str], None] = lambda _: None
        """Told the id of each DAG."""
        self.times: dict[str, float] = {}
        """Seconds of each query in the last pass."""
        self.answered: float | None = None
        """When it was last known who reads the database: this exporter did, or another one has the lead."""
        self.own = OwnMetrics()
        self._next = settings
        self._route = lru_cache(_FACTS_CACHED)(lambda facts: teams.route(facts, settings))
        self._failing: dict[str, tuple[str, str]] = {}
        self._unsupported: set[str] = set()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="metadata", daemon=True)
        self._woke = time.monotonic()
        self._schema: schema.Schema | None = None
        self._opened = 0
        self._passes = 0
        self._state = "starts"
        self._down = Snapshot(settings.exporter.budgets)
        self._down.set("airflow_db_up", 0)
        self._reset()

    def use(self, settings: Settings) -> None:
        """Go on with `settings` from the next pass on; the database and the times stay."""
        self._next = settings

    def status(self) -> Literal["starts", "leads", "follows", "down"]:
        """Whether this exporter reads the database, or follows one that does."""
        if self._state in ("starts", "follows"):
            return "starts" if self._state == "starts" else "follows"
        return "leads" if self._up and not self._stuck() else "down"

    def start(self) -> None:
        """Begin to collect."""
        self._thread.start()

    def stop(self) -> None:
        """End after the pass that may be going on, or leave the thread alone where the database holds it."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(self.timeout + 1)

    def stores(self) -> Iterator[SeriesStore]:
        """What to expose: the database's series where this exporter leads, and how the collector is."""
        if self._stuck() or self._state == "down":
            yield self._down.store
        elif self._state == "leads":
            yield self._snapshot.store
        budget = self._snapshot.store.budget
        self.own.set("windsock_metadata_series", budget.series)
        for name, times in budget.overflows.items():
            self.own.counter("windsock_metadata_overflow_total", budget=name).value = times
        yield self.own.store

    def failing(self) -> dict[str, str]:
        """The queries that failed at their last try, with the reason and what was said.

        `connection` is among them where the database does not answer, `schema` where it is no Airflow's.
        """
        return {name: f"{reason}: {text}" for name, (reason, text) in self._failing.items()}

    def look(self, *, everything: bool = False) -> bool:
        """Make one pass, with `everything` that is due less often too; returns whether this exporter leads."""
        if self._next is not self.settings:
            self._take_over(self._next)
        self._woke = started = time.monotonic()
        before = self.session.statements
        self.times = {}
        self._passes += 1
        try:
            if self.session.leads or self._lead():
                # What the first pass finds is shown when it is complete.
                self._state = self._state if self._state == "leads" else "starts"
                self._collect(started + self.timeout, everything=everything)
                self._state = "leads" if self.session.leads else self._state
        except Exception as error:  # noqa: BLE001  whatever the driver raises: the next pass tries again
            self._lost(error)
        self.own.set("windsock_metadata_leader", int(self._state == "leads" and self.session.leads))
        self.own.set("windsock_metadata_collection_duration_seconds", round(time.monotonic() - started, 6))
        self.own.set("windsock_metadata_statements", self.session.statements - before)
        return self._state == "leads"

    def _take_over(self, settings: Settings) -> None:
        self.settings = settings
        self._route = lru_cache(_FACTS_CACHED)(lambda facts: teams.route(facts, settings))
        self._snapshot.store.budget.limits = settings.exporter.budgets

    def _stuck(self) -> bool:
        return time.monotonic() - self._woke > KEPT_INTERVALS * self.interval + self.timeout

    def _run(self) -> None:
        while not self._stopping.is_set():
            begun = time.monotonic()
            self.look()
            self._stopping.wait(max(0.0, begun + self.interval - time.monotonic()))
        self.session.close()

    def _reset(self) -> None:
        """Begin at 0, as a leader does that is new."""
        self._state = "starts"
        self._up = False
        self._passes = 0
        self._facts = Facts()
        self._snapshot = Snapshot(self.settings.exporter.budgets)
        self._queries = queries.make(Ledger())
        self._due = dict.fromkeys((query.name for query in self._queries), 0)
        self._succeeded: dict[str, float] = {}

    def _lead(self) -> bool:
        """Take the lead or keep it; another exporter that has it makes this one a follower, which shows nothing."""
        leads = self.session.lead()
        self._recovered("connection")
        if not leads and self._state != "follows":
            log.info("%s: another exporter reads it; this one follows", self.where)
            self._reset()
            self._state = "follows"
        if not leads:
            self.answered = time.time()
        return leads

    def _collect(self, deadline: float, *, everything: bool) -> None:
        look = self._pass(deadline)
        for query in self._choose(everything=everything):
            if not self._ask(query, look):
                break
        if "dags" in look.done:
            for dag_id in look.facts.dags:
                self.learn(dag_id)
        self._drop_stale(look.now)
        self._up = not _ESSENTIAL.isdisjoint(look.done)
        self.answered = look.now if self._up else self.answered
        self._snapshot.set("airflow_db_up", int(self._up))
        if self.session.leads:
            # The transaction's locks on tables go; the lead is held to the next pass.
            self._lead()

    def _pass(self, deadline: float) -> Pass:
        if self._schema is None or self._opened != self.session.opened or self._passes % _LOOK_AGAIN == 0:
            self._schema = schema.look(self.session)
            self._recovered("schema")
            self._opened = self.session.opened
            self._unsupported = set()
        return Pass(
            time.time(),
            deadline,
            self.session,
            self._schema,
            self._facts,
            self._snapshot,
            self.settings,
            self._route,
        )

    def _choose(self, *, everything: bool) -> list[Query]:
        """Those that are due, one of the slow ones in a pass, and last those that failed: they may take the time."""
        due: list[Query] = []
        slow = False
        for query in self._queries:
            if query.name in self._unsupported or (self._due[query.name] > self._passes and not everything):
                continue
            if query.every > 1 and not everything:
                if slow:
                    continue
                slow = True
            self._due[query.name] = self._passes + query.every
            due.append(query)
        return sorted(due, key=lambda query: query.name in self._failing)

    def _ask(self, query: Query, look: Pass) -> bool:
        """Let one query run and fail for itself; returns whether the pass can go on."""
        begun = time.monotonic()
        try:
            if look.left() < _LEAST:
                raise TimeoutError("the time of the pass was up")
            self.session.limit(look.left())
            look.snapshot.replace(query.gauges, list(query.collect(look)))
        except Exception as error:  # noqa: BLE001  one query's failure is its own
            if self._reason(error) == "connection" and not look.reconnected:
                # The database was restarted since the last pass: once more, on a new connection.
                look.reconnected = True
                self.session.close()
                return self._lead() and self._ask(query, look)
            return self._failed(query, look, error)
        finally:
            self.times[query.name] = seconds = time.monotonic() - begun
            self.own.set("windsock_metadata_query_duration_seconds", round(seconds, 6), query=query.name)
        look.done.add(query.name)
        self._succeeded[query.name] = look.now
        self.own.set("windsock_metadata_last_success_timestamp_seconds", round(look.now, 3), query=query.name)
        self.own.set("windsock_metadata_query_supported", 1, query=query.name)
        self._recovered(query.name)
        return True

    def _failed(self, query: Query, look: Pass, error: Exception) -> bool:
        if isinstance(error, schema.UnsupportedError):
            self._unsupported.add(query.name)
            self.own.set("windsock_metadata_query_supported", 0, query=query.name)
            if not query.optional or look.schema.has(query.optional):
                self._say(query.name, "unsupported", error)
            return True
        self._due[query.name] = self._passes + min(query.every, _AGAIN_AFTER)
        reason = self._reason(error)
        self.own.counter("windsock_metadata_query_errors_total", query=query.name, reason=reason).value += 1
        self._say(query.name, reason, error)
        if reason in {"depends", "no_time"}:
            return True
        if reason == "schema":
            self._schema = None
        if reason == "connection":
            self.session.close()
        # What failed has spoilt the transaction.
        return self._lead()

    def _reason(self, error: Exception) -> str:
        if isinstance(error, DependencyError):
            return "depends"
        if isinstance(error, TimeoutError):
            return "no_time"
        return "schema" if isinstance(error, schema.UnsupportedError) else self.session.dialect.reason(error)

    def _lost(self, error: Exception) -> None:
        """There is no connection, or it is no Airflow's: what is known stays a while, with the word that it is down."""
        self.session.close()
        name, reason = "schema" if isinstance(error, schema.ForeignError) else "connection", self._reason(error)
        self.own.counter("windsock_metadata_query_errors_total", query=name, reason=reason).value += 1
        self._say(name, reason, error)
        self._up = False
        if self._state != "leads":
            self._state = "down"
            return
        self._snapshot.set("airflow_db_up", 0)
        self._drop_stale(time.time())

    def _drop_stale(self, now: float) -> None:
        for query in self._queries:
            succeeded = self._succeeded.get(query.name)
            if succeeded is not None and now - succeeded > KEPT_INTERVALS * self.interval * query.every:
                del self._succeeded[query.name]
                self._snapshot.replace(query.gauges, ())

    def _say(self, name: str, reason: str, error: Exception) -> None:
        text = redact(str(getattr(error, "orig", None) or error)).strip().partition("\n")[0]
        if self._failing.get(name, ("", ""))[0] != reason:
            log.warning("%s: query %s: %s: %s", self.where, name, reason, text)
        self._failing[name] = reason, text

    def _recovered(self, name: str) -> None:
        if self._failing.pop(name, None) is not None:
            log.info("%s: query %s: works again", self.where, name)
