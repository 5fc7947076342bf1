"""One connection over which lines arrive."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable


class Stream:
    """What one connection sent after its last line feed."""

    def __init__(self, sender: Hashable) -> None:
        self.sender = sender
        self.rest = b""
        self._skipping = False

    def take(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes."""
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
