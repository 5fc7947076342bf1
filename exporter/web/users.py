"""Basic authentication: who may ask."""

from __future__ import annotations

import base64
import binascii
import hmac
import os
from typing import TYPE_CHECKING

import bcrypt

from .turns import BusyError, Turns

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping

_REMEMBERED = 1000
_REFUSED = 10_000
"""At a hundred guesses a second, those of more than a scrape interval."""
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
        self._refused: dict[bytes, None] = {}
        """Digests of those who were told to come again: a scraper does, with the same password, and guessers go on."""

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
        try:
            # Who comes again has turns apart from those of the same address that come for the first time.
            with self._turns.turn((address, digest in self._refused)):
                good = _fits(password, hashed) and name in self._hashes
        except BusyError:
            _remember(digest, self._refused, _REFUSED)
            raise
        self._refused.pop(digest, None)
        if good:
            _remember(digest, _good, _REMEMBERED)
        return good


def _remember(digest: bytes, among: dict[bytes, None], most: int) -> None:
    while len(among) >= most:
        among.pop(next(iter(among), b""), None)
    among[digest] = None


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
