"""What PostgreSQL, MySQL (MariaDB too) and SQLite do differently: limits, leadership, catalogues, times, errors."""

from __future__ import annotations

import contextlib
import hashlib
import re
import sys
import time
from abc import ABC, abstractmethod
from datetime import datetime, timezone
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy.engine import Connection

_TICKS = 1000  # SQLite's instructions between two looks at the clock
_TEXTS = (1184, 1114, 2950)
"""PostgreSQL's numbers of `timestamp with time zone`, of the one without, and of `uuid`."""


class Dialect(ABC):
    """One kind of database."""

    each_statement = False
    """Whether the limit is a moment, set anew before each statement; it costs nothing then."""
    lateral = False
    """Whether a sub-select may refer to the tables beside it: then its plan is an index look-up for each row."""
    errors: Mapping[Any, str] = {}

    @abstractmethod
    def connect_args(self, driver: str, timeout: float) -> dict[str, Any]:
        """Arguments for the driver, so that an unreachable or silent server is given up."""

    def socket(self, raw: Any) -> int | None:
        """The descriptor of the socket of a driver's connection; None where there is no socket."""
        return int(raw.fileno())

    @abstractmethod
    def prepare(self, connection: Connection, interval: float) -> None:
        """Set up a new connection; what it sets must not matter behind a pooler that forgets it."""

    @abstractmethod
    def lead(self, connection: Connection, purposes: Sequence[str], interval: float, limit: float) -> Sequence[bool]:
        """Begin a pass: limit statements to `limit` seconds; returns for each purpose whether this connection leads.

        It leads for `interval` seconds. Of those that read for the same purpose one leads.
        """

    @abstractmethod
    def limit(self, connection: Connection, seconds: float) -> None:
        """Give each statement from now on `seconds`."""

    @abstractmethod
    def columns(self, tables: Sequence[str]) -> sa.sql.Executable:
        """The statement for (table, column) of those tables that there are."""

    @abstractmethod
    def sizes(self, tables: Sequence[str]) -> Sequence[sa.sql.Executable]:
        """Statements for (table, estimated rows, bytes or None); none of them counts rows."""

    def bind(self, moment: float) -> datetime:
        """A time as this database compares it; the drivers of those without zones take UTC."""
        return datetime.fromtimestamp(moment, timezone.utc).replace(tzinfo=None)

    def reason(self, error: BaseException) -> str:
        """One word for what went wrong."""
        if getattr(error, "connection_invalidated", False):
            return "connection"
        code = self._code(getattr(error, "orig", None) or error)
        return next((word for start, word in self.errors.items() if str(code).startswith(str(start))), "other")

    @abstractmethod
    def _code(self, error: BaseException) -> Any:
        """What the driver says of an error: a code, or a text."""


