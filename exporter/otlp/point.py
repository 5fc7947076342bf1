"""What a point says beside its value: of whom, when, of what."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from windsock.exporter.statsd.line import LONGEST_ID, MOST_TAGS

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    from opentelemetry.proto.common.v1.common_pb2 import KeyValue
    from opentelemetry.proto.resource.v1.resource_pb2 import Resource

    from windsock.exporter.statsd.line import Tags
    from windsock.exporter.statsd.target import Target

    from .streams import Instance, Key

_INSTANCE = "service.instance.id"
_SLACK = 10**9
"""Nanoseconds. OpenTelemetry's Python takes the time of an export first: what is used just then begins after it."""
_NO_VALUE = 1
"""The flag of a point that says only that there is none."""


@dataclass
class About:
    """What a point is about; the start in `key` is that of a cumulative one."""

    target: Target
    identity: Hashable
    instance: Instance
    key: Key
    delta: bool
    now: float


def unsound(point: Any, latest: int) -> str:
    """Why a point is not looked at any further; empty where it is. `latest` is the latest time that can be."""
    if len(point.attributes) > MOST_TAGS:
        return "too_long"
    if point.flags & _NO_VALUE:
        return "no_value"
    if not point.time_unix_nano:
        return "no_time"
    if point.time_unix_nano > latest or point.start_time_unix_nano > latest:
        return "in_future"
    return "malformed" if point.start_time_unix_nano > point.time_unix_nano + _SLACK else ""


def identity_of(resource: Resource) -> Hashable:
    """Who exports: its instance's id, by whatever way it comes; without one, all that is known of it."""
    for attribute in resource.attributes:
        if attribute.key == _INSTANCE and attribute.value.string_value:
            identity = str(attribute.value.string_value)
            return identity if len(identity) <= LONGEST_ID else hash(identity)
    return hash(tuple(sorted((one.key, str(one.value)) for one in resource.attributes)))


def tags_of(attributes: Sequence[KeyValue]) -> Tags | None:
    """The attributes as texts; None where one is a list or a structure."""
    tags = []
    for attribute in attributes:
        value = attribute.value
        kind = value.WhichOneof("value")
        if kind == "string_value":
            tags.append((attribute.key, value.string_value))
        elif kind == "bool_value":
            tags.append((attribute.key, "true" if value.bool_value else "false"))
        elif kind in ("int_value", "double_value"):
            tags.append((attribute.key, str(getattr(value, kind))))
        elif kind is not None:
            return None
    tags.sort()
    return tuple(tags)
