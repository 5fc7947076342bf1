"""The reconciler: one pass every interval, in its own thread, over the database as the collector reads it.

What Alertmanager should show is a function of the database: what is failed there now and not over by the rules. A pass
compares it with what this reconciler remembers, and with what each Alertmanager shows, and posts the difference. So it
does not matter when the process is killed, and another host's reconciler, with a store of its own, comes to the same.
"""

from __future__ import annotations

import logging
import threading
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Literal

from windsock.exporter.database.collector import RECONCILER, Collector
from windsock.exporter.database.faults import said
from windsock.exporter.database.query import Inquiry
from windsock.exporter.database.snapshot import Snapshot
from windsock.exporter.process.worker import Worker
from windsock.exporter.series.own import OwnMetrics

from . import clock
from .definitions import Definitions
from .enrichment import Enrichment
from .peers import Peers
from .reader import Failures
from .store import KEPT, Memory, Store, forgettable, place
from .tracker import Tracker

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from windsock.exporter.series.store import SeriesStore
    from windsock.settings import Settings

    from .enrichment import Stale
    from .failure import Alert, Failure, Key
    from .peers import Look
    from .reader import View

log = logging.getLogger(__name__)

PATIENCE = 5.0
"""Seconds for which an Alertmanager is waited for, whatever the interval."""
_SIGNED = 4
"""Intervals for which others are told that this reconciler works."""
_GAP_SHOWN = 86_400.0
_SHORTEST = 1.0
"""Seconds between two passes at least."""


def alone(settings: Settings, url: str, *, store: Store | None = None) -> Reconciler:
    """One without a collector beside it. Raises UsageError where the database's URL can't be used."""
    # Alertmanagers that do not answer keep a pass from the database for a while: the lead has to last so long.
    return Reconciler(settings, Collector(settings, url, purposes=[RECONCILER], grace=2 * PATIENCE), store=store)


