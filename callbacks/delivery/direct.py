"""Directly to the channels of a team, where there is no Alertmanager: at least once, and what one host can know.

Of one run a destination gets at most one message a minute from a host; what fails meanwhile is counted, and told by the
next one, which shows the newest. A try is one failure however often it is told. A task's message stands for the run's,
and what is being sent when its process is killed is sent again, marked as a possible repeat.
"""

from __future__ import annotations

import contextlib
import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from windsock.callbacks import bounded, incidents, occurrence, recovery, spool
from windsock.callbacks.channels import Answer, send
from windsock.callbacks.incidents import PAUSE, Incident, subject
from windsock.callbacks.rendering.message import Message
from windsock.destinations import Destination, template
from windsock.events import DAG_RUN_FAILED, TASK_FAILED

from . import news
from .result import Delivery, count, took

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from contextlib import AbstractContextManager

    from windsock.callbacks.entry import Pair
    from windsock.events import Event
    from windsock.settings import Settings

_PAUSES = (0.5, 1.0, 2.0)
"""Seconds between attempts that fail at once."""
_LEAST = 0.5
"""Seconds that a further attempt must have."""
_BACKOFF = (15.0, 600.0)
"""Seconds until a spooled message is tried again: doubled each time, up to the second."""
_RENDERING = 0.4
"""The part of what is left that a template may take."""
_SAFE = 0.15
"""Seconds of the deadline that are left for the disk."""
_LATE = Answer("timeout", "no answer in time", uncertain=True)
_REPEAT = "This may be a repeat: its first delivery was interrupted."

Work = tuple[Destination, Message, "Mapping[str, str]"]
"""Whom to tell, what, and what the platform called its first message of the run."""


