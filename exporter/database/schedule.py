"""Which queries are asked in a pass: what is shared in each, the others when they are due."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from .query import Query

_AGAIN_AFTER = 4
"""Passes after which one that failed is tried again at the latest."""


class Schedule:
    """Of the queries of one database, in the order in which they run."""

    def __init__(self, queries: Sequence[Query]) -> None:
        self.queries = queries
        self.passes = 0
        """Whole ones so far."""
        self._due = dict.fromkeys((query.name for query in queries), 0)
        self._unsupported: set[str] = set()

    def shared(self, *, lately: bool, everything: bool, failing: Collection[str]) -> list[Query]:
        """What whoever inquires needs, too; `lately` there was a pass, and what is due less often can wait."""
        wanted = [one for one in self.queries if one.shared and not (lately and one.every > 1)]
        return self._choose(wanted, failing, everything=everything or lately)

    def others(self, chosen: Sequence[Query], *, everything: bool, failing: Collection[str]) -> list[Query]:
        """What is due beside those that were `chosen`."""
        slow = any(one.every > 1 for one in chosen)
        return self._choose([one for one in self.queries if not one.shared], failing, everything=everything, slow=slow)

    def give_up(self, query: Query) -> None:
        """The database has not what it needs; `forget` when that may have changed."""
        self._unsupported.add(query.name)

    def forget(self) -> None:
        """Try all queries again, those that were given up at once."""
        self._due |= dict.fromkeys(self._unsupported, 0)
        self._unsupported = set()

    def put_off(self, query: Query) -> None:
        """It failed."""
        self._due[query.name] = self.passes + min(query.every, _AGAIN_AFTER)

    def _choose(
        self, wanted: Sequence[Query], failing: Collection[str], *, everything: bool, slow: bool = False
    ) -> list[Query]:
        """Of the slow ones one in a pass, that which has waited longest; last those that failed: they take the time."""
        due = [
            query
            for query in wanted
            if query.name not in self._unsupported and (everything or self._due[query.name] <= self.passes)
        ]
        if not everything:
            waiting = [] if slow else [query for query in due if query.every > 1]
            first = min(waiting, key=lambda query: self._due[query.name], default=None)
            due = [query for query in due if query.every == 1 or query is first]
        for query in due:
            self._due[query.name] = self.passes + query.every
        return sorted(due, key=lambda query: query.name in failing)
