"""Durations, byte sizes and percentages as people write them in windsock.yaml."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_BYTES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "KB": 10**3, "MB": 10**6, "GB": 10**9}
_LONGEST = 100 * 365 * 86_400.0
"""No clock and no thread can wait for infinity; nobody means more than a century."""
_LARGEST = 1 << 62
_DURATION = r"(\d{1,15}(?:\.\d{1,15})?)(ms|[smhdw])"
_SIZE = r"(\d+(?:\.\d+)?)\s*([KMG]i?B|B)?"


def parse_duration(value: Any) -> float:
    """Seconds of `10s`, `1h30m`, `250ms`; a bare number is taken as seconds. Raises ValueError."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return _within(float(value), _LONGEST, "a duration of at most a century")
    parts = re.findall(_DURATION, value) if isinstance(value, str) else []
    if not parts or "".join(number + unit for number, unit in parts) != value.replace(" ", ""):
        raise ValueError("expected a duration such as 10s, 5m or 1h30m")
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return _within(seconds, _LONGEST, "a duration of at most a century")


def format_duration(seconds: float) -> str:
    """The shortest spelling that `parse_duration` reads back: 90.0 → 1m30s."""
    rest, text = round(seconds * 1000), ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        text += f"{count}{unit}" if count else ""
    return text or "0s"


def format_elapsed(seconds: float) -> str:
    """How long something took: whole seconds, or milliseconds of what took less than one."""
    return format_duration(round(seconds) if seconds >= 1 else round(max(0.0, seconds), 3))


def parse_size(value: Any) -> int:
    """Bytes of `100MiB`; a bare number is taken as bytes. Raises ValueError."""
    if isinstance(value, int) and not isinstance(value, bool):
        return int(_within(value, _LARGEST, "a size of at most 4 EiB"))
    match = re.fullmatch(_SIZE, value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("expected a size such as 512KiB, 100MiB or 1GiB")
    return int(_within(float(match[1]) * _BYTES[match[2] or ""], _LARGEST, "a size of at most 4 EiB"))


def format_size(size: int) -> str:
    """Bytes as people say them: `32 MiB`."""
    for unit, factor in (("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)):
        if size >= factor:
            return f"{size / factor:.3g} {unit}"
    return f"{size} B"


def _within(value: float, most: float, expected: str) -> float:
    if value > most:
        raise ValueError(f"expected {expected}")
    return value


def parse_ratio(value: Any) -> float:
    """0.995 of `99.5%`; a bare number between 0 and 1 is taken as it is. Raises ValueError."""
    try:
        if isinstance(value, str) and value.strip().endswith("%"):
            return float(value.strip()[:-1]) / 100
        if not isinstance(value, bool):
            return float(value)
    except (TypeError, ValueError):
        pass
    raise ValueError("expected a share such as 99.5% or 0.995")


Duration = Annotated[float, BeforeValidator(parse_duration, json_schema_input_type=str | float), Field(ge=0)]
Size = Annotated[int, BeforeValidator(parse_size, json_schema_input_type=str | int), Field(ge=0)]
Ratio = Annotated[float, BeforeValidator(parse_ratio, json_schema_input_type=str | float), Field(gt=0, lt=1)]
"""A goal: all of it would leave no error budget that could be spent."""


def format_age(seconds: float) -> str:
    """How long something lasts, as people say it: `3 d 4 h`, `5 min 12 s`."""
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86_400)
    if days:
        return f"{days} d {hours % 24} h"
    if hours:
        return f"{hours} h {minutes % 60} min"
    return f"{minutes} min {int(seconds) % 60} s" if minutes else f"{int(seconds)} s"