@dataclass(frozen=True)
class DirectDelivery:
    """One process's deliveries until the monotonic clock reaches `deadline`."""

    settings: Settings
    deadline: float

    @property
    def store(self) -> spool.Spool:
        """What waits on this host."""
        return spool.of(self.settings)

    def run(self, event: Event) -> AbstractContextManager[Incident]:
        """What this host knows of the event's run, while nobody else changes it.

        Others hold it for milliseconds, but on a busy machine hundreds may wait; half of the time is left for telling.
        """
        return incidents.of(self.store, event, max(0.1, (self.deadline - time.monotonic()) / 2))

    def fire(self, event: Event, chosen: str | None, destinations: tuple[Destination, ...]) -> Delivery:
        """Tell `destinations` of a failure, or have it counted for their next message."""
        now = time.time()
        entry = spool.Entry.new(
            "failed", event, (), template=chosen or template(self.settings, event.team), created=now
        )
        due, held, view = list(destinations), [], Incident(failures=1)
        with contextlib.suppress(OSError), self.run(event) as incident:
            entry = entry._replace(serial=incident.fail(subject(event), occurrence.of(event)))
            incident.due_at = event.annotations.get("due_at", "")
            view = incident
            if event.alertname == TASK_FAILED:
                incident.final[subject(event)] = {str(to): event.severity for to in destinations}
            if event.alertname == DAG_RUN_FAILED:
                destinations = tuple(to for to in destinations if not incident.task_failed(str(to), event.severity))
                due = list(destinations)
            if not destinations:
                return Delivery("", "nobody: the message of its failed task stands for it")
            destinations = tuple(to for to in destinations if news.is_news(entry, incident, to))
            if not destinations:
                return Delivery("", "nobody: they were told of it before")
            held = [to for to in destinations if now - incident.known(news.key(to, event)).at < PAUSE]
            due = [to for to in destinations if to not in held]
            for to in due:
                incident.known(news.key(to, event)).at = now
            for to in held:
                told = incident.known(news.key(to, event))
                told.held = told.held or self.keep(_later(entry, to, told.at + PAUSE)) is not None
        if not due:
            self._count_held(held, event)
            return Delivery("", f"nobody at once: counted for the next message to {_names(held)}")
        pairs = tuple(map(_pair, due))
        entry = entry._replace(pending=pairs, begun=pairs)
        delivery = self._attempt(self.keep(entry, claimed=True) or entry, dict.fromkeys(due, entry), view)
        self._count_held(held, event)
        return delivery

    def replay(self, claim: spool.Claim) -> tuple[Literal["delivered", "superseded", "waiting", "dead"], set[str]]:
        """Try a waiting entry again; the second value names the destinations that did not take it."""
        entry, now = claim.entry, time.time()
        pending = [Destination(*pair) for pair in entry.pending]
        said = dict.fromkeys(pending, entry)
        due, view, later = pending, Incident(failures=1), 0.0
        with contextlib.suppress(OSError), self.run(entry.event) as incident:
            view = incident
            newest = {to: news.newest(entry, incident, to) for to in pending}
            said = {to: found for to, found in newest.items() if found is not None}
            pending = list(said)
            due = [to for to in pending if now - incident.known(news.key(to, entry.event)).at >= PAUSE]
            if pending and not due:
                later = PAUSE + min(incident.known(news.key(to, entry.event)).at for to in pending)
            for to in due:
                incident.known(news.key(to, entry.event)).at = now
        if not pending:
            for channel, _ in entry.pending:
                count("superseded", channel, entry.event.team)
            claim.remove()
            return "superseded", set()
        interrupted = set(entry.begun)
        with contextlib.suppress(OSError):
            # Whoever is killed from here on leaves an entry that says what may have arrived.
            begun = tuple(interrupted | set(map(_pair, due)))
            claim.update(pending=tuple(map(_pair, pending)), begun=begun, not_before=later)
        if not due:
            claim.release()
            return "waiting", set()
        found = self._attempt(claim, {to: said[to] for to in due}, view, interrupted)
        if not found.problem:
            return "delivered", set()
        return ("dead" if found.problem == "rejected" else "waiting"), set(map(str, due))

    def once(self, to: Destination, message: Message, state: Mapping[str, str]) -> Answer:
        """Tell one destination: again while it fails at once and there is time, waiting as long as it asks."""
        started = time.monotonic()
        answer = Answer("timeout", "no time left")
        for pause in (*_PAUSES, None):
            seconds = self.deadline - _SAFE - time.monotonic()
            if seconds <= 0:
                break
            answer = send(to, message, self.settings, seconds, state)
            wait = max(answer.wait, pause or 0.0)
            again = answer.problem in ("unreachable", "server_error", "throttled") and not answer.uncertain
            if not again or pause is None or time.monotonic() + wait + _LEAST > self.deadline:
                break
            time.sleep(wait)
        return replace(answer, seconds=time.monotonic() - started)

    def all(self, works: list[Work]) -> list[Answer]:
        """Tell several destinations side by side."""
        calls = [lambda work=work: self.once(*work) for work in works]
        return [answer or _LATE for answer in bounded.side_by_side(calls, self.deadline - _SAFE)]

    @staticmethod
    def tally(works: list[Work], answers: list[Answer]) -> None:
        """Count what became of them. Last of all: the first count may import Airflow's metrics, which takes seconds."""
        for (to, message, _), answer in zip(works, answers, strict=True):
            took(answer.seconds, to.channel, message.event.team)
            count("failed" if answer.problem else "sent", to.channel, message.event.team, answer.problem)

    def keep(self, entry: spool.Entry, *, claimed: bool = False) -> spool.Claim | None:
        """Put an entry down; None: there is no room, or no disk, which must stop no alert.

        One that stays claimed is about to be sent, and need not survive the machine.
        """
        if not self.settings.callbacks.spool.max_files:
            return None
        try:
            claim = self.store.put(entry, sync=not claimed)
        except OSError:
            return None
        if not claimed:
            claim.release()
        return claim

    def until(self, entry: spool.Entry, wait: float) -> float:
        """The Unix time at which to try `entry` again, which is to be left alone for `wait` seconds.

        That is no more than half of the time until it expires: whatever a platform asks for, it is asked again.
        """
        left = max(0.0, self.settings.callbacks.spool.expire - entry.age())
        return time.time() + min(wait, left / 2)

    @staticmethod
    def _count_held(held: list[Destination], event: Event) -> None:
        for to in held:
            count("held", to.channel, event.team)

    def _attempt(
        self,
        claim: spool.Claim | spool.Entry,
        due: dict[Destination, spool.Entry],
        incident: Incident,
        interrupted: Collection[Pair] = (),
    ) -> Delivery:
        """Send to each of `due` the entry that is given for it, and remember what became of `claim`.

        What was `interrupted` before may have arrived, whatever becomes of this attempt.
        """
        entry = claim.entry if isinstance(claim, spool.Claim) else claim
        event = entry.event
        works: list[Work] = []
        for to, said in due.items():
            message = self.message(said, incident, to)
            if said.id == entry.id and _pair(to) in interrupted:
                message = replace(message, notes=(_REPEAT, *message.notes))
            works.append((to, message, incident.known(news.key(to, event)).state))
        found = self.all(works)
        answers = dict(zip(due, found, strict=True))
        with contextlib.suppress(OSError), self.run(event) as known:
            for (to, message, _), answer in zip(works, found, strict=True):
                if not answer.problem:
                    told = known.known(news.key(to, event))
                    told.serial = max(told.serial, incident.failures)
                    told.held = told.held and known.failures > told.serial
                    told.latest = told.latest if told.latest and told.latest.serial > told.serial else None
                    told.ended = message.resolved
                    if told.first is None and not message.resolved:
                        told.first, told.state = message.event, dict(answer.state)
        begun = {*interrupted, *(_pair(to) for to, answer in answers.items() if answer.uncertain)}
        delivery = self._settle(claim, entry, answers, begun)
        self.tally(works, found)
        return delivery

    def _settle(
        self,
        claim: spool.Claim | spool.Entry,
        entry: spool.Entry,
        answers: dict[Destination, Answer],
        begun: set[Pair],
    ) -> Delivery:
        """Remove, bury or put off an entry, of which `begun` may have arrived; returns that in words."""
        failed = {to: answer for to, answer in answers.items() if answer.problem}
        detail = "; ".join(f"{to}: {answer.detail}" for to, answer in failed.items())
        final = tuple(_pair(to) for to, answer in failed.items() if answer.final)
        done = {_pair(to) for to in answers if to not in failed}
        left = tuple(pair for pair in entry.pending if pair not in done and pair not in final)
        if final:
            self.store.bury(entry._replace(id=entry.id[::-1], pending=final), detail)
        for channel, _ in final:
            count("dead", channel, entry.event.team, "rejected")
        if not isinstance(claim, spool.Claim):
            for channel, _ in left:
                count("dead", channel, entry.event.team, "no_spool")
        elif left:
            self._put_off(claim, left, begun, failed, detail)
        else:
            claim.remove()
        if not failed:
            return Delivery("", _names(list(answers)))
        problem = next((answer.problem for answer in failed.values() if not answer.final), "rejected")
        kept = f" ({self._kept(claim)})" if left else ""
        return Delivery(problem, detail + kept + (" (a dead letter: see `windsock notify dead`)" if final else ""))

    def _kept(self, claim: spool.Claim | spool.Entry) -> str:
        if isinstance(claim, spool.Claim):
            return "kept in the spool"
        return f"not kept: {self.store.obstacle() or 'the disk did not take it'}"

    def _put_off(
        self,
        claim: spool.Claim,
        left: tuple[Pair, ...],
        begun: set[Pair],
        failed: dict[Destination, Answer],
        detail: str,
    ) -> None:
        attempts = claim.entry.attempts
        wait = max((answer.wait for answer in failed.values()), default=0.0)
        later = max(wait, min(_BACKOFF[0] * 2 ** min(attempts, 10), _BACKOFF[1]))
        for channel, _ in left:
            count("spooled", channel, claim.entry.event.team)
        with contextlib.suppress(OSError):
            until = self.until(claim.entry, later)
            doubtful = tuple(pair for pair in left if pair in begun)
            claim.update(pending=left, begun=doubtful, attempts=attempts + 1, not_before=until, problem=detail[:500])
        claim.release()

    def message(self, entry: spool.Entry, incident: Incident, to: Destination) -> Message:
        """The message of an entry, with the failures that it counts (the newest first) and a note where it is late."""
        age = entry.age()
        late = f"Delivered late, {age / 60:.0f} minutes after it happened."
        tasks = tuple((name, failing.count) for name, failing in reversed(incident.open.items()))
        own = dict(tasks).get(subject(entry.event), 1)
        message = Message(
            entry.event,
            resolved=entry.kind == "resolved",
            failures=own if news.is_of_a_task(to) else max(1, incident.failures),
            tasks=() if news.is_of_a_task(to) else tasks,
            notes=(late,) if age > self.settings.callbacks.spool.late_after else (),
            id=entry.id,
            first=incident.known(news.key(to, entry.event)).first is None,
            runs=recovery.last(entry.event, spool.folder(self.settings)).runs,
        )
        if entry.template is None or message.resolved:
            return message
        from windsock.callbacks.rendering.template import render  # noqa: PLC0415  jinja is for those who use it

        text = self.settings.callbacks.templates.get(entry.template, entry.template)
        seconds = (self.deadline - time.monotonic()) * _RENDERING
        return replace(message, body=render(text, message, seconds))


def _later(entry: spool.Entry, to: Destination, until: float) -> spool.Entry:
    """An entry that waits until `until`, to tell one destination of all that has failed by then."""
    fresh = spool.Entry.new("failed", entry.event, (_pair(to),), template=entry.template, created=entry.created)
    return fresh._replace(boot=entry.boot, not_before=until, serial=entry.serial)


def _pair(to: Destination) -> Pair:
    return (to.channel, to.to)


def _names(destinations: list[Destination]) -> str:
    return ", ".join(dict.fromkeys(map(str, destinations)))
