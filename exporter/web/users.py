"""Basic authentication: who may ask."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from typing import TYPE_CHECKING

import bcrypt

from .turns import Turns

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

_REMEMBERED = 1000
_LONGEST_PASSWORD = 72  # bytes; bcrypt ignores what follows
_KEY = os.urandom(32)
_good: dict[bytes, None] = {}
"""Keyed digests, worth nothing outside this process, of hashes with their passwords. That they fit does not change: who
was let in once never waits behind those who guess, whatever else the file says when it is read again."""


class Users:
    """Names and bcrypt hashes of their passwords.

    A hash takes its 100 ms once. An unknown name is checked against somebody's hash, so that it takes the same time.
    """

    def __init__(self, hashes: Mapping[str, str]) -> None:
        self._hashes = {name: text.encode() for name, text in hashes.items()}
        self._anybody = next(iter(self._hashes.values()))
        # One hash at a time: who guesses passwords gets one core at most.
        self._turns = Turns()

    def __len__(self) -> int:
        return len(self._hashes)

    def admits(self, authorization: str, address: Hashable = None) -> bool:
        """Whether the header holds the name and the password of a user.

        Raises BusyError where too many of `address` wait to be told.
        """
        encoded, _, password = _decode(authorization).partition(b":")
        name, password = encoded.decode(errors="replace"), password[:_LONGEST_PASSWORD]
        hashed = self._hashes.get(name, self._anybody)
        digest = hmac.digest(_KEY, hashed + b":" + password, "sha256")
        if name in self._hashes and digest in _good:
            return True
        with self._turns.turn(address):
            good = _fits(password, hashed) and name in self._hashes
        if good:
            if len(_good) >= _REMEMBERED:
                _good.pop(next(iter(_good)), None)
            _good[digest] = None
        return good


def _fits(password: bytes, hashed: bytes) -> bool:
    try:
        return bcrypt.checkpw(password, hashed)
    except ValueError:
        return False


def _decode(authorization: str) -> bytes:
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != "basic":
        return b""
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return b""
