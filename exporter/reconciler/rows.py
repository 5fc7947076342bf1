"""The store's rows, read without faith: a disk or a person may have changed any of them, and one costs only itself."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .failure import Alert, Key

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_LAST = 253_402_300_800.0
"""Where Python's times end: the year 10,000."""


def alert(row: Mapping[str, Any]) -> Alert:
    """What a row of the table `alert` says, by column. Raises ValueError, which names the column."""
    return Alert(**{name: _CHECKS[name](name, value) for name, value in row.items()}, dirty=False)


def state(row: Mapping[str, Any]) -> tuple[str, float]:
    """The same of the table `state`: a name, and a time or a number of seconds."""
    return _text("name", row["name"]), _seconds("value", row["value"])


def decode(raw: bytes) -> str:
    """What stands in the file as a text; what is none shows when it is checked."""
    return raw.decode(errors="surrogateescape")


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{name}: expected a text")  # noqa: TRY004  the file's fault, not a caller's
    try:
        value.encode()
    except UnicodeEncodeError:  # of a lone surrogate: it can't be sent to anybody
        raise ValueError(f"{name}: not UTF-8") from None
    return value


def _seconds(name: str, value: object) -> float:
    if not isinstance(value, (int, float)) or not 0 <= value < _LAST:
        raise ValueError(f"{name}: expected seconds")
    return float(value)


def _perhaps(name: str, value: object) -> float | None:
    return None if value is None else _seconds(name, value)


def _number(name: str, value: object) -> int:
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"{name}: expected a number")
    return value


def _read(name: str, value: object) -> object:
    text = _text(name, value)
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        raise ValueError(f"{name}: expected JSON") from None


def _key(name: str, value: object) -> Key:
    found = _read(name, value)
    if not isinstance(found, list) or len(found) != len(Key._fields):
        raise ValueError(f"{name}: expected a list of {len(Key._fields)} texts")
    key = Key(*(_text(name, part) for part in found))
    if not (key.alertname and key.dag_id and key.run_id):
        raise ValueError(f"{name}: expected a name, a DAG and a run")
    return key


def _annotations(name: str, value: object) -> dict[str, str]:
    found = _read(name, value)
    if not isinstance(found, dict):
        raise ValueError(f"{name}: expected texts by name")  # noqa: TRY004  as above
    return {_text(name, key): _text(name, text) for key, text in found.items()}


def _flag(name: str, value: object) -> bool:
    return bool(_number(name, value))


_CHECKS: dict[str, Callable[[str, object], Any]] = {
    "key": _key,
    "team": _text,
    "severity": _text,
    "annotations": _annotations,
    "failed_at": _seconds,
    "due": _perhaps,
    "failed": _number,
    "first": _seconds,
    "posted": _seconds,
    "storm": _text,
    "over": _perhaps,
    "told": _flag,
}
"""By column that the table `alert` may have, each an attribute of Alert."""
