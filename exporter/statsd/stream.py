"""One connection over which lines arrive."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable


class Stream:
    """What one connection sent after its last line feed."""

    def __init__(self, sender: Hashable) -> None:
        self.sender = sender
        self.rest = b""
        self.heard: float | None = None
        """When something last came; None: nothing ever did."""
        self.opened = time.monotonic()
        self._skipping = False

    def silent(self) -> float:
        """Seconds since something came, or since it was opened."""
        return time.monotonic() - (self.opened if self.heard is None else self.heard)

    def take(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes."""
        self.heard = time.monotonic()
        *lines, self.rest = (self.rest + data).split(b"\n")
        if self._skipping and lines:
            self._skipping = False
            del lines[0]
        if self._skipping:
            self.rest = b""
        return [line for line in lines if line]

    def skip(self) -> None:
        """Forget the line that is coming in, up to its end."""
        self._skipping = True
        self.rest = b""
