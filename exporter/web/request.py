"""A request's head, within bounds."""

from __future__ import annotations

import http.client
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from email.message import Message
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


def ambiguity(headers: Message) -> str:
    """Why somebody in between may see another end of the request than we do, in words; empty where nobody can.

    RFC 9112, 6.3: what is told apart differently by a proxy and by us lets one request hide in another.
    """
    lengths = headers.get_all("Content-Length", [])
    if headers.defects or headers.get_payload():
        return "a line of the head is no header"
    if len(lengths) > 1:
        return "Content-Length stands twice"
    if lengths and not (lengths[0].isascii() and lengths[0].isdigit()):
        return "Content-Length is no number"
    if lengths and "Transfer-Encoding" in headers:
        return "Content-Length and Transfer-Encoding exclude each other"
    return ""


def has_body(headers: Message) -> bool:
    """Whether something follows the head."""
    return "Transfer-Encoding" in headers or headers.get("Content-Length", "0").strip("0") != ""
