"""What this host wrote down, read again: the one boundary behind which its values have the types that they should.

A file may be of another version, half of another one, or of somebody's editor. What does not fit is no record, and
costs what it is about, never what lies beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import is_dataclass
from functools import lru_cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

from windsock import regular
from windsock.events import TIMES

if TYPE_CHECKING:
    from pathlib import Path

_Kind = TypeVar("_Kind")

_COUNTS = 1 << 53
"""What an int may be: more is exact nowhere."""
LARGEST = 1 << 20
"""Bytes that are read of a file; most of our own are some 30 kB at most."""
_PLAIN = frozenset({str, bool, int, float})
"""Looked for first: a run's record has hundreds of them, and is read under a lock."""


def content(path: Path, most: int = LARGEST) -> bytes:
    """What a file holds. Raises OSError, at once where it is none: a FIFO would be waited for."""
    with regular.reading(path) as file:
        return file.read(most)


def parse(kind: type[_Kind], text: str | bytes) -> _Kind:
    """Return the dataclass, or the named tuple, `kind` that `text`, which is JSON, holds. Raises ValueError."""
    try:
        found: _Kind = _read(kind, json.loads(text, parse_constant=_refuse))
    except (TypeError, KeyError, RecursionError) as error:
        raise ValueError(f"no {kind.__name__}: {type(error).__name__}: {error}") from None
    return found


def text(value: Any, indent: int | None = None) -> str:
    """Return a dataclass, or a named tuple, as the JSON that `parse` reads: an object, and so is each that it holds."""
    return json.dumps(_plain(value), indent=indent)


def _plain(value: Any) -> Any:
    if is_dataclass(value):
        value = vars(value)
    elif hasattr(value, "_asdict"):
        value = value._asdict()
    if isinstance(value, Mapping):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, (list, tuple)) else value


def _read(kind: Any, value: Any) -> Any:
    """Return `value`, one of JSON's, as `kind`. Raises ValueError, TypeError, KeyError."""
    if kind in _PLAIN:
        return _checked(kind, value)
    origin, parts = get_origin(kind), get_args(kind)
    if origin is UnionType:
        (other,) = (part for part in parts if part is not NoneType)
        return None if value is None else _read(other, value)
    if isinstance(kind, type) and (is_dataclass(kind) or (issubclass(kind, tuple) and isinstance(value, dict))):
        types = _types(kind)
        return kind(**{name: _read(types[name], item) for name, item in _of(dict, value).items()})
    if origin in (dict, Mapping):
        return {name: _read(parts[1], item) for name, item in _of(dict, value).items()}
    if isinstance(kind, type) and issubclass(kind, tuple):
        return kind(*_each(tuple(_types(kind).values()), _of(list, value)))
    return tuple(_each(parts, _of(list, value))) if origin is tuple else _checked(kind, value)


def _checked(kind: Any, value: Any) -> Any:
    if kind is float:
        fits = type(value) in (int, float) and TIMES[0] <= value <= TIMES[1]  # the floats of all records are times
    elif get_origin(kind) is Literal:
        fits = isinstance(value, str) and value in get_args(kind)
    else:
        fits = type(value) is kind and (kind is not int or 0 <= value <= _COUNTS)
    if not fits:
        raise ValueError(f"expected {kind}")
    return float(value) if kind is float else value


def _each(kinds: tuple[Any, ...], values: list[Any]) -> list[Any]:
    """The elements of a tuple."""
    if kinds[-1] is Ellipsis:
        kinds = kinds[:1] * len(values)
    return [_read(kind, value) for kind, value in zip(kinds, values, strict=True)]


def _of(kind: type[_Kind], value: Any) -> _Kind:
    """Return `value`, which must be a `kind` and none of its subclasses: true is no number."""
    if type(value) is not kind:
        raise ValueError(f"expected {kind.__name__}")
    return value


@lru_cache
def _types(kind: Any) -> dict[str, Any]:
    # Most modules import what only their annotations need for the type checker alone.
    return get_type_hints(kind, localns={"Mapping": Mapping})


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")
