"""Basic authentication: who may ask."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
import threading
from typing import TYPE_CHECKING

import bcrypt

if TYPE_CHECKING:
    from collections.abc import Mapping

_REMEMBERED = 1000
_WAITING = 8
_LONGEST_PASSWORD = 72  # bytes; bcrypt ignores what follows


class Users:
    """Names and bcrypt hashes of their passwords.

    A hash takes its 100 ms once: that a password was right is remembered, as a keyed digest that is worth nothing
    outside this process. An unknown name is checked against somebody's hash, so that it takes the same time.
    """

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._hashes = {name: text.encode() for name, text in hashes.items()}
        self._anybody = next(iter(self._hashes.values()))
        self._key = os.urandom(32)
        self._good: set[bytes] = set()
        self._places = threading.BoundedSemaphore(_WAITING)
        self._one = threading.Lock()

    def __len__(self) -> int:
        return len(self._hashes)

    def admits(self, authorization: str) -> bool:
        """Whether the header holds the name and the password of a user."""
        name, _, password = _decode(authorization).partition(b":")
        digest = hmac.digest(self._key, name + b":" + password, "sha256")
        if digest in self._good:
            return True
        # One hash at a time: who guesses passwords gets one core at most, and no one waits in a long queue.
        if not self._places.acquire(blocking=False):
            return False
        try:
            with self._one:
                good = self._check(name.decode(errors="replace"), password)
        finally:
            self._places.release()
        if good:
            if len(self._good) >= _REMEMBERED:
                self._good.clear()
            self._good.add(digest)
        return good

    def _check(self, name: str, password: bytes) -> bool:
        try:
            matches = bcrypt.checkpw(password[:_LONGEST_PASSWORD], self._hashes.get(name, self._anybody))
        except ValueError:
            return False
        return matches and name in self._hashes


def _decode(authorization: str) -> bytes:
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
