"""The client's own limit: a server that stops in the middle of an answer and keeps TCP alive is waited for without end.

The limits that a server is told (`statement_timeout` …) are nothing to one that hangs, keepalives are answered by its
kernel, and libpq has no time limit for an answer. So another thread shuts the connection's socket down, which wakes the
driver with an error, whichever driver it is.
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from windsock.exceptions import WindsockError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Engine

    from .dialects import Dialect

_SLACK = 2.0
"""Seconds beyond a statement's limit: a server that works ends it first, and says why."""
_LOOK = 0.2


class UnansweredError(WindsockError):
    """The server did not answer in time, and the connection was cut."""


class Deadline:
    """For the one connection at a time that an engine opens."""

    def __init__(self, engine: Engine, dialect: Dialect) -> None:
        self._dialect = dialect
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        """Held to change what follows."""
        self._until: float | None = None
        """On the monotonic clock; None while nobody waits for the server."""
        self._over = False
        self._watched = False
        # Before SQLAlchemy's own questions to a new server, which may hang as well.
        sa.event.listen(engine, "connect", self._watch, insert=True)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Raise UnansweredError where what is done inside waits longer for the server."""
        with self._lock:
            self._over, self._until = False, time.monotonic() + seconds + _SLACK
            if not self._watched:
                threading.Thread(target=self._look, name="deadline", daemon=True).start()
                self._watched = True
        try:
            yield
        except Exception as error:
            if self._over:
                raise UnansweredError(
                    f"no answer within {seconds + _SLACK:.3g} s, although the connection stood: it was cut"
                ) from error
            raise
        finally:
            with self._lock:
                self._until = None

    def _look(self) -> None:
        """See to the statements of a pass: a thread for each would cost more than some of them."""
        while True:
            time.sleep(_LOOK)
            with self._lock:
                if self._until is None:
                    self._watched = False
                    return
                if time.monotonic() > self._until and not self._over:
                    self._over = True
                    if self._socket is not None:
                        with contextlib.suppress(OSError):  # it may just have ended
                            self._socket.shutdown(socket.SHUT_RDWR)

    def forget(self) -> None:
        """The connection was given up."""
        found, self._socket = self._socket, None
        if found is not None:
            found.close()

    def _watch(self, raw: Any, _record: Any) -> None:
        self.forget()
        number = self._dialect.socket(raw)
        # A duplicate: the driver may close its own at any time, and the number then be another file's.
        self._socket = socket.socket(fileno=os.dup(number)) if number is not None else None
