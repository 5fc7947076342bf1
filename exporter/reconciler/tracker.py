"""The alerts that are tracked: what is new, what lasts, what is over, and what of it the Alertmanagers lack."""

from __future__ import annotations

import logging
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from windsock import storms
from windsock.events import DAG_RUN_FAILED, DEADLINE_MISSED, LIFETIME, TASK_FAILED, TASK_RETRYING, in_order
from windsock.teams import DagFacts, owners_of, route, zone
from windsock.times import clock_time

from . import rules, texts
from .failure import ROUTING, Alert, Failure, Key
from .peers import labels_of, parse

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from windsock.settings import Settings

    from .peers import Look, Shown
    from .reader import View

log = logging.getLogger(__name__)

Posts = list[dict[str, Any]]
_RENEW = LIFETIME.total_seconds() / 2
PATIENCE = 20.0
"""Seconds from a failure within which its callback may still tell of it, with the exception: Airflow writes the failure
first, and gives a task's callbacks so long ([core] task_success_overtime)."""
_NEVER = float("inf")
_AGAIN = 600.0
"""Seconds for which an end is posted again to an Alertmanager that was started meanwhile: one that takes an end, and
stops before its group is due, tells nobody of it. Who was told is not told again: what was sent outlives a stop."""
_GRACE = 60.0
"""Seconds for which a callback may be ahead of the database, of a failure or of a success: those 20 s, and time for
Airflow to write it and for a pass to see it."""


