"""Log lines as JSON for Airflow 2.11, with the fields that Airflow 3 writes, and a logger that takes fields in both.

    from windsock.logging.lines import logger

    log = logger(__name__)
    log.info("loaded", rows=1234, source="orders")

With `logs.format: json` the logging configuration of `windsock.logging.airflow2` writes such lines. Secrets are masked
before a line is written: by Airflow's own masker, which is a filter of its handlers, and here by the patterns of
windsock's redaction. The fields are those that Airflow 3 writes; `error_detail` is as structlog makes it there.
"""

from __future__ import annotations

import json
import logging
import math
import traceback
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from windsock.airflow import compat

if TYPE_CHECKING:
    from collections.abc import MutableMapping

LONGEST = 1 << 17
"""Characters of a text: line.js lets no more through, and secrets are looked for in all of them."""
_FRAMES = 50
"""Of an exception: the last ones, as structlog keeps them."""
_CAUSES = 20
_FIELDS = "windsock_fields"
_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", _FIELDS}
_STANDARD = frozenset({"exc_info", "stack_info", "stacklevel", "extra"})
_NAMES = frozenset({"timestamp", "level", "event", "logger", "filename", "lineno", "error_detail", "stack"})


class JSONLines(logging.Formatter):
    """One line of JSON for a record; what `logger` and `extra` give is beside Airflow's own fields."""

    def format(self, record: logging.LogRecord) -> str:
        """Never raises: what is no JSON becomes text."""
        stamp = datetime.fromtimestamp(record.created, timezone.utc)
        line: dict[str, Any] = {
            "timestamp": stamp.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": _redacted(_message(record)),
            "logger": record.name,
            "filename": record.filename,
            "lineno": record.lineno,
        }
        given = {name: value for name, value in vars(record).items() if name not in _OWN}
        for name, value in {**given, **getattr(record, _FIELDS, {})}.items():
            line[f"{name}_" if name in _NAMES else str(name)] = _value(name, value)
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            line["error_detail"] = [_error(one, is_cause=number > 0) for number, one in enumerate(_chain(error))]
        if record.stack_info:
            line["stack"] = _redacted(record.stack_info)
        # Half a character, which no file takes, stays as JSON's escape of it.
        return json.dumps(line, ensure_ascii=False).encode(errors="backslashreplace").decode()


class _Fields(logging.LoggerAdapter):  # type: ignore[type-arg]  # not generic before Python 3.11
    """Keywords are fields of the line; `msg`, `level` and what logging itself takes can't be."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        fields = {name: kwargs.pop(name) for name in list(kwargs) if name not in _STANDARD}
        kwargs["extra"] = {**(kwargs.get("extra") or {}), _FIELDS: fields}
        return msg, kwargs


def logger(name: str) -> Any:
    """A logger whose keywords are fields: structlog's in Airflow 3, where it writes the lines; here one like it."""
    structured = compat.structured_logger(name)
    return _Fields(logging.getLogger(name), {}) if structured is None else structured


def _message(record: logging.LogRecord) -> str:
    try:
        return record.getMessage()
    except Exception:  # noqa: BLE001  a wrong argument must not cost the line
        return f"{record.msg} {record.args}"


def _value(name: str, value: Any) -> Any:
    """What JSON has, without secrets; a field whose name says that it is one keeps nothing."""
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if not isinstance(value, str):
        try:
            return json.loads(_redacted(json.dumps(value, default=str, ensure_ascii=False, allow_nan=False)))
        except Exception:  # noqa: BLE001  cyclic, of a kind of its own, or no JSON any more
            value = _text(value)
    # With its name before it, so that a value that is known by its name is found.
    return _redacted(f"{name}={value}").removeprefix(f"{name}=")


def _text(value: Any) -> str:
    try:
        return str(value)
    except Exception:  # noqa: BLE001  of an author's class
        return f"<{type(value).__name__}>"


def _redacted(text: str) -> str:
    from windsock.redaction import redact  # noqa: PLC0415  not before there is a line

    return redact(text[:LONGEST])


def _chain(error: BaseException) -> list[BaseException]:
    """The exception, then what it was raised from, the latest first."""
    found: list[BaseException] = []
    one: BaseException | None = error
    while one is not None and not any(one is other for other in found) and len(found) < _CAUSES:
        found.append(one)
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return found


def _error(error: BaseException, *, is_cause: bool) -> dict[str, Any]:
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return {
        "exc_type": type(error).__name__,
        "exc_value": _redacted(_text(error)),
        "exc_notes": [_redacted(_text(note)) for note in getattr(error, "__notes__", None) or ()],
        "syntax_error": None,
        "is_cause": is_cause,
        "frames": [{"filename": one.filename, "lineno": one.lineno, "name": one.name} for one in frames],
        "is_group": False,
        "exceptions": [],
    }
