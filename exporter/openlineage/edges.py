"""What is remembered of lineage: who reads, writes and is part of what, each until nobody has said so for long."""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal, NamedTuple

Kind = Literal["reads", "writes", "part"]

MOST = 50_000
"""Some 40 MB of names of usual length; a thousand DAGs of ten tasks with four datasets each are 50,000."""
KEPT = 30 * 86_400.0
"""Seconds: what a job has not named in a month, it does not read or write any more."""


class Seen(NamedTuple):
    """When an edge was last named, in seconds since 1970, and by which run."""

    at: float
    run: str


class Edges:
    """At most `MOST`; the one that nobody has named for longest gives way to a new one."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[Kind, str, str], Seen] = OrderedDict()
        self._to: dict[tuple[Kind, str], set[str]] = {}
        self._from: dict[tuple[Kind, str], set[str]] = {}
        self.forgotten = 0
        """How many gave way."""

    def __len__(self) -> int:
        return len(self._seen)

    def add(self, kind: Kind, source: str, target: str, seen: Seen) -> None:
        """Note it. In which order events come, and how often, makes no difference."""
        edge = kind, source, target
        known = self._seen.get(edge)
        if known is None:
            self._to.setdefault((kind, source), set()).add(target)
            self._from.setdefault((kind, target), set()).add(source)
        self._seen[edge] = max(known or seen, seen)
        self._seen.move_to_end(edge)
        if len(self._seen) > MOST:
            self._drop(next(iter(self._seen)))
            self.forgotten += 1

    def expire(self, now: float) -> None:
        """Forget what nobody has named for `KEPT`."""
        for edge in [edge for edge, seen in self._seen.items() if now - seen.at > KEPT]:
            self._drop(edge)

    def of(self, kind: Kind, source: str) -> dict[str, Seen]:
        """What `source` reads, writes, or is part of."""
        return {target: self._seen[kind, source, target] for target in self._to.get((kind, source), ())}

    def to(self, kind: Kind, target: str) -> list[str]:
        """Who reads, writes, or is part of `target`."""
        return sorted(self._from.get((kind, target), ()))

    def _drop(self, edge: tuple[Kind, str, str]) -> None:
        kind, source, target = edge
        del self._seen[edge]
        for index, key, value in ((self._to, (kind, source), target), (self._from, (kind, target), source)):
            index[key].discard(value)
            if not index[key]:
                del index[key]
