"""A resolve without an Alertmanager: to whom this host has told of the failure, and to a pager, whoever told it."""

from __future__ import annotations

import contextlib
import time
from typing import TYPE_CHECKING

from windsock.callbacks import incidents, spool, success
from windsock.callbacks.rendering.message import Message
from windsock.destinations import Destination

from .result import Delivery, count

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.callbacks.channels import Answer
    from windsock.events import Event

    from .direct import DirectDelivery, Work

_MOST = 20
"""Runs whose first message is edited at once."""


def end(direct: DirectDelivery, event: Event, destinations: tuple[Destination, ...]) -> Delivery:
    """Tell whom this host told of the failures that the success `event` ends.

    What can be edited is, in each run; what can't gets one message for all of them.
    """
    now = time.time()
    works, spared = _told(direct, success.of(event, now), event)
    # An incident there is of all runs of a task.
    works += [(to, event, {}) for to in destinations if to.pages and not spared]
    if not works:
        return Delivery("", "nobody: this host has told of no failure, or others of the run last")
    entries = [
        spool.Entry.new("resolved", about, ((to.channel, to.to),), created=now, not_before=now)
        for to, about, _ in works
    ]
    claims = [direct.keep(entry, claimed=True) for entry in entries]
    messages: list[Work] = [
        (to, Message(about, resolved=True, id=entry.id), state)
        for (to, about, state), entry in zip(works, entries, strict=True)
    ]
    answers = direct.all(messages)
    problems = []
    for (to, message, _), answer, claim in zip(messages, answers, claims, strict=True):
        if not answer.problem and not to.pages:
            with contextlib.suppress(OSError), direct.run(message.event) as incident:
                incident.known(str(to)).ended = True
        if answer.problem:
            problems.append((answer.problem, f"{to}: {answer.detail}"))
        if claim is not None:
            _settle(direct, claim, answer)
    direct.tally(messages, answers)
    if problems:
        return Delivery(problems[0][0], "; ".join(detail for _, detail in problems))
    return Delivery("", f"{', '.join(dict.fromkeys(str(to) for to, _, _ in works))}: it is over")


def _settle(direct: DirectDelivery, claim: spool.Claim, answer: Answer) -> None:
    """Remove what was told, or never will be; keep the rest. A second message of an end does no harm."""
    channel, team = claim.entry.pending[0][0], claim.entry.event.team
    if not answer.problem or answer.final:
        claim.remove()
    else:
        with contextlib.suppress(OSError):
            later = direct.until(claim.entry, answer.wait)
            claim.update(attempts=1, not_before=later, problem=f"{channel}: {answer.detail}")
        claim.release()
    if answer.problem:
        count("dead" if answer.final else "spooled", channel, team, "rejected" if answer.final else "")


def _told(
    direct: DirectDelivery, ending: success.Success, event: Event
) -> tuple[list[tuple[Destination, Event, Mapping[str, str]]], bool]:
    """Whom to tell, of which event, and what the platform called its message; and whether a run's failure goes on."""
    about, spared = incidents.subject(event), False
    works: list[tuple[Destination, Event, Mapping[str, str]]] = []
    seen: set[str] = set()
    for run_id in incidents.runs_of(direct.store, event.dag_id):
        done, known = False, {}
        with contextlib.suppress(OSError), direct.run(event._replace(run_id=run_id)) as incident:
            if ending.ends(run_id, {"due_at": incident.due_at}, incident.failed):
                done = incident.mend(about, ending.at)
                known = incident.told
            else:
                spared = spared or about in incident.open
        for name, told in known.items() if done else ():
            first = told.first
            to = Destination(*name.partition(" ")[::2])
            if first is None or told.ended or to.pages or (name in seen and not told.state):
                continue
            seen.add(name)
            said = {**first.annotations, "recovered": event.annotations.get("recovered", "")}
            works.append((to, first._replace(annotations=said), dict(told.state)))
    return works[:_MOST], spared
