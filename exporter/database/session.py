"""The one connection: opened when needed, given up when it broke, and the leadership that its transactions hold.

Of several exporters one leads, for each purpose. PostgreSQL's advisory lock belongs to a transaction: one is begun at
the end of each pass, holds nothing but that lock until the next, reads, and ends. So no table stays locked between
passes, and nothing has to outlive a transaction, which a pooler like PgBouncer would not allow.
"""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from .deadline import Deadline, UnansweredError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import sqlalchemy as sa
    from sqlalchemy.engine import Connection, Engine

    from .dialects import Dialect

_SHARE = 0.25
"""Of a pass' time, for one statement: where a table is locked, more than one statement waits for it."""


class Session:
    """Read-only transactions on a database, for one thread at a time.

    Of those with the same purpose one leads; a session of several purposes may lead for some of them only.
    """

    def __init__(
        self, engine: Engine, dialect: Dialect, interval: float, timeout: float, purposes: Sequence[str] = ()
    ) -> None:
        self.dialect = dialect
        self.purposes = tuple(purposes)
        self.leads: frozenset[str] = frozenset()
        """The purposes for which this one leads now."""
        self.opened = 0
        """How many connections there were so far."""
        self.statements = 0
        self.engine = engine
        self._interval = interval
        self._timeout = timeout
        self._limit = timeout * _SHARE
        self._connection: Connection | None = None
        self._deadline = Deadline(engine, dialect)

    def lead(self) -> frozenset[str]:
        """Begin a transaction, on a new connection where there is none; returns for which purposes it leads.

        Raises sqlalchemy's errors where the database can't be reached.
        """
        self.leads = frozenset()
        connection = self._open()
        self._limit = self._timeout * _SHARE
        self.statements += 1
        with self._bounded(self._limit):
            connection.rollback()
            led = self.dialect.lead(connection, self.purposes, self._interval, self._limit)
            if not any(led):
                connection.rollback()
        self.leads = frozenset(purpose for purpose, leads in zip(self.purposes, led, strict=True) if leads)
        return self.leads

    def execute(self, statement: sa.sql.Executable) -> Sequence[tuple[Any, ...]]:
        """Return all rows of a statement. Raises UnansweredError where the server falls silent; the driver's errors.

        The rows are the driver's own tuples, which are compared in no time; SQLAlchemy's take as long as to read them.
        """
        self.statements += 1
        connection = self._open()
        with self._bounded(self._limit):
            if self.dialect.each_statement:
                self.dialect.limit(connection, self._limit)
            result = connection.execute(statement)
            try:
                return list(result.cursor.fetchall())
            finally:
                result.close()

    def limit(self, seconds: float) -> None:
        """Give each statement of this transaction at most `seconds`, and never more than its share of a pass."""
        wanted = min(seconds, self._timeout * _SHARE)
        if self.dialect.each_statement:
            self._limit = wanted
        elif wanted < self._limit:
            connection = self._open()
            with self._bounded(self._limit):
                self.dialect.limit(connection, wanted)
            self._limit = wanted

    def close(self) -> None:
        """Give the connection up: leadership goes with it."""
        self.leads = frozenset()
        connection, self._connection = self._connection, None
        if connection is not None:
            # It may be broken in any way, and its rollback waits for the server like anything else.
            with contextlib.suppress(Exception), self._deadline.within(self._limit):
                connection.close()
        self._deadline.forget()

    def _open(self) -> Connection:
        if self._connection is None:
            with self._bounded(self._timeout):
                connection = self.engine.connect()
                try:
                    self.dialect.prepare(connection, self._interval)
                except BaseException:
                    connection.close()
                    raise
            self._connection = connection
            self.opened += 1
        return self._connection

    @contextlib.contextmanager
    def _bounded(self, seconds: float) -> Iterator[None]:
        try:
            with self._deadline.within(seconds):
                yield
        except UnansweredError:
            self.close()
            raise
