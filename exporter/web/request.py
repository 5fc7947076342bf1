"""A request's head, within bounds."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from io import BufferedIOBase

MOST_BYTES = 16 << 10


class Head:
    """What `http.server` reads a request from: line by line, `MOST_BYTES` in all; raises LineTooLong beyond."""

    def __init__(self, source: BufferedIOBase) -> None:
        self._source = source
        self._left = MOST_BYTES

    def begin(self) -> None:
        """The next line is the first of a request."""
        self._left = MOST_BYTES

    def readline(self, limit: int = -1) -> bytes:
        """Return the next line; empty where the other side has hung up."""
        del limit
        line = self._source.readline(self._left + 1)
        self._left -= len(line)
        if self._left < 0:
            raise http.client.LineTooLong("request head")
        return line

    def close(self) -> None:
        """Close what it reads from."""
        self._source.close()
