"""An entry of the spool: one thing to tell, to whom, and how far that has come."""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field
from typing import Literal

from windsock.events import Event  # noqa: TC001  `record` reads the annotations at run time

from . import clock, record


def new_id() -> str:
    """A name that no other message has."""
    return os.urandom(16).hex()


_ID = "[0-9a-f]{32}"
"""What `new_id` returns: it is part of a file's name and of a mail's header."""


@dataclass(eq=False, repr=False)  # what else a dataclass can do costs a callback's process time
class Entry:
    """One thing to tell, and to whom; nobody changes one that is made."""

    kind: Literal["failed", "resolved"]
    event: Event
    pending: tuple[tuple[str, str], ...]
    """Destinations (channel, to) that have not accepted it."""
    begun: tuple[tuple[str, str], ...] = ()
    """Those that are being tried, or of which nobody knows whether they have it."""
    template: str | None = None
    created: float = 0.0
    """Unix time of the failure's delivery."""
    boot: clock.Boot = field(default_factory=clock.boot)
    """What the clock was when it was written."""
    not_before: float = 0.0
    attempts: int = 0
    serial: int = 0
    """The run's failures on this host when it was written: what was told with a higher count says this too."""
    problem: str = ""
    id: str = field(default_factory=new_id)

    def age(self) -> float:
        """Seconds since it was `created`."""
        return clock.age(self.created, self.boot)

    def text(self) -> str:
        """The file's content."""
        return json.dumps(asdict(self), indent=1)


def entry_of(text: str | bytes) -> Entry:
    """What a file of the spool holds. Raises ValueError."""
    entry = record.parse(Entry, text)
    if not entry.pending:
        raise ValueError("no entry of the spool: nobody is to be told")
    if not re.fullmatch(_ID, entry.id):
        raise ValueError("no entry of the spool: its id is none of ours")
    return entry
