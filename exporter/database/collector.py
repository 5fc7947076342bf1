"""The collector: one pass over the database every interval, in its own thread.

The reconciler inquires in the same passes: where one is due it makes it, before the collector's own thread does, and
what both need to know is read once. A scrape never waits for the database: it shows what the last pass found. A query
that fails is named in a metric, and once in the log, while the others go on; what it found before stays for a few
intervals.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Literal

from windsock import teams
from windsock.exporter.process.worker import Worker
from windsock.exporter.series.own import OwnMetrics
from windsock.redaction import redact

from . import metrics, schema
from .deadline import UnansweredError
from .engine import open_engine, parse
from .facts import Facts
from .faults import Faults
from .ledger import Ledger
from .query import Pass
from .rhythm import Rhythm
from .schedule import Schedule
from .session import Session
from .snapshot import Snapshot

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from collections.abc import Set as AbstractSet

    from windsock.exporter.series.store import SeriesStore
    from windsock.settings import Settings

    from .query import Inquiry, Query

log = logging.getLogger(__name__)

KEPT_INTERVALS = 4
"""A gauge that its query could not renew for so long goes."""
_LOOK_AGAIN = 40
_LEAST = 0.05
_ESSENTIAL = {"dags", "runs", "task_instances"}
"""Queries of each pass; where none of them can be answered, nothing is known of Airflow."""
_FACTS_CACHED = 20_000
_BEHIND = 0.5
"""Seconds, or a tenth of an interval, that the collector leaves to whoever else makes passes."""
COLLECTOR = "collector"
RECONCILER = "reconciler"
"""What one exporter leads for; where only some of them have an Alertmanager, these may be two."""


class Collector:
    """Reads one metadata database. `start` and `stop` for the thread, or `look` for a single pass.

    It leads for `purposes`, and exposes what it finds where it does for the first of them; `grace` is how long the lead
    outlasts an interval, in seconds. Raises UsageError where the URL can't be used.
    """

    def __init__(
        self, settings: Settings, url: str, *, purposes: Sequence[str] = (COLLECTOR,), grace: float = 0.0
    ) -> None:
        self.settings = settings
        self.interval = max(1.0, settings.metadata.interval)
        self.timeout = max(0.1, settings.metadata.timeout)
        engine, dialect = open_engine(url, self.timeout)
        self.purpose = purposes[0]
        self.where = redact(parse(url).render_as_string(hide_password=True))
        behind = min(_BEHIND, self.interval / 10) if len(purposes) > 1 else 0.0
        self.session = Session(engine, dialect, self.interval + behind + grace, self.timeout, purposes)
        self.turn = threading.RLock()
        """Held for a pass, and by whoever uses the session after it."""
        self.learn: Callable[[str], None] = lambda _: None
        """Told the id of each DAG."""
        self.told: Callable[[], bool] = lambda: False
        """Whether Airflow itself says how tries end."""
        self.times: dict[str, float] = {}
        """Seconds of each query in the last pass."""
        self.statements: dict[str, int] = {}
        """The same in statements."""
        self.answered: float | None = None
        """When it was last known who reads the database: this exporter did, or another one has the lead."""
        self.own = OwnMetrics()
        self._next = settings
        self._route = lru_cache(_FACTS_CACHED)(lambda facts: teams.route(facts, settings))
        self.faults = Faults(self.where, dialect, self.own)
        self.thread = Worker("metadata", self._run)
        self.rhythm = Rhythm(self.interval, behind)
        self._last: Pass | None = None
        self.schema: schema.Schema | None = None
        """What the database has; None before the first pass."""
        self._opened = 0
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

    def leads(self, purpose: str) -> bool:
        """Whether this one acts for that purpose, as far as it knows without asking."""
        return purpose in self.session.leads

    def start(self) -> None:
        """Begin to collect."""
        self.thread.start()

    def stop(self) -> None:
        """End after the pass that may be going on, or leave the thread alone where the database holds it."""
        self.rhythm.end()
        if self.thread.is_alive():
            self.thread.join(self.timeout + 1)

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
        """The queries that failed at their last try, with the reason and what was said: see `Faults`."""
        return {name: f"{fault.reason}: {fault.text}" for name, fault in self.faults.now.items()}

    def look(self, *, everything: bool = False) -> bool:
        """Make one pass, with `everything` that is due less often too; returns whether this exporter leads."""
        with self.turn:
            self._look(everything=everything)
            return self._state == "leads"

    def read_on(self) -> bool:
        """Read a little of what the last pass left; returns whether there is still more."""
        with self.turn:
            begun = time.monotonic()
            unread = self._unread()
            if unread and self._last is not None and self.leads(self.purpose):
                done = self._last.done.difference(query.name for query in unread)
                look = replace(self._last, now=time.time(), deadline=begun + self.timeout, done=done, between=True)
                try:
                    self._collect(look, unread)
                except Exception as error:  # noqa: BLE001  as in a pass
                    self._lost(error)
            return self._rest(begun)

    def inquire(self, inquiry: Inquiry) -> bool:
        """Make a pass that answers `inquiry` too; returns whether it was answered: the lead may be lost.

        Where one was made less than half an interval ago, only what the inquiry needs is read again. Raises what stood
        against it: whatever the driver raises, or why what it needs can't be read.
        """
        with self.turn:
            look = self._look(inquiry=inquiry)
            done = look.done if look is not None else set()
            needed = [query.name for query in self._schedule.queries if query.shared and query.name != "tags"]
            for name in ("connection", "schema", *([*needed, inquiry.query.name] if look is not None else ())):
                if name in self.faults.now and name not in done:
                    raise self.faults.now[name].error
            return inquiry.query.name in done

    def renew(self) -> None:
        """Take the lead where that is possible, or hold it to the next pass after more was read: locks on tables go.

        Raises what the driver raises.
        """
        with self.turn:
            try:
                self._lead()
            except Exception as error:
                self._lost(error)
                raise

    def _look(self, *, everything: bool = False, inquiry: Inquiry | None = None) -> Pass | None:
        if self._next is not self.settings:
            self._take_over(self._next)
        started, before = time.monotonic(), self.session.statements
        lately = inquiry is not None and started - self.rhythm.begun < self.interval / 2 and self._schedule.passes > 0
        self.times, self.statements = {}, {}
        if not lately:
            self.rhythm.begin(started)
        look = None
        try:
            if self.session.leads or self._lead():
                self._state = "starts" if self._state == "down" else self._state
                self._schedule.passes += not lately
                look = self._pass(started + self.timeout, inquiry, everything=everything)
                chosen = self._choose(inquiry, everything=everything, lately=lately)
                self._collect(look, chosen)
        except Exception as error:  # noqa: BLE001  whatever the driver raises: the next pass tries again
            self._lost(error)
        if not lately:
            self.own.set("windsock_metadata_collection_duration_seconds", round(time.monotonic() - started, 6))
            self.own.set("windsock_metadata_statements", self.session.statements - before)
        self._last = look
        self._rest(started)
        return look

    def _unread(self) -> list[Query]:
        return [query for query in self._schedule.queries if query.unfinished]

    def _rest(self, begun: float) -> bool:
        """Returns whether there is more to read."""
        leads = self.leads(self.purpose)
        unread = leads and bool(self._unread())
        self.own.set("windsock_metadata_leader", int(leads and self._state == "leads"))
        self.rhythm.rest(begun, unread=unread)
        return unread

    def _take_over(self, settings: Settings) -> None:
        self.settings = settings
        self._route = lru_cache(_FACTS_CACHED)(lambda facts: teams.route(facts, settings))
        self._snapshot.store.budget.limits = settings.exporter.budgets

    def _stuck(self) -> bool:
        return time.monotonic() - self.rhythm.begun > KEPT_INTERVALS * self.interval + self.timeout

    def _run(self) -> None:
        while due := self.rhythm.wait():
            if due == "pass":
                self.look()
            else:
                self.read_on()
        with self.turn:
            self.session.close()

    def _reset(self) -> None:
        """Begin at 0, as a leader does that is new."""
        self._state = "starts"
        self._up = False
        self._facts = Facts()
        self._snapshot = Snapshot(self.settings.exporter.budgets)
        self._schedule = Schedule(metrics.make(Ledger()))
        self._succeeded: dict[str, float] = {}
        self._learned: AbstractSet[str] = frozenset()

    def _lead(self) -> bool:
        """Take the lead or keep it; another exporter that has it makes this one a follower, which shows nothing."""
        leads = self.session.lead()
        self._works("connection", time.time())
        if (self.purpose in leads) == (self._state == "follows"):
            self._reset()
        if self.purpose not in leads:
            if self._state != "follows":
                log.info("%s: another exporter reads it; this one follows", self.where)
            self._state = "follows"
            self.answered = time.time()
        return bool(leads)

    def _collect(self, look: Pass, chosen: Sequence[Query]) -> None:
        leads = self.leads(self.purpose)
        for query in chosen:
            if not self._ask(query, look):
                break
        if "dags" in look.done:
            for dag_id in look.facts.dags.keys() - self._learned:
                self.learn(dag_id)
            self._learned = look.facts.dags.keys()
        self._drop_stale(look.now)
        self._up = not _ESSENTIAL.isdisjoint(look.done)
        self.answered = look.now if self._up else self.answered
        self._snapshot.set("airflow_db_up", int(self._up))
        if self.session.leads:
            # The transaction's locks on tables go; the lead is held to the next pass.
            self._lead()
        if leads and self.leads(self.purpose) and (look.everything or self._schedule.passes > 1 or not self._unread()):
            # What is found first is shown when it is complete, or as far as one interval went.
            self._state = "leads"

    def _pass(self, deadline: float, inquiry: Inquiry | None, *, everything: bool) -> Pass:
        if self.schema is None or self._opened != self.session.opened or self._schedule.passes % _LOOK_AGAIN == 0:
            self.schema = schema.look(self.session)
            self._opened = self.session.opened
            self._schedule.forget()
        now = time.time()
        self._works("schema", now)
        return Pass(
            now,
            deadline,
            self.session,
            self.schema,
            self._facts,
            self._snapshot,
            self.settings,
            self._route,
            inquiry.since if inquiry is not None else now,
            inquiry.watched if inquiry is not None else (),
            everything=everything,
            told=self.told(),
        )

    def _choose(self, inquiry: Inquiry | None, *, everything: bool, lately: bool) -> list[Query]:
        """What is shared, what is inquired, and the rest."""
        failing = self.faults.now
        chosen = self._schedule.shared(lately=lately, everything=everything, failing=failing)
        if self.purpose != RECONCILER and self.leads(self.purpose) and not lately:
            rest = self._schedule.others(chosen, everything=everything, failing=failing)
        else:
            rest = []
        return [*chosen, *([inquiry.query] if inquiry is not None else []), *rest]

    def _ask(self, query: Query, look: Pass) -> bool:
        """Let one query run and fail for itself; returns whether the pass can go on."""
        begun, before = time.monotonic(), self.session.statements
        try:
            if look.left() < _LEAST:
                raise TimeoutError("the time of the pass was up")
            self.session.limit(look.left())
            look.snapshot.take(query.gauges, query.collect(look))
        except Exception as error:  # noqa: BLE001  one query's failure is its own
            if self.faults.reason(error) == "connection" and not look.reconnected:
                # The database was restarted since the last pass: once more, on a new connection.
                look.reconnected = True
                if isinstance(error, UnansweredError):  # it hung, which is a fault
                    self.faults.count(query.name, error)
                self.session.close()
                return self._lead() and self._ask(query, look)
            return self._failed(query, look, error)
        finally:
            self.times[query.name] = seconds = time.monotonic() - begun
            self.statements[query.name] = self.session.statements - before
            self.own.set("windsock_metadata_query_duration_seconds", round(seconds, 6), query=query.name)
        look.done.add(query.name)
        self._succeeded[query.name] = look.now
        self.own.set("windsock_metadata_query_supported", 1, query=query.name)
        self._works(query.name, look.now)
        return True

    def _works(self, name: str, now: float) -> None:
        """A query does, or what stands before all of them: the connection, the schema."""
        self.own.set("windsock_metadata_last_success_timestamp_seconds", round(now, 3), query=name)
        self.faults.over(name)

    def _failed(self, query: Query, look: Pass, error: Exception) -> bool:
        if isinstance(error, schema.UnsupportedError):
            self._schedule.give_up(query)
            self.own.set("windsock_metadata_query_supported", 0, query=query.name)
            if not query.optional or look.schema.has(*query.optional):
                self.faults.note(query.name, "unsupported", error)
                # `airflow db migrate` may be at it.
                self.schema = None
            return True
        self._schedule.put_off(query)
        reason = self.faults.count(query.name, error)
        if reason in {"depends", "no_time"}:
            return True
        if reason == "schema":
            self.schema = None
        if reason == "connection":
            self.session.close()
        # What failed has spoilt the transaction.
        return self._lead()

    def _lost(self, error: Exception) -> None:
        """There is no connection, or it is no Airflow's: what is known stays a while, with the word that it is down."""
        self.session.close()
        self.faults.count("schema" if isinstance(error, schema.ForeignError) else "connection", error)
        self._up = False
        if self._state != "leads":
            self._state = "down"
            return
        self._snapshot.set("airflow_db_up", 0)
        self._drop_stale(time.time())

    def _drop_stale(self, now: float) -> None:
        for query in self._schedule.queries:
            succeeded = self._succeeded.get(query.name)
            # Either way: a clock that was ahead must not keep it.
            if succeeded is not None and abs(now - succeeded) > KEPT_INTERVALS * self.interval * query.every:
                del self._succeeded[query.name]
                self._snapshot.replace(query.gauges, ())
