"""An entry of the spool: one thing to tell, to whom, and how far that has come."""

# Annotations are values in this module: a named tuple would compile each text, in each callback's process.

import os
import re
from typing import Any, Literal, NamedTuple

from windsock.events import Event

from . import clock, record


def new_id() -> str:
    """A name that no other message has."""
    return os.urandom(16).hex()


_ID = "[0-9a-f]{32}"
"""What `new_id` returns: it is part of a file's name and of a mail's header."""

Pair = tuple[str, str]
"""A destination: the channel, and whom it is to tell."""


class Entry(NamedTuple):
    """One thing to tell, and to whom."""

    kind: Literal["failed", "resolved"]
    event: Event
    pending: tuple[Pair, ...]
    """Destinations that have not accepted it."""
    id: str
    boot: clock.Boot
    """What the clock was when it was written."""
    begun: tuple[Pair, ...] = ()
    """Those that are being tried, or of which nobody knows whether they have it."""
    template: str | None = None
    created: float = 0.0
    """Unix time of the failure's delivery."""
    not_before: float = 0.0
    attempts: int = 0
    serial: int = 0
    """The run's failures on this host when it was written: what was told with a higher count says this too."""
    problem: str = ""

    @classmethod
    def new(cls, kind: Literal["failed", "resolved"], event: Event, pending: tuple[Pair, ...], **given: Any) -> "Entry":
        """Return one that is written now."""
        return cls(kind, event, pending, new_id(), clock.boot(), **given)

    def age(self) -> float:
        """Seconds since it was `created`."""
        return clock.age(self.created, self.boot)

    def text(self) -> str:
        """The file's content."""
        return record.text(self, indent=1)


def entry_of(text: str | bytes) -> Entry:
    """What a file of the spool holds. Raises ValueError."""
    entry = record.parse(Entry, text)
    if not entry.pending:
        raise ValueError("no entry of the spool: nobody is to be told")
    if not re.fullmatch(_ID, entry.id):
        raise ValueError("no entry of the spool: its id is none of ours")
    return entry
