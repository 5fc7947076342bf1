"""Shapes of lines: what the lines of one metric with the same tags have in common, all but the values.

A new series is the usual reason for a new text, and its line differs from one that was seen before in the values of its
tags alone. So the first line of a shape goes the long way (`parse`, `translate`), and leaves a pattern behind, which
takes the next one apart in one pass. Measured: a third of the time of the long way. What a pattern does not match, as
it is odd, signed or very long, goes the long way again.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from windsock.exporter.series.labels import Labels

    from .line import Head
    from .target import Target

_VALUE = r"([^\s,:|=#\[\]]{1,250})"
# No longer than any number that is written out; signs are for the long way.
_NUMBER = r"([0-9]{1,15}(?:\.[0-9]{1,20})?(?:[eE][+-]?[0-9]{1,2})?)"
_MOST_EACH = 8
"""Shapes of one metric; Airflow's have one or two, by the versions that send."""


class Alike(NamedTuple):
    """What a line of a known shape says: `target` is that of another one, `twins` are its legacy names."""

    target: Target
    labels: Labels
    value: str
    rate: float
    dag_id: str | None
    twins: Sequence[str]


class _Shape(NamedTuple):
    match: Callable[[str], re.Match[str] | None]
    target: Target
    rate: float
    number: int
    """The number's place among the groups; of the values of tags, `labels` and `dag_id` say it."""
    labels: Sequence[tuple[str, int]]
    dag_id: int | None
    twins: Sequence[Callable[..., str]]


class Shapes:
    """The shapes that were seen, by the name in their lines."""

    def __init__(self) -> None:
        self._shapes: dict[bytes, list[_Shape]] = {}

    def clear(self) -> None:
        """Forget them all: what was worked out no longer holds."""
        self._shapes.clear()

    def find(self, datagram: bytes, head: bytes) -> Alike | None:
        """What a datagram says, if its shape is known; `head` is its text before the first colon."""
        shapes = self._shapes.get(head.partition(b",")[0])
        if shapes is None:
            return None
        try:
            text = datagram.decode()
        except UnicodeDecodeError:
            return None
        for match, target, rate, number, labels, dag_id, twins in shapes:
            found = match(text)
            if found is not None:
                groups = found.groups()
                return Alike(
                    target,
                    tuple([(name, groups[place]) for name, place in labels]),
                    groups[number],
                    rate,
                    None if dag_id is None else groups[dag_id],
                    [twin(*groups) for twin in twins],
                )
        return None

    def keep(self, datagram: bytes, head: Head, target: Target, names: Mapping[str, str], twins: Sequence[str]) -> None:
        """Remember the shape of a line that became `target`.

        `names` says which label each of its tags is, `twins` are its legacy names with the labels in braces.
        """
        shapes = self._shapes.setdefault(head.name.encode(), [])
        if len(shapes) >= _MOST_EACH:
            return
        text = datagram.decode()
        pattern, number = _pattern(text, head)
        found = pattern.fullmatch(text) if pattern is not None else None
        values = [value for _, value in head.tags]
        groups = list(found.groups()) if found is not None else []
        if pattern is None or not groups or groups[:number] + groups[number + 1 :] != values:
            return
        places = {names[key]: index + (index >= number) for index, (key, _) in enumerate(head.tags)}
        shapes.append(
            _Shape(
                pattern.fullmatch,
                target,
                head.rate,
                number,
                [(name, places[name]) for name, _ in target.labels],
                places.get("dag_id"),
                [re.sub(r"\{(\w+)\}", lambda name: f"{{{places[name[1]]}}}", twin).format for twin in twins],
            )
        )


def _pattern(text: str, head: Head) -> tuple[re.Pattern[str] | None, int]:
    """The pattern of a line's shape, and its number's place among the groups; None for a line of another build."""
    before, mark, _ = text.partition("|#")
    end = "\n" if text.endswith("\n") else ""
    if head.dialect == "influxdb" and not mark:
        tags = ",".join(f"{re.escape(key)}={_VALUE}" for key, _ in head.tags)
        _, bar, fields = text.partition("|")
        return re.compile(f"{re.escape(head.name)},{tags}:{_NUMBER}{re.escape(bar + fields)}"), len(head.tags)
    if head.dialect == "datadog" and mark:
        tags = ",".join(f"{re.escape(key)}:{_VALUE}" for key, _ in head.tags)
        _, bar, fields = before.partition("|")
        return re.compile(f"{re.escape(head.name)}:{_NUMBER}{re.escape(bar + fields + mark)}{tags}{end}"), 0
    return None, 0