class Tracker:
    """One for each reconciler: `begin` with what the store holds, then `judge`, `admit` and `due` in each pass."""

    def __init__(self, settings: Settings, interval: float) -> None:
        self.alerts: dict[Key, Alert] = {}
        self.posted: dict[str, int] = {}
        """What the last `due` was made of: fired, renewed, resolved."""
        self._settings = settings
        self._interval = interval
        self._waiting: dict[Key, tuple[Failure, float]] = {}
        """New failures that a callback may still report, and when they were seen first."""
        self._gathering: list[Alert] = []
        """What was admitted in this pass, and nobody has told."""
        self._signs: list[dict[str, Any]] = []
        """What lets others join the storms of these."""
        self._strangers: dict[Key, list[Shown]] = {}
        """What fires in Alertmanager, though it is over."""
        self.due_at = _NEVER
        """When the next of those that wait will have waited long enough: a Unix time."""

    def use(self, settings: Settings) -> None:
        """Route what is new by `settings` from now on: what is told of keeps its team until it ends."""
        self._settings = settings

    def begin(self, alerts: Mapping[Key, Alert]) -> None:
        """Forget all but `alerts`."""
        self.alerts = dict(alerts)
        self._waiting, self.due_at = {}, _NEVER
        self._gathering, self._signs = [], []

    def asked(self, look: Look) -> set[Key]:
        """What the database has to be asked for: what lasts as far as is known, and whatever an Alertmanager shows."""
        return {key for key, one in self.alerts.items() if one.over is None} | self._waiting.keys() | look.alerts.keys()

    def judge(self, view: View, look: Look, now: float, since: float) -> list[Failure]:
        """Find out what goes on and what is over; returns what is new, the longest waiting first."""
        self._strangers = {}
        lasting = [one for one in self.alerts.values() if one.over is None]
        known = {one.key for one in lasting}
        for one in lasting:
            self._go_on(one, view, look, now)
        new = {key: one for key, one in view.failures.items() if (one.ended or now) >= since}
        new |= {key: one for key, (one, _) in self._waiting.items() if key not in new and self._fails(key, view)}
        for key, shown in look.alerts.items():
            if key not in known:
                failure = self._stranger(key, shown, view, now)
                if failure is not None:
                    new[key] = failure
        before, self._waiting = self._waiting, {}
        for key, failure in new.items():
            if not self._lasts(key) and self._is_news(failure, look, view, now):
                self._waiting[key] = failure, min(before[key][1], now) if key in before else now
        oldest = sorted(self._waiting, key=lambda key: self._ready_at(key, PATIENCE))
        return [self._waiting[key][0] for key in oldest] if look.complete else []

    def ready(self, look: Look, now: float, hopeless: Collection[Key] = ()) -> list[Failure]:
        """Return the new failures that need not wait longer for their callback, of which none comes for `hopeless`.

        For those, one interval stays: 2.11 calls the callback of a killed task elsewhere. A run also waits for its
        tasks, whose alert holds its own back.
        """
        self.due_at = _NEVER
        if not look.complete:
            return []
        soon = min(PATIENCE, self._interval)
        at = {key: self._ready_at(key, soon if key in hopeless else PATIENCE) for key in self._waiting}
        waits = {key: when for key, when in at.items() if key not in look.alerts and when > now}
        self.due_at = min(waits.values(), default=_NEVER)
        runs = {(key.dag_id, key.run_id) for key in waits if key.alertname == TASK_FAILED}
        return [
            failure
            for key, (failure, _) in self._waiting.items()
            if key not in waits and not (key.alertname == DAG_RUN_FAILED and key[1:3] in runs)
        ]

    def _ready_at(self, key: Key, patience: float) -> float:
        failure, seen = self._waiting[key]
        # The clock of the host that wrote the end may be ahead.
        return min(seen, failure.ended or seen) + patience

    def admit(self, failure: Failure, ours: dict[str, str], look: Look, view: View) -> None:
        """Make an alert of what is new, with the labels of one that is there: with others there would be two."""
        key, shown = failure.key, look.alerts.get(failure.key, [])
        team, severity = route(self.dag(key.dag_id, view), self._settings)
        one = Alert(key, team, severity, {}, failure.ended or 0.0, failure.due, failure.failed)
        if shown:
            one = _adopted(failure, shown)
        stopped = view.dag(key.dag_id) == "stopped"
        one.annotations = texts.stop(texts.merge(ours, one.annotations), stopped=stopped)
        self.alerts[key] = one
        self._waiting.pop(key, None)
        if not shown:
            self._gathering.append(one)

    def gather(self, look: Look, now: datetime) -> None:
        """Find out which of the alerts that were admitted in this pass are part of a storm."""
        cluster = self._settings.cluster
        events = storms.gather([one.event(cluster) for one in self._gathering], look.storms, now)
        for one, event in zip(self._gathering, events, strict=True):
            one.storm = event.storm
            one.annotations = dict(storms.worded(event, zone(one.team, self._settings), now).annotations)
        self._signs = [sign for event in events for sign in storms.beacons(event, now)] + storms.marks(events, now)
        self._gathering = []

    def due(self, look: Look, now: datetime) -> tuple[Sequence[Posts], Callable[[], list[str]]]:
        """Return what to post, part by part, and what to call once it was taken.

        That notes so, and returns the silent ones' DAGs.
        """
        at, cluster = now.timestamp(), self._settings.cluster
        lasting = [one for one in self.alerts.values() if one.over is None]
        # Tasks before their runs, which they hold back.
        lasting.sort(key=lambda one: one.key.alertname == DAG_RUN_FAILED)
        firing = [one for one in lasting if _is_due(one, look, at)]
        over = [(key, one) for key, one in self.alerts.items() if one.over is not None]
        ended = [one for key, one in over if not one.told or key in self._strangers]
        restarted = bool(look.complete.keys() - look.signed)
        again = [one for _, one in over if restarted and one not in ended and at - (one.over or 0) < _AGAIN]
        posts = [*self._signs, *(one.event(cluster).alert(now) for one in firing)]
        self._signs = []
        first, *after = in_order(
            post for one in (*ended, *again) for post in _resolved(one, look.alerts.get(one.key, []), cluster, now)
        )
        fired = sum(not one.posted for one in firing)
        self.posted = {"fired": fired, "renewed": len(firing) - fired, "resolved": len(ended)}

        def done() -> list[str]:
            silent = [
                one.key.dag_id
                for one in firing
                if not one.posted and one.key not in look.alerts and not self._is_told_by_its_task(one.key)
            ]
            for one in firing:
                if not one.posted:
                    log.info("told Alertmanager of %s", one.key)
                one.first, one.posted, one.ended, one.dirty = one.first or at, at, 0, True
            for one in ended:
                one.told = one.dirty = True
            return silent

        return (posts + first, *after), done

    def dag(self, dag_id: str, view: View) -> DagFacts:
        """What a DAG is routed by."""
        owners = view.owners.get(dag_id) or (view.dags[dag_id].owner if dag_id in view.dags else "")
        return DagFacts(dag_id, owners_of(owners), view.facts.tags.get(dag_id, ()))

    def _go_on(self, one: Alert, view: View, look: Look, now: float) -> None:
        reason = self._over(one.key, one.team, one.due, view)
        one.ended = (one.ended or now) if one.posted and look.ended(one.key) else 0
        if one.ended and view.standings.get(one.key) != "failed":
            reason = reason or "somebody else has resolved it"
        if reason:
            one.over, one.told, one.dirty = now, False, True
            until = clock_time(datetime.fromtimestamp(now, timezone.utc), zone(one.team, self._settings))
            one.annotations = {**one.annotations, "resolution": reason, "until": until}
            log.info("%s is over: %s", one.key, reason)
            return
        failed, ended = view.failed.get(one.key, (one.failed, None))
        if failed != one.failed:
            one.failed, one.dirty = failed, True
            one.annotations = texts.recount(one.annotations, failed)
        if ended is not None and ended > one.failed_at:
            one.failed_at, one.dirty = ended, True
        annotations = one.annotations
        for shown in look.alerts.get(one.key, ()):
            annotations = texts.merge(annotations, shown.annotations)
        annotations = texts.stop(annotations, stopped=view.dag(one.key.dag_id) == "stopped")
        if annotations != one.annotations:
            one.annotations, one.dirty = annotations, True

    def _stranger(self, key: Key, shown: list[Shown], view: View, now: float) -> Failure | None:
        """Something fires that is not known to last: it is new, or a late replay of what is over."""
        known, standing = self.alerts.get(key), view.standings.get(key, "gone")
        if known is None and (standing == "gone" or (key.alertname == DEADLINE_MISSED and key not in view.failures)):
            return None  # the database knows nothing of it: perhaps another installation's with the same name
        due = view.dues.get((key.dag_id, key.run_id))
        number, ended = view.failed.get(key, (1, None))
        reason = self._over(key, labels_of(shown).get("team", ""), due, view)
        if not reason:
            lasts = standing == "failed" and key.alertname != TASK_RETRYING
            return (view.failures.get(key) or Failure(key, ended or now, due, number)) if lasts else None
        failed_at = min(parse(one.annotations.get("failed_at", "")) or now for one in shown)
        replay = known is not None and known.over is not None and failed_at <= known.over
        # Either way: a clock that was ahead must not keep it.
        if replay or standing != "cleared" or abs(now - min(one.since for one in shown)) > _GRACE:
            log.info("%s fires, and is over: %s", key, reason)
            known = known or _adopted(Failure(key, failed_at, due), shown)
            known.over, known.dirty = known.over if replay else now, True
            self.alerts[key], self._strangers[key] = known, shown
        return None

    def _is_news(self, failure: Failure, look: Look, view: View, now: float) -> bool:
        """Whether it lasts by the rules, and is not what it was when it was found to be over."""
        key = failure.key
        if key in self._strangers:
            return False
        team, _ = route(self.dag(key.dag_id, view), self._settings)
        team = labels_of(look.alerts[key]).get("team", team) if key in look.alerts else team
        if self._over(key, team, failure.due, view, standing="failed"):
            return False
        known, ended = self.alerts.get(key), failure.ended or now
        # Nothing is later than an end that a clock ahead wrote: another end is another failure.
        return known is None or key in look.alerts or ended > known.failed_at or now < known.failed_at != ended

    def _is_told_by_its_task(self, key: Key) -> bool:
        """A run that failed because of a task is no failure that nobody reported: its task's alert is there."""
        return key.alertname == DAG_RUN_FAILED and any(
            other.alertname == TASK_FAILED and (other.dag_id, other.run_id) == (key.dag_id, key.run_id)
            for other in self.alerts
        )

    def _lasts(self, key: Key) -> bool:
        known = self.alerts.get(key)
        return known is not None and known.over is None

    @staticmethod
    def _fails(key: Key, view: View) -> bool:
        return view.standings.get(key) == "failed"

    def _over(self, key: Key, team: str, due: float | None, view: View, standing: rules.Standing | None = None) -> str:
        config, policy = self._settings.teams.get(team), self._settings.reconcile.resolve
        if config is not None and config.resolve is not None:
            policy = config.resolve
        standing = standing or view.standings.get(key, "gone")
        return rules.over(standing, view.dag(key.dag_id), later=view.later(key.dag_id, due), policy=policy)


