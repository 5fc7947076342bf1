"""What has arrived: a bounded list, safe between threads, that a test or a page can wait on."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

if TYPE_CHECKING:
    from collections.abc import Callable

Platform = Literal["slack", "msteams", "pagerduty", "mail"]
PLATFORMS: tuple[Platform, ...] = get_args(Platform)

KEEP = 5_000
"""How many messages, and how many attempts, are kept by default."""
KEEP_BYTES = 256 << 20
"""How much the kept messages may weigh together, as they were received."""

_Found = TypeVar("_Found")


@dataclass(frozen=True)
class Message:
    """One message that a platform has accepted: a Slack post, a card of Teams, a PagerDuty event or a mail."""

    platform: Platform
    channel: str
    """`#data-alerts`, a workflow, a routing key, or the mail's recipients."""
    id: str
    """The platform's own id: Slack's `ts`, PagerDuty's `dedup_key`, the mail's Message-ID."""
    conversation: str
    """What belongs together has the same: a Slack thread, a PagerDuty incident, a mail thread."""
    text: str
    """What a person reads, as plain text; a link is `label (url)`."""
    payload: Any
    """What was sent, as JSON; a mail as its headers and parts."""
    size: int
    """Bytes received."""
    thread: str | None = None
    """The id of the message that this one follows up."""
    state: str | None = None
    """Of a PagerDuty incident after this event: triggered, acknowledged or resolved; dropped: there was none."""
    problems: tuple[str, ...] = ()
    """Documented limits that the message breaks although the platform takes it (and cuts it, or shows it badly)."""
    edited: float | None = None
    seq: int = 0
    """Rises with every change in the inbox, so it has gaps."""
    changed: int = 0
    """`seq`, or that of the last edit."""
    received_at: float = 0.0
    """Unix time in seconds."""


@dataclass(frozen=True)
class Attempt:
    """One request to a platform, whether a message came of it or not."""

    platform: Platform
    endpoint: str
    """`webhook`, `chat.postMessage`, `enqueue`, `smtp` …"""
    status: int | None
    """What was answered (HTTP or SMTP); None: nothing, or not all of it."""
    error: str | None = None
    """The platform's own word for what is wrong: `invalid_blocks`."""
    details: tuple[str, ...] = ()
    fault: str | None = None
    """The kind of the fault that was asked for."""
    message: int | None = None
    """`seq` of the message that it became, or edited."""
    at: float = 0.0
    """Unix time in seconds."""

    @property
    def refused(self) -> bool:
        """Whether the sender did not get a good answer."""
        return self.error is not None or self.fault in ("status", "hang", "close")


class Store:
    """The newest messages and attempts. Read and change several at once only under `lock`."""

    def __init__(self, keep: int = KEEP, keep_bytes: int = KEEP_BYTES) -> None:
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._keep = keep
        self._keep_bytes = keep_bytes
        self._messages: dict[int, Message] = {}
        self._bytes = 0
        self._attempts: deque[Attempt] = deque(maxlen=keep)
        self._revision = 0
        self._closed = False

    @property
    def revision(self) -> int:
        """Rises with every change."""
        return self._revision

    @property
    def closed(self) -> bool:
        """Whether the inbox is ending: nobody is to wait any longer."""
        return self._closed

    def add(self, message: Message) -> Message:
        """Keep `message`, numbered and dated, and let go of the oldest where there is no more room."""
        with self.lock:
            seq = self._touch()
            stored = replace(message, seq=seq, changed=seq, received_at=time.time())
            self._messages[seq] = stored
            self._bytes += stored.size
            while len(self._messages) > 1 and (len(self._messages) > self._keep or self._bytes > self._keep_bytes):
                self._bytes -= self._messages.pop(next(iter(self._messages))).size
            return stored

    def edit(self, message: Message, **changes: Any) -> Message:
        """Replace `message` by one with `changes`; it keeps its place."""
        with self.lock:
            edited = replace(message, edited=time.time(), changed=self._touch(), **changes)
            if message.seq in self._messages:
                self._messages[message.seq] = edited
                self._bytes += edited.size - message.size
            return edited

    def note(self, attempt: Attempt) -> None:
        """Keep `attempt`, dated."""
        with self.lock:
            self._attempts.append(replace(attempt, at=time.time()))
            if attempt.refused:
                self._touch()

    def messages(self, platform: str | None = None, channel: str | None = None, since: int = 0) -> list[Message]:
        """Oldest first: those of `platform` and `channel` that arrived or were edited after `since`."""
        with self.lock:
            return [
                message
                for message in self._messages.values()
                if message.changed > since
                and platform in (None, message.platform)
                and channel in (None, message.channel)
            ]

    def newest(self, test: Callable[[Message], bool]) -> Message | None:
        """The newest message that `test` is true of."""
        with self.lock:
            return next((message for message in reversed(self._messages.values()) if test(message)), None)

    def attempts(self, platform: str | None = None) -> list[Attempt]:
        """Oldest first."""
        with self.lock:
            return [attempt for attempt in self._attempts if platform in (None, attempt.platform)]

    def clear(self) -> None:
        """Forget all messages and attempts; the numbers go on rising."""
        with self.lock:
            self._messages.clear()
            self._attempts.clear()
            self._bytes = 0
            self._touch()

    def wait(self, find: Callable[[], _Found], timeout: float) -> _Found:
        """Return what `find` finds as soon as that is true, or what it finds after `timeout` seconds."""
        with self.lock:
            self._changed.wait_for(lambda: self._closed or find(), timeout)
            return find()

    def wait_past(self, seen: int, timeout: float) -> int:
        """The number of the last change, once it is not `seen` any more or after `timeout` seconds."""
        self.wait(lambda: self._revision != seen, timeout)
        return self._revision

    def close(self) -> None:
        """Wake everyone who waits."""
        with self.lock:
            self._closed = True
            self._changed.notify_all()

    def _touch(self) -> int:
        self._revision += 1
        self._changed.notify_all()
        return self._revision
