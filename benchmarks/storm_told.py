"""What Slack has got of a storm, as `storm.py` counts it: by the first lines of its messages."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from windsock.demo.inbox import Inbox

LATER = "much_later"
_SINGLE = re.compile(r"^(\S+) failed: ")
_JOINED = re.compile(r"^(?:(\d+) DAGs of|(\S+) failed as others did).*OperationalError")


@dataclass
class Told:
    """What a person has seen by now."""

    messages: int = 0
    storm: float = 0.0
    """When a message first named the cause of several DAGs."""
    named: dict[str, float] = field(default_factory=dict)
    """DAGs with a message of their own, and when it came."""
    joined: int = 0
    complete: float = 0.0

    @property
    def count(self) -> int:
        """DAGs that were told of, without the one that fails later."""
        return self.joined + len(self.named.keys() - {LATER})


def read(inbox: Inbox, since: float) -> Told:
    """What Slack has got."""
    told = Told()
    sizes: list[tuple[float, int]] = []
    for message in inbox.messages("slack"):
        if message.received_at < since:
            continue
        told.messages += 1
        title = message.payload["attachments"][0]["title"]
        single, joined = _SINGLE.search(title), _JOINED.search(title)
        if single:
            told.named.setdefault(single[1], message.received_at)
        elif not joined:
            # What fails beside it: its first line has the names.
            for dag_id in message.payload["attachments"][0]["text"].splitlines()[0].split(", "):
                told.named.setdefault(dag_id, message.received_at)
        else:
            told.storm = told.storm or message.received_at
            told.joined = max(told.joined, int(joined[1] or 1))
            sizes.append((message.received_at, told.joined))
    # The first message that has all of the storm.
    whole = next((at for at, size in sizes if size == told.joined), 0.0)
    told.complete = max([whole, *(at for dag_id, at in told.named.items() if dag_id != LATER)])
    return told
