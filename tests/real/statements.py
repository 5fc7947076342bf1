"""What SQLAlchemy makes of a statement, made once: each collector has an engine of its own, which would make all anew.

To say some thirty statements in SQL takes a collector longer than to ask a small database all of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from windsock.exporter.database.dialects import Dialect


class Compiled:
    """A `compiled_cache` of SQLAlchemy's, shared by the engines of a server: their dialects are equal, not the same."""

    def __init__(self) -> None:
        self._made: dict[tuple[Any, ...], Any] = {}

    def get(self, key: tuple[Any, ...]) -> Any:
        return self._made.get(key[1:])

    def __setitem__(self, key: tuple[Any, ...], compiled: Any) -> None:
        self._made[key[1:]] = compiled


_servers: dict[tuple[Any, ...], Compiled] = {}


def shared(opened: tuple[Any, Dialect]) -> tuple[Any, Dialect]:
    """Let an engine that was opened share what others have made of their statements."""
    engine, _ = opened
    server = engine.url.drivername, engine.url.host, engine.url.port
    engine.update_execution_options(compiled_cache=_servers.setdefault(server, Compiled()))
    return opened
