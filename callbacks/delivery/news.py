"""Which failures of a run a destination was not told of yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock.callbacks.incidents import subject

if TYPE_CHECKING:
    from windsock.callbacks import spool
    from windsock.callbacks.incidents import Incident
    from windsock.destinations import Destination
    from windsock.events import Event


def key(to: Destination, event: Event) -> str:
    """The name under which an incident remembers `to`; of a pager, which hears of each task, the task is in it."""
    return f"{to}\n{subject(event)}" if is_of_a_task(to) else str(to)


def is_of_a_task(to: Destination) -> bool:
    """Whether a message there is of one task, not of its run."""
    return to.pages


def is_news(entry: spool.Entry, incident: Incident, to: Destination) -> bool:
    """Whether `to` was not told of this failure yet; if so, the incident remembers it as its latest."""
    told = incident.known(key(to, entry.event))
    if entry.serial <= told.serial:
        return False
    if told.latest is None or told.latest.serial < entry.serial:
        told.latest = entry
    return True


def newest(entry: spool.Entry, incident: Incident, to: Destination) -> spool.Entry | None:
    """What to tell `to` in place of a waiting entry: the newest failure that it was not told of; None: nothing."""
    if entry.kind == "resolved":
        return None if subject(entry.event) in incident.open else entry
    told = incident.known(key(to, entry.event))
    # A revived dead letter has no serial number: it is told as it is, whatever was told since.
    waiting = (told.latest, entry) if told.latest and entry.serial else (entry,)
    for one in waiting:
        mended = incident.mended.get(subject(one.event), 0.0) > one.created
        if not mended and not 0 < one.serial <= told.serial:
            return one
    # Nothing waits for this destination any more.
    told.held = False
    return None
