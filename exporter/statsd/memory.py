"""What was worked out before, kept until it would be too much."""

from __future__ import annotations

from typing import TypeVar

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


class Memory(dict[_Key, _Value]):
    """Forgets everything where it would hold more than `entries`, or `size` bytes: what is lost is worked out again."""

    __slots__ = ("_entries", "_held", "_size")

    def __init__(self, entries: int, size: int) -> None:
        super().__init__()
        self._entries = entries
        self._size = size
        self._held = 0

    def keep(self, key: _Key, value: _Value, size: int) -> None:
        """Remember `value`, which with its key has some `size` bytes."""
        if len(self) >= self._entries or self._held + size > self._size:
            self.clear()
        self._held += size
        self[key] = value

    def clear(self) -> None:
        """Forget everything."""
        super().clear()
        self._held = 0