class Reconciler:
    """Speaks to the Alertmanagers of what `database` says. `start` and `stop`, or `step` for one pass.

    `database` has to lead for RECONCILER. Raises SettingsError where an Alertmanager's credential can't be had.
    """

    def __init__(self, settings: Settings, database: Collector, *, store: Store | None = None) -> None:
        self.settings = settings
        self.database = database
        self.interval = max(_SHORTEST, settings.metadata.interval)
        self.where = database.where
        self.peers = Peers(settings, PATIENCE)
        self.own = OwnMetrics()
        self.silent = Snapshot(settings.exporter.budgets)
        """Counts silent failures by DAG: there may be more DAGs than own metrics have series."""
        self.own.set("windsock_reconcile_expected", 1)
        self._store = store
        self._opened = store is not None
        self._leads = False
        self._took: set[str] | None = None
        """The Alertmanagers that took everything in the last pass; None: there was none yet."""
        self._memory = Memory({}, {})
        self._ahead = False
        """Whether the clock was found to have been ahead in the pass before."""
        self._failures = Failures()
        self._tracker = Tracker(settings, self.interval)
        self._definitions = Definitions()
        self._enrichment = Enrichment(settings)
        self._statements = 0
        self._wrong: dict[str, str] = {}
        self._next = settings
        self.status: Literal["starts", "leads", "follows"] = "starts"
        """Whether it acts, or leaves that to another one; `starts` while it does not know."""
        self._stopping = threading.Event()
        self.thread = Worker("reconciler", self._run)

    def use(self, settings: Settings) -> None:
        """Go on with `settings` from the next pass on; the database, the store and the Alertmanagers stay."""
        self._next = settings

    def hear(self, stale: Stale) -> None:
        """Let alerts say too what a failure leaves stale."""
        self._enrichment.stale = stale

    def start(self) -> None:
        """Begin to work."""
        self.thread.start()

    def stop(self) -> None:
        """End after the pass that may be going on."""
        self._stopping.set()
        if self.thread.is_alive():
            self.thread.join(self.database.timeout + 1)

    def close(self) -> None:
        """Give up the store, and the connection where nobody else uses it."""
        if self.database.purpose == RECONCILER:
            self.database.session.close()
        if self._store is not None:
            self._store.close()

    def stores(self) -> Iterator[SeriesStore]:
        """What to expose."""
        yield self.silent.store
        yield self.own.store

    def lasting(self) -> list[Alert]:
        """The failures that last, by DAG."""
        return sorted((one for one in self._tracker.alerts.values() if one.over is None), key=lambda one: one.key[1:])

    def problem(self) -> str:
        """What is wrong now, in words; empty where nothing is."""
        if not self._leads and not self._wrong:
            return "another reconciler acts, and one does at a time"
        return "; ".join(f"{what}: {problem}" for what, problem in self._wrong.items())

    def problems(self) -> dict[str, str]:
        """What is wrong now, by part: `database`, `details`, `store`, and `alertmanager URL` of each Alertmanager."""
        return dict(self._wrong)

    def step(self) -> bool:
        """Make one pass; returns whether this reconciler acts, that is: leads."""
        begun = time.monotonic()
        self._statements = 0
        if self._next is not self.settings:
            self.settings = self._next
            self.database.use(self.settings)
            self._tracker.use(self.settings)
            self._enrichment.use(self.settings)
        try:
            self._pass()
        finally:
            self.status = "leads" if self._leads else "starts" if "database" in self._wrong else "follows"
            self.own.set("windsock_reconcile_pass_duration_seconds", round(time.monotonic() - begun, 6))
            self.own.set("windsock_reconcile_statements", self._statements)
            self.own.set("windsock_reconcile_leader", int(self._leads))
        return self._leads

    def due_in(self) -> float:
        """Seconds until a new failure will have waited long enough for its callback; infinity where none waits."""
        return self._tracker.due_at - time.time()

    def _run(self) -> None:
        while not self._stopping.is_set():
            begun = time.monotonic()
            try:
                self.step()
            except Exception:
                self._count("internal")
                log.exception("%s: a pass of the reconciler failed", self.where)
            left = min(begun + self.interval - time.monotonic(), max(_SHORTEST, self.due_in()))
            self._stopping.wait(max(0.0, left))
        self.close()

    def _pass(self) -> None:
        reachable = self._reach()
        if not self._leads:
            return
        # First Alertmanager, then the database: what a callback posts before Airflow writes it is not taken for over.
        look = self.peers.look()
        if self._took is not None:
            # One that did not take all of the last pass lacks alerts that nobody has resolved.
            look.signed &= self._took
        for url, problem in look.problems.items():
            self._say(f"alertmanager {url}", problem)
        for url in look.complete:
            self._works(f"alertmanager {url}")
        now = time.time()
        self._believe(now)
        if not (reachable and self._judge(look, now)) and look.other:
            # Another one reaches the database: it acts, and knows more.
            self._leads = False
            return
        if look.complete:
            self._post(look)
        self._save(now)
        self._report(now)

    def _reach(self) -> bool:
        """Return whether the database answers; take the lead or keep it where it does."""
        try:
            if not self.database.leads(RECONCILER):
                self.database.renew()
            self._lead()
        except Exception as error:  # noqa: BLE001  whatever the driver raises: the next pass tries again
            self._lost(error)
            return False
        return True

    def _believe(self, now: float) -> None:
        """Take back what was noted while the clock was ahead."""
        # `alerts` are the tracker's: the memory's are those that it began with.
        memory = Memory(self._tracker.alerts, self._memory.state)
        wrong = clock.set_right(memory, now, self.settings.reconcile.window)
        self._ahead = bool(wrong)
        if wrong:
            self._say("clock", wrong)
        else:
            self._works("clock")

    def _judge(self, look: Look, now: float) -> bool:
        """Read the database, and compare it with what is known; returns whether it answered."""
        since, failures = self._memory.state["since"], self._failures
        asked = self._tracker.asked(look)
        new: list[Failure] = []

        def read_on(view: View) -> None:
            new[:] = self._news(view, asked, look, now)

        failures.ask(asked, since, read_on)
        try:
            with self.database.turn:
                answered = self.database.inquire(Inquiry(failures, since, failures.watched))
                self._statements = self.database.statements.get(failures.name, 0)
            self._lead()
        except Exception as error:  # noqa: BLE001  as above
            failures.forget()
            self._lost(error)
            return False
        if not answered or failures.view is None:
            return False
        view = failures.view
        for failure in new:
            dag = self._tracker.dag(failure.key.dag_id, view)
            self._tracker.admit(failure, self._enrichment.write(failure, dag), look, view)
        self._tracker.gather(look, datetime.fromtimestamp(now, timezone.utc))
        self._works("database")
        self._memory.state["passed"] = now
        self.own.set("windsock_reconcile_last_pass_timestamp_seconds", round(now, 3))
        return True

    def _news(self, view: View, asked: Collection[Key], look: Look, now: float) -> list[Failure]:
        """Find what is new and need not wait for its callback, after reading what more there is to say of it."""
        problem = self._definitions.ask(self.database, {key.dag_id for key in view.failures.keys() - asked})
        view.owners = self._definitions.owners()
        new = self._tracker.judge(view, look, now, self._memory.state["since"])
        problem = problem or self._enrichment.ask(self.database, new)
        if problem:
            self._say("details", problem)
            self.database.renew()  # what failed has spoilt the transaction
        calls = self._definitions.calls_nobody, self._enrichment.calls_nobody
        hopeless = {one.key for one in new if any(calls_nobody(one.key) for calls_nobody in calls)}
        return self._tracker.ready(look, now, hopeless)

    def _lost(self, error: Exception) -> None:
        self._tracker.due_at = float("inf")  # nothing can be told earlier than in the next pass
        self._say("database", f"{self.database.faults.reason(error)}: {said(error)}")

    def _lead(self) -> None:
        """Take notice of whether this one leads."""
        leads = self.database.leads(RECONCILER)
        if leads and not self._leads:
            self._take_over(time.time())
        self._leads = leads

    def _take_over(self, now: float) -> None:
        """Begin to lead, with what is remembered here."""
        self._failures = Failures()
        self._memory = self._load()
        state, window = self._memory.state, self.settings.reconcile.window
        passed = state.get("passed")
        if passed is None:
            state["since"] = now - window
        elif passed < now - window:
            state["since"], state["gap"], state["gap_at"] = now - window, now - window - passed, now
            log.warning(
                "%s: no reconciler looked for %.0f s, and reconcile.window is %.0f s: failures of the first %.0f s are"
                " not looked for",
                self.where,
                now - passed,
                window,
                state["gap"],
            )
        state.setdefault("since", now - window)
        self._tracker.begin(self._memory.alerts)

    def _load(self) -> Memory:
        try:
            if not self._opened:
                self._opened = True
                self._store = Store(place(self.settings.reconcile.store, self.settings.cluster))
            if self._store is not None:
                memory = self._store.load()
                self._works("store")
                return memory
        except Exception as error:  # noqa: BLE001  whatever is in a file that others can write to
            self._lose(error)
        return Memory(dict(self._tracker.alerts), dict(self._memory.state))

    def _post(self, look: Look) -> None:
        # Not when the pass began: what starts further back than `group_wait` is told at once, before Alertmanager has
        # noticed that the task of a run holds it back.
        moment = datetime.now(timezone.utc)
        (alerts, *after), done = self._tracker.due(look, moment)
        sign = self.peers.sign(self._memory.state["since"], moment, self.interval * _SIGNED)
        # Of two posts of an alert that goes on, Alertmanager keeps the later end: a sign far ahead has to end first.
        ended = [{**sign, "endsAt": sign["startsAt"]}] if self._ahead else []
        problems = self.peers.post([*alerts, *ended, sign], *after)
        self._took = set(self.settings.alertmanager.urls) - problems.keys()
        for url, problem in problems.items():
            self._say(f"alertmanager {url}", problem)
        urls = self.settings.alertmanager.urls
        if len(problems) < len(set(urls)):
            for dag_id in done():
                self.silent.count("windsock_silent_failures_total", (("dag_id", dag_id),))
            for outcome, number in self._tracker.posted.items():
                self.own.counter("windsock_reconcile_posts_total", outcome=outcome).value += number

    def _save(self, now: float) -> None:
        alerts, state = self._tracker.alerts, self._memory.state
        forgotten = forgettable(alerts, now)
        # The database may still call failed what was over and is forgotten: nothing so old may be news.
        oldest = now - max(KEPT, self.settings.reconcile.window)
        state["forgot"] = max(state.get("forgot", 0.0), *(alerts[key].over or 0.0 for key in forgotten), 0.0)
        state["since"] = max(state["since"], oldest, state["forgot"])
        for key in forgotten:
            del alerts[key]
        if self._store is None:
            return
        changed = [one for one in alerts.values() if one.dirty]
        try:
            self._store.save(changed, state, forgotten)
        except Exception as error:  # noqa: BLE001  as above
            self._lose(error)
            for one in alerts.values():
                one.dirty = True  # the store may have been set aside, and another one be empty
            return
        self._works("store")
        for one in changed:
            one.dirty = False

    def _lose(self, error: Exception) -> None:
        """The store can't be used: this goes on from memory, and tries again."""
        if self._store is None:
            self._opened = False
        self._say("store", f"{type(error).__name__}: {error}")

    def _report(self, now: float) -> None:
        state = self._memory.state
        self.own.set("windsock_reconcile_firing", sum(one.over is None for one in self._tracker.alerts.values()))
        self.own.set("windsock_reconcile_covers_since_timestamp_seconds", round(state.get("since", now), 3))
        shown = now - state.get("gap_at", 0.0) < _GAP_SHOWN
        self.own.set("windsock_reconcile_gap_seconds", round(state.get("gap", 0.0), 3) if shown else 0)

    def _say(self, what: str, problem: str) -> None:
        self._count(what.partition(" ")[0])
        if self._wrong.get(what) != problem:
            log.warning("reconciler: %s: %s", what, problem)
        self._wrong[what] = problem

    def _works(self, what: str) -> None:
        if self._wrong.pop(what, None) is not None:
            log.info("reconciler: %s: works again", what)

    def _count(self, part: str) -> None:
        self.own.counter("windsock_reconcile_errors_total", part=part).value += 1