def _adopted(failure: Failure, shown: list[Shown]) -> Alert:
    """The failure as Alertmanager shows it."""
    labels = labels_of(shown)
    annotations: dict[str, str] = {}
    for one in shown:
        annotations = texts.merge(annotations, one.annotations)
    since = min(one.since for one in shown)
    return Alert(
        failure.key,
        labels.get("team", ""),
        labels.get("severity", ""),
        annotations,
        failure.ended or 0.0,
        failure.due,
        failure.failed,
        first=since,
        storm=labels.get("storm", ""),
    )


def _is_due(one: Alert, look: Look, at: float) -> bool:
    """Whether an Alertmanager lacks it, knows less of it, or will soon take it for over."""
    if one.ended:
        return at - one.ended >= _GRACE
    same = [
        there
        for there in look.alerts.get(one.key, ())
        if all(there.labels.get(name, "") == getattr(one, name) for name in ROUTING)
    ]
    poorer = any(one.annotations != there.annotations for there in same)
    return not one.posted or look.lacking(one.key) or poorer or at - one.posted > _RENEW


def _resolved(one: Alert, shown: list[Shown], cluster: str, now: datetime) -> list[dict[str, Any]]:
    """Posts that end it, under all labels that it has."""
    events = [one.event(cluster), *(one.variant(cluster, there.labels) for there in shown)]
    unique = {tuple(sorted(event.labels.items())): event for event in events}
    return [event.alert(now, resolved=True) for event in unique.values()]
