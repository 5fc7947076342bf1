"""What a destination does not know yet of a run, of all that has failed in it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock.callbacks.incidents import subject

if TYPE_CHECKING:
    from windsock.callbacks import spool
    from windsock.callbacks.incidents import Incident
    from windsock.destinations import Destination
    from windsock.events import Event


def key(to: Destination, event: Event) -> str:
    """Whose messages are counted together: of a run, but of each task where each is an incident of its own."""
    return f"{to}\n{subject(event)}" if is_of_a_task(to) else str(to)


def is_of_a_task(to: Destination) -> bool:
    """Whether a message there is of one task, not of its run."""
    return to.pages


def is_news(entry: spool.Entry, incident: Incident, to: Destination) -> bool:
    """Whether `to` was not told of this failure yet; then it is the newest one, if it was not counted before."""
    told = incident.known(key(to, entry.event))
    if entry.serial <= told.serial:
        return False
    if told.latest is None or told.latest.serial < entry.serial:
        told.latest = entry
    return True


def newest(entry: spool.Entry, incident: Incident, to: Destination) -> spool.Entry | None:
    """What a waiting entry tells by now: the newest failure that `to` was not told of; None: nothing any more."""
    if entry.kind == "resolved":
        return None if subject(entry.event) in incident.open else entry
    told = incident.known(key(to, entry.event))
    # One without a number is told for what it is, whatever was told since: see `spool.Spool.revive`.
    waiting = (told.latest, entry) if told.latest and entry.serial else (entry,)
    for one in waiting:
        mended = incident.mended.get(subject(one.event), 0.0) > one.created
        if not mended and not 0 < one.serial <= told.serial:
            return one
    # What is not told any more is not held.
    told.held = False
    return None
