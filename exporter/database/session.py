"""The one connection: opened when needed, given up when it broke, and the leadership that its transactions hold.

Of several exporters one leads. PostgreSQL's advisory lock belongs to a transaction: one is begun at the end of each
pass, holds nothing but that lock until the next, reads, and ends. So no table stays locked between passes, and nothing
has to outlive a transaction, which a pooler like PgBouncer would not allow.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa
    from sqlalchemy.engine import Connection, Engine

    from .dialects import Dialect

_SHARE = 0.25
"""Of a pass' time, for one statement: where a table is locked, more than one statement waits for it."""


class Session:
    """Read-only transactions on a database. Not for several threads; whoever reads as the leader may share it."""

    def __init__(
        self, engine: Engine, dialect: Dialect, interval: float, timeout: float, purpose: str = "collector"
    ) -> None:
        self.dialect = dialect
        self.purpose = purpose
        """What is led: of those with the same purpose one leads."""
        self.leads = False
        self.opened = 0
        """How many connections there were so far."""
        self.statements = 0
        self.engine = engine
        self._interval = interval
        self._timeout = timeout
        self._limit = timeout * _SHARE
        self._connection: Connection | None = None

    def lead(self) -> bool:
        """Begin a transaction, on a new connection where there is none; returns whether it leads.

        Raises sqlalchemy's errors where the database can't be reached.
        """
        self.leads = False
        connection = self._open()
        connection.rollback()
        self._limit = self._timeout * _SHARE
        self.statements += 1
        self.leads = self.dialect.lead(connection, self.purpose, self._interval, self._limit)
        if not self.leads:
            connection.rollback()
        return self.leads

    def execute(self, statement: sa.sql.Executable) -> Sequence[Any]:
        """Return all rows of a statement."""
        self.statements += 1
        connection = self._open()
        if self.dialect.each_statement:
            self.dialect.limit(connection, self._limit)
        return connection.execute(statement).fetchall()

    def limit(self, seconds: float) -> None:
        """Give each statement of this transaction at most `seconds`, and never more than its share of a pass."""
        wanted = min(seconds, self._timeout * _SHARE)
        if self.dialect.each_statement:
            self._limit = wanted
        elif wanted < self._limit:
            self.dialect.limit(self._open(), wanted)
            self._limit = wanted

    def close(self) -> None:
        """Give the connection up: leadership goes with it."""
        self.leads = False
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(Exception):  # it may be broken in any way
                connection.close()

    def _open(self) -> Connection:
        if self._connection is None:
            connection = self.engine.connect()
            try:
                self.dialect.prepare(connection, self._interval)
            except BaseException:
                connection.close()
                raise
            self._connection = connection
            self.opened += 1
        return self._connection
