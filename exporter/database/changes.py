"""What is another value than before, among thousands that are not: found without a line of Python for each."""

from __future__ import annotations

from itertools import compress
from operator import ne
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

_Key = TypeVar("_Key")


def changed(now: Mapping[_Key, Any], before: Mapping[_Key, Any]) -> list[_Key]:
    """The keys whose value is new, or not equal to that of before; None is no value."""
    return list(compress(now, map(ne, now.values(), map(before.get, now))))


def moved(now: Mapping[_Key, Any], before: Mapping[_Key, Any], differ: Callable[[Any, Any], bool]) -> list[_Key]:
    """The keys whose value is new or gone, or differs from that of before."""
    if now is before:
        return []
    found = list(compress(now, map(differ, now.values(), map(before.get, now))))
    return [*found, *lost(before, now, sum(key not in before for key in found))]


def lost(before: Mapping[_Key, Any], now: Mapping[_Key, Any], new: int) -> Collection[_Key]:
    """The keys that are gone, where `new` others have come."""
    return before.keys() - now.keys() if len(before) + new != len(now) else ()
