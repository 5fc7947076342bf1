"""Who is connected, and who of them gives way: one address can't take all places, nor those who say nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import socket
    from collections.abc import Hashable, Iterable

_SHARE = 4
"""An address has at most three of so many parts of the places; the last part is the others' reserve."""


class Crowd:
    """At most `most` sockets, by the address of the other side."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._most_each = max(1, most - most // _SHARE)
        self._addresses: dict[socket.socket, Hashable] = {}
        self._counts: Counter[Hashable] = Counter()

    def __contains__(self, sock: object) -> bool:
        return sock in self._addresses

    def __len__(self) -> int:
        return len(self._addresses)

    def has_room(self, address: Hashable) -> bool:
        """Whether one more of `address` has a place."""
        return len(self) < self._most and self._counts[address] < self._most_each

    def add(self, sock: socket.socket, address: Hashable) -> None:
        """Give it a place."""
        self._addresses[sock] = address
        self._counts[address] += 1

    def remove(self, sock: socket.socket) -> bool:
        """Take its place back; returns whether it had one."""
        if sock not in self._addresses:
            return False
        address = self._addresses.pop(sock)
        self._counts[address] -= 1
        if not self._counts[address]:
            del self._counts[address]
        return True

    def first_to_go(self, idle: Iterable[socket.socket], address: Hashable = None) -> socket.socket | None:
        """Who of `idle`, which has the longest first, makes room for `address`: one of its own where it has too many.

        Else one of the address that has most. None: nobody is idle who could.
        """
        own = self._counts[address] >= self._most_each
        fitting = [sock for sock in idle if not own or self._addresses[sock] == address]
        return max(fitting, key=lambda sock: self._counts[self._addresses[sock]], default=None)
