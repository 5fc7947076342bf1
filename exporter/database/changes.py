"""What is another value than before, among thousands that are not: found without a line of Python for each."""

from __future__ import annotations

from itertools import compress
from operator import ne
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

_Key = TypeVar("_Key")


def changed(now: Mapping[_Key, Any], before: Mapping[_Key, Any]) -> list[_Key]:
    """The keys whose value is new, or not equal to that of before; None is no value."""
    return list(compress(now, map(ne, now.values(), map(before.get, now))))
