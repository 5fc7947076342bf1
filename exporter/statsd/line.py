"""The StatsD protocol: from the bytes of one line to its samples.

A line is `name:value|type[|@rate][|#tags][|…]`. Tags come after the type (DogStatsD: `|#key:value,key:value`) or in the
name: `name,key=value:…` (InfluxDB), `name#key=value:…` (Librato), `na[key=value]me:…` (SignalFX).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple, cast

from windsock.exporter.series.number import parse_number

if TYPE_CHECKING:
    from collections.abc import Iterable

Type = Literal["c", "g", "ms", "h", "d"]
Dialect = Literal["plain", "influxdb", "datadog", "librato", "signalfx"]
Tags = tuple[tuple[str, str], ...]

_TYPES = frozenset({"c", "g", "ms", "h", "d"})
_TAGS_BEGIN = re.compile(r"[,#\[]")
_NAME_DIALECTS: dict[str, Dialect] = {",": "influxdb", "#": "librato", "[": "signalfx"}
# DogStatsD's container id, time stamp, external data and cardinality: accepted, of no meaning here.
_IGNORED_FIELDS = ("c:", "T", "e:", "card:")
_SMALLEST_RATE = 1e-9
_FIELDS_WITH_COLON = frozenset({b"c", b"e", b"card"})
# What Airflow can send fits in with room to spare: its ids, and by default its names, have 250 characters at most.
LONGEST_ID = 250
LONGEST_LINE = 8192  # bytes
LONGEST_NAME = 1024
LONGEST_KEY = 250
LONGEST_VALUE = 512
MOST_TAGS = 100
# Bytes that the samples of one line may have, each written out as a line of its own.
_MOST_UNPACKED = 4 << 20


class LineError(ValueError):
    """A line, or a part of it, is no StatsD; `reason` is the label that it is counted under."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason.replace("_", " "))


class Head(NamedTuple):
    """What a line says apart from its value: what a series can be chosen by."""

    name: str
    type: Type
    rate: float
    tags: Tags
    dialect: Dialect
    odd: tuple[str, ...] = ()
    """Tags without a name, or without a value; an empty value is none at all."""


class Sample(NamedTuple):
    """One value of one head; `signed` says that it carries a sign, which makes a gauge's value a delta."""

    head: Head
    value: float
    signed: bool


def split(text: bytes) -> list[bytes]:
    """Take a datagram apart into lines of one sample each; most are one already.

    `a:1|c:2|ms` packs samples, `a:1:2|ms|@0.5|#k:v` values. A part that makes no sense, or is too much, is returned
    as it is: `parse` says so.
    """
    if b"\n" in text:
        return [part for line in text.splitlines() if line.strip() for part in split(line)]
    if _excess(text):
        return [text]
    name, rest = _split(text)
    value, bar, tail = rest.partition(b"|")
    # What is packed in both ways gets one tail for its values, not each value all that follows: that would be a square.
    first, *more = _samples(bar + tail) if b":" in tail and b"|#" not in tail else (bar + tail,)
    if b":" not in value and not more:
        return [text]
    return [name + b":" + part for part in (*(one + first for one in value.split(b":")), *more)]


def parse(line: bytes) -> Sample:
    """Return the sample of a line that holds one. Raises LineError."""
    if excess := _excess(line):
        raise LineError(excess)
    raw_name, raw = _split(line)
    try:
        name, value, fields = raw_name.decode(), *raw.decode().partition("|")[::2]
    except UnicodeDecodeError:
        raise LineError("invalid_utf8") from None
    if not raw_name and not raw:
        raise LineError("no_colon")
    name, tags, odd, dialect = _name_tags(name)
    if not name:
        raise LineError("no_name")
    if len(name) > LONGEST_NAME:
        raise LineError("name_too_long")
    head = _head(name, fields.split("|"), tags, odd, dialect)
    number = parse_number(value)
    if number is None:
        raise LineError("bad_value")
    return Sample(head, number, value[0] in "+-")


def _excess(line: bytes) -> str:
    """Why a line is not looked at; empty where it is."""
    if len(line) > LONGEST_LINE:
        return "line_too_long"
    return "too_many_samples" if line.count(b":") * len(line) > _MOST_UNPACKED else ""


def _samples(packed: bytes) -> list[bytes]:
    samples: list[list[bytes]] = []
    bars, field = 0, b""
    for part in packed.split(b":"):
        # Behind a value and a type `|c:` begins a container id, no further sample.
        if bars > 1 and field in _FIELDS_WITH_COLON:
            samples[-1].append(part)
            bars += part.count(b"|")
            field = part.rpartition(b"|")[2] if b"|" in part else b""
        else:
            samples.append([part])
            bars, field = part.count(b"|"), part.rpartition(b"|")[2]
    return [b":".join(parts) for parts in samples]


def _split(line: bytes) -> tuple[bytes, bytes]:
    name, colon, rest = line.partition(b":")
    if b"=" in name and (b"," in name or b"#" in name or b"[" in name):
        # A tag's value may hold colons (a run id has its time in it): the sample begins after the last one.
        before, bar, after = line.partition(b"|")
        name, colon, value = before.rpartition(b":")
        rest = value + bar + after
    return (name, rest) if colon else (b"", b"")


def _head(name: str, fields: list[str], name_tags: Tags, name_odd: tuple[str, ...], dialect: Dialect) -> Head:
    type_ = fields[0]
    if type_ not in _TYPES:
        raise LineError("no_type" if not type_ else "set" if type_ == "s" else "unknown_type")
    rate, tags, odd = 1.0, name_tags, name_odd
    for field in fields[1:]:
        if field.startswith("@"):
            # A rate that can't be is no reason to lose the value.
            given = parse_number(field[1:])
            rate = given if given is not None and _SMALLEST_RATE <= given <= 1 else 1.0
        elif field.startswith("#"):
            if name_tags:
                raise LineError("mixed_tags")
            more, more_odd = _pairs((tag.removeprefix("#") for tag in field[1:].split(",")), ":")
            tags, odd, dialect = (*tags, *more), (*odd, *more_odd), "datadog"
            if len(tags) + len(odd) > MOST_TAGS:
                raise LineError("too_many_tags")
        elif not field.startswith(_IGNORED_FIELDS):
            raise LineError("unknown_field" if field else "empty_field")
    return Head(name, cast("Type", type_), rate, tags, dialect, odd)


def _name_tags(text: str) -> tuple[str, Tags, tuple[str, ...], Dialect]:
    begin = _TAGS_BEGIN.search(text)
    if begin is None:
        return text, (), (), "plain"
    name, rest = text[: begin.start()], text[begin.end() :]
    if begin[0] == "[":
        rest, bracket, after = rest.partition("]")
        if not bracket:
            return text, (), (), "plain"
        name += after
    tags, odd = _pairs(rest.split(","), "=")
    return name, tags, odd, _NAME_DIALECTS[begin[0]] if tags else "plain"


def _pairs(texts: Iterable[str], separator: str) -> tuple[Tags, tuple[str, ...]]:
    tags, odd = [], []
    for text in texts:
        key, separated, value = text.partition(separator)
        if len(key) > LONGEST_KEY or len(value) > LONGEST_VALUE:
            raise LineError("tag_too_long")
        if key and value:
            tags.append((key, value))
        elif value or (key and not separated):
            odd.append(text)
    if len(tags) + len(odd) > MOST_TAGS:
        raise LineError("too_many_tags")
    return tuple(tags), tuple(odd)
