"""The spool again: what no Alertmanager or channel took when it happened.

A replay must not page anew for what is over (Alertmanager would: it forgets what it has resolved). Where a reconciler
answers for the failure, a replay may only enrich an alert that still fires; where there is none, this host's own marks
say whether the task has succeeded since.
"""

from __future__ import annotations

import contextlib
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, Literal

from windsock import events
from windsock.alertmanager import Alertmanager, credentials
from windsock.callbacks import bounded, recovery, spool
from windsock.exceptions import SettingsError
from windsock.redaction import redact
from windsock.text import line

from . import alertmanager, ends
from .alertmanager import CHANNEL, PENDING
from .result import Flushed, count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from windsock.alertmanager import PeerResult
    from windsock.settings import Settings

_LEAST = 0.3
"""No further entry is begun where fewer seconds are left."""
_SHARE = 0.5
"""The part of what is left that one entry may take, and no more than `callbacks.budget`: the others have the rest."""
_DELIVERED = 0.9
"""The part of its time after which an entry's delivery ends by itself; the rest is for the disk."""
_PROBLEM = 500
"""Characters of what went wrong."""
_LOOKED_AT = 20
"""Entries that may be looked at for each that may be delivered: not all that wait are due."""

_SOON = 120.0
"""Seconds within which a reconciler tells of a failure that is its business: its alert is waited for, to enrich it."""

Result = Literal["delivered", "superseded", "dead", "waiting"]
"""What became of one entry: told; dropped, since its failure was resolved or told; given up; kept for later."""


def flush(settings: Settings, deadline: float, limit: int) -> Flushed:
    """Deliver what waits and is due, oldest first; a destination that fails is left alone for the rest of it."""
    store = spool.of(settings)
    store.sweep()
    counts: dict[Result, int] = dict.fromkeys(("delivered", "superseded", "dead", "waiting"), 0)
    replay = _Replay(settings, store)
    names = store.names()
    for name in names[: limit * _LOOKED_AT]:
        done = counts["delivered"] + counts["superseded"] + counts["dead"]
        if done >= limit or time.monotonic() + _LEAST > deadline:
            break
        try:
            claim = store.claim(name)
        except ValueError:
            store.bury_file(name)
            count("dead", "unknown", "", "unreadable")
            counts["dead"] += 1
            continue
        if claim is not None:
            left = deadline - time.monotonic()
            counts[replay.alone(claim, max(_LEAST, min(left * _SHARE, settings.callbacks.budget)))] += 1
    waiting = len(store.names())
    return Flushed(counts["delivered"], counts["superseded"], counts["dead"], waiting)


