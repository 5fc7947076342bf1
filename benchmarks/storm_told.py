"""What Slack has got of a storm, as `storm.py` counts it: by the first lines of its messages, and by their groups."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from windsock.demo.inbox import Inbox

LATER = "much_later"
GROUP = " storm={{ .GroupLabels.storm }}"
"""What the benchmark adds to a message's end: a message that follows another one repeats what it said."""
_SINGLE = re.compile(r"^(\S+) failed: (OperationalError)?")
_JOINED = re.compile(r"^(?:(\d+) DAGs of|(\S+) failed as others did).*OperationalError")


@dataclass
class Told:
    """What a person has seen by now."""

    messages: int = 0
    storm: float = 0.0
    """When a message first named the cause of several DAGs."""
    named: dict[str, float] = field(default_factory=dict)
    """DAGs with a message of their own, and when it came."""
    joined: dict[str, int] = field(default_factory=dict)
    """DAGs of each storm, by its label."""
    complete: float = 0.0

    @property
    def count(self) -> int:
        """DAGs that were told of, without the one that fails later."""
        return sum(self.joined.values()) + len(self.named.keys() - {LATER})


def read(inbox: Inbox, since: float) -> Told:
    """What Slack has got."""
    told = Told()
    # The first message that has all of a storm.
    whole: dict[str, float] = {}
    for message in inbox.messages("slack"):
        if message.received_at < since:
            continue
        told.messages += 1
        title = message.payload["attachments"][0]["title"]
        single, joined = _SINGLE.search(title), _JOINED.search(title)
        group = message.payload["attachments"][0]["footer"].partition(" storm=")[2]
        if single and not (single[2] and group):
            told.named.setdefault(single[1], message.received_at)
        elif not (single or joined):
            # What fails beside it: its first line has the names.
            for dag_id in message.payload["attachments"][0]["text"].splitlines()[0].split(", "):
                told.named.setdefault(dag_id, message.received_at)
        else:
            size = int((joined and joined[1]) or 1)
            told.storm = told.storm or (message.received_at if joined else 0.0)
            if size > told.joined.get(group, 0):
                told.joined[group], whole[group] = size, message.received_at
    told.complete = max([0.0, *whole.values(), *(at for dag_id, at in told.named.items() if dag_id != LATER)])
    return told