class PostgreSQL(Dialect):
    """Everything is local to the transaction, so that it holds behind PgBouncer's transaction pooling too."""

    lateral = True
    errors = {  # noqa: RUF012  https://www.postgresql.org/docs/current/errcodes-appendix.html
        "57014": "timeout",
        "55P03": "lock",
        "42501": "permission",
        "42P01": "schema",
        "42703": "schema",
        "08": "connection",
        "57P": "connection",
        "25P": "connection",
        "28": "permission",
    }

    @override
    def connect_args(self, driver: str, timeout: float) -> dict[str, Any]:
        seconds = max(2, round(timeout))
        given: dict[str, Any] = {
            "connect_timeout": seconds,
            "keepalives_idle": seconds,
            "keepalives_interval": seconds,
            "keepalives_count": 2,
            "tcp_user_timeout": seconds * 1000,
            "application_name": "windsock",
        }
        # A prepared statement does not outlive its transaction behind PgBouncer.
        return {**given, "prepare_threshold": None} if driver == "psycopg" else given

    @override
    def prepare(self, connection: Connection, interval: float) -> None:
        del interval  # each transaction sets what it needs
        # Of thousands of rows times and UUIDs are what a driver takes longest to make: they stay text until somebody
        # asks for them. Where a tracer has wrapped the driver's connection that can't be had; `moment` takes either.
        raw: Any = connection.connection.dbapi_connection
        driver: Any = connection.dialect.dbapi
        with contextlib.suppress(AttributeError, TypeError):
            if connection.dialect.driver == "psycopg":
                for oid in _TEXTS:
                    raw.adapters.register_loader(oid, driver.types.string.TextLoader)
            else:
                kinds = driver.extensions
                kinds.register_type(kinds.new_type(_TEXTS, "TEXT", kinds.UNICODE), raw)

    @override
    def lead(self, connection: Connection, purposes: Sequence[str], interval: float, limit: float) -> Sequence[bool]:
        # The lock stays with the transaction until the next pass. Should this process hang or be cut off from the
        # network, the server ends the transaction soon after that pass is due, and another exporter gets the lock.
        settings = {
            "transaction_read_only": "on",
            "statement_timeout": f"{limit * 1000:.0f}",
            "lock_timeout": f"{limit * 800:.0f}",
            "idle_in_transaction_session_timeout": f"{(interval + max(0.5, interval / 4)) * 1000:.0f}",
            # A statement that takes a millisecond is planned as a dear one where tables are large. With workers the
            # runs of 5,000 DAGs took ten more, and to compile a statement takes 7 to 16 (PostgreSQL 15).
            "max_parallel_workers_per_gather": "0",
            "jit": "off",
            "datestyle": "ISO",  # in which `moment` reads them; a role may have another
        }
        local = [sa.func.set_config(name, value, True) for name, value in settings.items()]
        key = sa.func.hashtext(sa.func.current_schema())
        locks = [
            int.from_bytes(hashlib.sha256(f"windsock metadata {purpose}".encode()).digest()[:3], "big")
            for purpose in purposes
        ]
        tries = [sa.func.pg_try_advisory_xact_lock(lock, key) for lock in locks]
        row = connection.execute(sa.select(*local, *tries)).one()
        return [bool(one) for one in row[len(local) :]]

    @override
    def limit(self, connection: Connection, seconds: float) -> None:
        connection.execute(
            sa.select(
                sa.func.set_config("statement_timeout", f"{seconds * 1000:.0f}", True),
                sa.func.set_config("lock_timeout", f"{seconds * 800:.0f}", True),
            )
        )

    @override
    def columns(self, tables: Sequence[str]) -> sa.sql.Executable:
        # information_schema would hide what this role may not read, and that is another fault than a missing column.
        text = (
            "SELECT c.relname, a.attname FROM pg_catalog.pg_class c "
            "JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped "
            "WHERE c.relname IN :tables AND c.relkind IN ('r', 'p', 'v') AND pg_catalog.pg_table_is_visible(c.oid)"
        )
        return sa.text(text).bindparams(sa.bindparam("tables", list(tables), expanding=True))

    @override
    def sizes(self, tables: Sequence[str]) -> Sequence[sa.sql.Executable]:
        text = (
            "SELECT relname, CASE WHEN reltuples >= 0 THEN reltuples END, pg_catalog.pg_total_relation_size(oid) "
            "FROM pg_catalog.pg_class "
            "WHERE relname IN :tables AND relkind IN ('r', 'p') AND pg_catalog.pg_table_is_visible(oid)"
        )
        return [sa.text(text).bindparams(sa.bindparam("tables", list(tables), expanding=True))]

    @override
    def bind(self, moment: float) -> datetime:
        return datetime.fromtimestamp(moment, timezone.utc)

    @override
    def _code(self, error: BaseException) -> Any:
        code = getattr(error, "pgcode", None) or getattr(error, "sqlstate", None)
        # The client's own errors have no code; psycopg's ConnectionTimeout is an OperationalError.
        kinds = {kind.__name__ for kind in type(error).__mro__}
        return code or ("08" if kinds & {"OperationalError", "InterfaceError"} else "")


class MySQL(Dialect):
    """A session's named lock leads: pools that share a session among clients (ProxySQL's multiplexing) break it."""

    errors = {  # noqa: RUF012  https://mariadb.com/kb/en/mariadb-error-code-reference/
        1969: "timeout",
        3024: "timeout",
        1205: "lock",
        1142: "permission",
        1143: "permission",
        1044: "permission",
        1045: "permission",
        1146: "schema",
        1054: "schema",
        2: "connection",  # the client's own errors, 2000 to 2999
        0: "connection",
        1053: "connection",
        1927: "connection",
    }

    def __init__(self) -> None:
        self._mariadb = False
        self._limit = 0.0

    @override
    def connect_args(self, driver: str, timeout: float) -> dict[str, Any]:
        seconds = max(2, round(timeout))
        if driver == "mysqlconnector":
            # Its own C library shows no socket, by which alone it can be told to give up (26.10 waits for ever).
            return {"connection_timeout": seconds, "use_pure": True}
        return {"connect_timeout": seconds, "read_timeout": seconds + 1, "write_timeout": seconds + 1}

    @override
    def socket(self, raw: Any) -> int | None:
        # Of PyMySQL and mysql-connector a private attribute; mysqlclient has a method.
        inner = getattr(raw, "_sock", None) or getattr(getattr(raw, "_socket", None), "sock", None) or raw
        return int(inner.fileno())

    @override
    def prepare(self, connection: Connection, interval: float) -> None:
        self._mariadb = bool(getattr(connection.dialect, "is_mariadb", False))
        self._limit = 0.0
        for setting in (
            "TRANSACTION READ ONLY",
            "TRANSACTION ISOLATION LEVEL READ COMMITTED",
            "time_zone = '+00:00'",  # TIMESTAMP columns are shown in the session's zone
            # A process that is cut off from the network must not keep the lock.
            f"wait_timeout = {round(interval + max(2, interval / 4))}",
        ):
            connection.execute(sa.text(f"SET SESSION {setting}"))
        connection.commit()

    @override
    def lead(self, connection: Connection, purposes: Sequence[str], interval: float, limit: float) -> Sequence[bool]:
        del interval
        if limit != self._limit:
            self.limit(connection, limit)
        name = "CONCAT('windsock.', :p{0}, '.', MD5(DATABASE()))"
        lock = f"CASE WHEN IS_USED_LOCK({name}) = CONNECTION_ID() THEN 1 ELSE GET_LOCK({name}, 0) END"
        text = ", ".join(lock.format(number) for number in range(len(purposes)))
        given = {f"p{number}": purpose for number, purpose in enumerate(purposes)}
        return [bool(one) for one in connection.execute(sa.text(f"SELECT {text}"), given).one()]

    @override
    def limit(self, connection: Connection, seconds: float) -> None:
        self._limit = seconds
        if self._mariadb:
            connection.execute(sa.text(f"SET SESSION max_statement_time = {seconds:.3f}"))
        else:
            connection.execute(sa.text(f"SET SESSION max_execution_time = {seconds * 1000:.0f}"))
        connection.execute(sa.text(f"SET SESSION lock_wait_timeout = {max(1, int(seconds * 0.8))}"))

    @override
    def columns(self, tables: Sequence[str]) -> sa.sql.Executable:
        text = (
            "SELECT table_name, column_name FROM information_schema.columns "
            "WHERE table_schema = DATABASE() AND table_name IN :tables"
        )
        return sa.text(text).bindparams(sa.bindparam("tables", list(tables), expanding=True))

    @override
    def sizes(self, tables: Sequence[str]) -> Sequence[sa.sql.Executable]:
        text = (
            "SELECT table_name, table_rows, data_length + index_length FROM information_schema.tables "
            "WHERE table_schema = DATABASE() AND table_name IN :tables"
        )
        return [sa.text(text).bindparams(sa.bindparam("tables", list(tables), expanding=True))]

    @override
    def _code(self, error: BaseException) -> Any:
        code = error.args[0] if error.args else ""
        return code if isinstance(code, int) else ""