class _Replay:
    """The entries of one flush, and what was learned from those before."""

    def __init__(self, settings: Settings, store: spool.Spool) -> None:
        self._settings = settings
        self._store = store
        self._deadline = 0.0
        self._broken: set[str] = set()
        self._covered: float | None = None
        self._asked = False

    def alone(self, claim: spool.Claim, seconds: float) -> Result:
        """What becomes of an entry within `seconds`; whatever it does, those behind it have their turn."""
        self._deadline = time.monotonic() + seconds * _DELIVERED
        try:
            return bounded.run(lambda: self._released(claim), seconds)
        except TimeoutError:
            # It stays claimed while it works on; where it hangs, others would too.
            self._broken |= set(_channels(claim.entry))
            return "waiting"

    def _released(self, claim: spool.Claim) -> Result:
        try:
            return self._one(claim)
        except Exception as error:  # noqa: BLE001  a peer's answer that makes no sense, or what we have not thought of
            said = line(redact(f"{type(error).__name__}: {error}"), _PROBLEM)
            with contextlib.suppress(OSError):
                claim.update(attempts=claim.entry.attempts + 1, problem=said)
            return "waiting"
        finally:
            claim.release()

    def _one(self, claim: spool.Claim) -> Result:
        entry, now = claim.entry, time.time()
        channels = _channels(entry)
        if entry.age() > self._settings.callbacks.spool.expire:
            self._store.bury(entry, f"not delivered in time; the last problem was: {entry.problem or 'none'}")
            claim.remove()
            for channel, _ in entry.pending:
                count("dead", channel, entry.event.team, "expired")
            return "dead"
        if entry.not_before > now or any(channel in self._broken for channel in channels):
            return "waiting"
        if entry.kind == "failed" and self._recovered(entry):
            return self._superseded(claim)
        if entry.pending == PENDING:
            try:
                return self._post(claim)
            except (OSError, SettingsError):
                self._broken.add(channels[0])
                return "waiting"
        from .direct import DirectDelivery  # noqa: PLC0415  not with an Alertmanager

        result, failed = DirectDelivery(self._settings, self._deadline).replay(claim)
        self._broken |= failed
        return result

    def _post(self, claim: spool.Claim) -> Result:
        """Raises OSError where nobody answers."""
        entry, config = claim.entry, self._settings.alertmanager
        if entry.kind == "resolved":
            results, _ = ends.resolve(entry.event, self._settings, self._deadline, entry.created)
            bad = [result for result in results if result[1] is not None]
            return self._concluded(claim, bad or results)
        client = Alertmanager(config, credentials(config.http))
        seconds = max(0.1, (self._deadline - time.monotonic()) / (2 * max(1, len(config.urls))))
        firing = client.find(entry.event.identity, seconds)
        signs: list[dict[str, Any]] = []
        if firing:
            event = alertmanager.adopt(entry.event, firing[0])
        elif self._reconciled(client, seconds, entry):
            return self._superseded(claim) if entry.age() > _SOON else "waiting"
        else:
            # While nobody could be told, many may have failed: they are one message here, too.
            event, signs = alertmanager.place(self._late(entry), self._settings, client, seconds)
        alerts = [event.alert(datetime.now(timezone.utc)), *signs]
        return self._concluded(claim, alertmanager.post(client, alerts, self._deadline))

    def _concluded(self, claim: spool.Claim, results: list[PeerResult]) -> Result:
        found = alertmanager.conclude(claim, self._settings, claim.entry.event, results)
        if not found.problem:
            return "delivered"
        if found.problem == "rejected":
            return "dead"
        self._broken.add(f"{CHANNEL} ")
        return "waiting"

    def _reconciled(self, client: Alertmanager, seconds: float, entry: spool.Entry) -> bool:
        """Whether a live reconciler answers for the failure: of this kind, at this time. Raises OSError."""
        if not _in_the_database(entry.event):
            return False
        if not self._asked:
            labels = {"alertname": events.RECONCILING, "cluster": self._settings.cluster}
            since = [alert["annotations"].get("covers_since", "") for alert in client.find(labels, seconds)]
            self._covered = min(_times(since), default=None)
            self._asked = True
        return self._covered is not None and _failed_at(entry) >= self._covered

    def _recovered(self, entry: spool.Entry) -> bool:
        """Whether a success on this host has ended it since."""
        return recovery.ended(entry.event, entry.created, spool.folder(self._settings))

    def _superseded(self, claim: spool.Claim) -> Result:
        for channel, _ in claim.entry.pending:
            count("superseded", channel, claim.entry.event.team)
        claim.remove()
        return "superseded"

    def _late(self, entry: spool.Entry) -> events.Event:
        age = entry.age()
        if age <= self._settings.callbacks.spool.late_after:
            return entry.event
        said = entry.event.annotations
        summary = f"delivered late, {age / 60:.0f} minutes after it happened: {said.get('summary', '')}"
        return entry.event._replace(annotations={**said, "summary": summary})


def _channels(entry: spool.Entry) -> list[str]:
    return [f"{channel} {to}" for channel, to in entry.pending]


def _in_the_database(event: events.Event) -> bool:
    """Whether a reconciler finds the failure: of retries, skips, SLAs and checks of data it tells nobody."""
    lasting = (events.TASK_FAILED, events.DAG_RUN_FAILED, events.DEADLINE_MISSED)
    return event.alertname in lasting and event.deadline != "sla"


def _times(texts: Iterable[str]) -> Iterator[float]:
    """Those that are some: anybody may have posted an alert of that name."""
    for text in texts:
        with contextlib.suppress(ValueError):
            yield events.unix(text)


def _failed_at(entry: spool.Entry) -> float:
    try:
        return events.unix(entry.event.annotations.get("failed_at", ""))
    except ValueError:
        return entry.created
