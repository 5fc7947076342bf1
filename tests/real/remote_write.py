"""Samples into whatever takes Prometheus' remote write 1.0: protobuf by hand, in snappy that compresses nothing."""

from __future__ import annotations

import functools
import struct
import urllib.error
import urllib.request
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STALE = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""The NaN that ends a series (Prometheus' model/value/value.go)."""
PATH = "/api/v1/write"
"""Prometheus' own; others have others."""


class RefusedError(Exception):
    """What was sent is not stored; the text is what the server says."""


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def part(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2]) + varint(len(content)) + content


def labels(pairs: Mapping[str, str]) -> bytes:
    """A series' labels, its name among them as `__name__`; an empty one is none."""
    return _labels(tuple(sorted(pairs.items())))


@functools.lru_cache(1 << 16)
def _labels(pairs: tuple[tuple[str, str], ...]) -> bytes:
    # The same series come minute by minute.
    return b"".join(part(1, part(1, k.encode()) + part(2, v.encode())) for k, v in pairs if v)


def sample(value: float, at: int) -> bytes:
    """A value at a time, in seconds of Unix time."""
    # Of `STALE` each bit counts, and Python may turn a NaN into another one.
    packed = struct.pack("<Q", 0x7FF0000000000002) if value is STALE else struct.pack("<d", value)
    return part(2, b"\x09" + packed + b"\x10" + varint(at * 1000))


def body(series: Iterable[tuple[Mapping[str, str], float]], at: int) -> bytes:
    """One sample of each series, all at the same time."""
    return b"".join(part(1, labels(pairs) + sample(value, at)) for pairs, value in series)


def write(url: str, content: bytes, headers: Mapping[str, str] | None = None) -> None:
    """Send a request; `url` is the whole address. Raises RefusedError."""
    # Snappy of one literal.
    packed = varint(len(content)) + b"\xfc" + struct.pack("<I", len(content) - 1) + content
    told = {
        "Content-Encoding": "snappy",
        "Content-Type": "application/x-protobuf",
        "X-Prometheus-Remote-Write-Version": "0.1.0",
        **(headers or {}),
    }
    try:
        urllib.request.urlopen(urllib.request.Request(url, packed, told), timeout=300).read()
    except urllib.error.HTTPError as error:
        raise RefusedError(f"{url}: {error.code} {error.read()[:300]!r}") from error
