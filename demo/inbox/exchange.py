"""A request to a platform and what it answers, apart from how they travel."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

_DEEPEST = 100


@dataclass(frozen=True)
class Request:
    """What arrived over HTTP; the names of `headers` are in lower case."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def content_type(self) -> str:
        """Without its parameters: `application/json`."""
        return self.headers.get("content-type", "").split(";")[0].strip().lower()


@dataclass(frozen=True)
class Response:
    """What goes back, and what an attempt remembers of it."""

    status: int
    body: bytes
    content_type: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)
    error: str | None = None
    details: tuple[str, ...] = ()
    message: int | None = None


def json_response(value: Any, status: int = 200, **rest: Any) -> Response:
    """`value` as JSON."""
    return Response(status, json.dumps(value).encode(), **rest)


def text_response(text: str, status: int = 200, **rest: Any) -> Response:
    """`text` as it is."""
    return Response(status, text.encode("utf-8", "replace"), "text/plain; charset=utf-8", **rest)


def parse_json(text: bytes | str) -> Any:
    """The value of a JSON text. Raises ValueError, also for what no platform would take: NaN, a hundred levels."""
    try:
        value = json.loads(text, parse_constant=_refuse)
        _check_depth(value, 0)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    return value


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _check_depth(value: Any, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            _check_depth(inner, depth + 1)
