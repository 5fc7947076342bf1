"""Misbehaviour on demand: what a test asks a platform to do wrong, and for how many requests."""

from __future__ import annotations

import threading
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from .messages import Platform  # noqa: TC001  pydantic reads the annotations at run time


class Fault(BaseModel):
    """One fault. Unless `accept` is set, a request that meets it leaves an attempt behind but no message."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    platform: Platform
    kind: Literal["status", "hang", "close", "slow"]
    """status: answer `status`; hang: take the request and answer nothing for `seconds`, then hang up; close: hang up in
    the middle of the answer; slow: answer as ever, a byte at a time over `seconds` (mail: after them)."""
    status: int = Field(default=503, ge=200, le=599)
    """An HTTP status, or an SMTP reply code for mail."""
    body: str | dict[str, Any] | None = None
    """None: what the platform itself would say."""
    retry_after: int | None = Field(default=None, ge=0)
    """Seconds, as the Retry-After header."""
    seconds: float = Field(default=30.0, ge=0, le=3600)
    count: int | None = Field(default=None, ge=1)
    """How many requests meet it; None: all of them until it is cleared."""
    accept: bool = False
    """Whether the message is kept all the same: it arrived, but its sender can't know."""

    @property
    def before(self) -> bool:
        """Whether it strikes before the platform has seen the message."""
        return not self.accept and self.kind != "slow"


class Faults:
    """The faults that are still to be met, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[tuple[Fault, int | None]] = []

    def add(self, fault: Fault) -> None:
        """Let the next requests meet `fault`."""
        with self._lock:
            self._waiting.append((fault, fault.count))

    def take(self, platform: Platform) -> Fault | None:
        """The fault that this request to `platform` meets."""
        with self._lock:
            for index, (fault, left) in enumerate(self._waiting):
                if fault.platform == platform:
                    if left == 1:
                        del self._waiting[index]
                    elif left is not None:
                        self._waiting[index] = (fault, left - 1)
                    return fault
        return None

    def json(self) -> list[dict[str, Any]]:
        """What is still to be met; `count` is what is left of it."""
        with self._lock:
            return [{**fault.model_dump(), "count": left} for fault, left in self._waiting]

    def clear(self) -> None:
        """Behave again."""
        with self._lock:
            self._waiting.clear()