class SQLite(Dialect):
    """One machine, one file: nobody to share leadership with."""

    each_statement = True
    errors = {  # noqa: RUF012  https://www.sqlite.org/rescode.html
        "interrupted": "timeout",
        "database is locked": "lock",
        "database table is locked": "lock",
        "no such table": "schema",
        "no such column": "schema",
        "unable to open": "connection",
        "file is not a database": "connection",
        "disk I/O error": "connection",
    }

    @override
    def connect_args(self, driver: str, timeout: float) -> dict[str, Any]:
        del driver
        return {"timeout": min(1.0, timeout / 4), "check_same_thread": False}

    @override
    def socket(self, raw: Any) -> int | None:
        del raw  # a file, whose limit is the client's anyway
        return None

    @override
    def prepare(self, connection: Connection, interval: float) -> None:
        del connection, interval  # `limit` sets the one thing there is

    @override
    def lead(self, connection: Connection, purposes: Sequence[str], interval: float, limit: float) -> Sequence[bool]:
        del connection, interval, limit
        return [True for _ in purposes]

    @override
    def limit(self, connection: Connection, seconds: float) -> None:
        # On the connection: what is kept elsewhere would be over before the next one's first statement.
        ends = time.monotonic() + seconds
        raw: Any = connection.connection.dbapi_connection
        raw.set_progress_handler(lambda: time.monotonic() > ends, _TICKS)

    @override
    def columns(self, tables: Sequence[str]) -> sa.sql.Executable:
        text = (
            "SELECT m.name, p.name FROM sqlite_master m, pragma_table_info(m.name) p "
            "WHERE m.type IN ('table', 'view') AND m.name IN :tables"
        )
        return sa.text(text).bindparams(sa.bindparam("tables", list(tables), expanding=True))

    @override
    def sizes(self, tables: Sequence[str]) -> Sequence[sa.sql.Executable]:
        parts: list[Any] = [
            sa.select(sa.literal(name), sa.func.max(sa.literal_column("rowid")), sa.null()).select_from(sa.table(name))
            for name in tables
        ]
        return [sa.union_all(*parts)] if parts else []

    @override
    def _code(self, error: BaseException) -> Any:
        return str(error)


DIALECTS: dict[str, type[Dialect]] = {
    "postgresql": PostgreSQL,
    "mysql": MySQL,
    "mariadb": MySQL,
    "sqlite": SQLite,
}


def moment(value: Any) -> float | None:
    """Seconds since 1970 of what a driver returns for a time: with its zone, or UTC without; or the database's text."""
    if value is None:
        return None
    return _of_text(value) if isinstance(value, str) else _seconds(value)


def _seconds(when: datetime) -> float:
    return (when if when.tzinfo is not None else when.replace(tzinfo=timezone.utc)).timestamp()


@lru_cache(8192)  # most of the texts that a pass reads the one before has read too
def _of_text(text: str) -> float:
    return _seconds(_time(text))


def _padded(text: str) -> datetime:
    """A time with all digits of its fraction and its zone, which PostgreSQL leaves out and Python 3.10 wants."""
    digits = re.sub(r"\.(\d+)", lambda found: f".{found[1]:0<6}", text)
    return datetime.fromisoformat(re.sub(r"([+-]\d\d)$", r"\1:00", digits))


_time = datetime.fromisoformat if sys.version_info >= (3, 11) else _padded
