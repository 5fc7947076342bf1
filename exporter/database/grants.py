"""The statements that make a role which may read what the collector reads, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from windsock.exceptions import WindsockError
from windsock.redaction import redact

from . import schema
from .engine import open_engine, parse
from .session import Session

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.engine import Engine

_TIMEOUT = 5.0


def statements(url: str, role: str) -> list[str]:
    """SQL for the database at `url`, for the tables that it has. Raises WindsockError."""
    engine, dialect = open_engine(url, _TIMEOUT)
    session = Session(engine, dialect, _TIMEOUT, _TIMEOUT)
    try:
        tables = schema.look(session).tables()
        return _MAKE[engine.dialect.name](engine, session, tables, role)
    except schema.ForeignError as error:
        raise WindsockError(f"{parse(url)!r}: {error}") from None
    except sa.exc.SQLAlchemyError as error:
        reason = redact(str(getattr(error, "orig", None) or error)).strip().partition("\n")[0]
        raise WindsockError(f"{parse(url)!r}: {reason}") from None
    finally:
        session.close()


def _postgresql(engine: Engine, session: Session, tables: Sequence[str], role: str) -> list[str]:
    name = engine.dialect.identifier_preparer.quote_identifier
    functions = sa.func.current_database(), sa.func.current_schema()
    database, space = session.execute(sa.select(*functions))[0]
    return [
        f"-- {name(role)} has no password, and can't log in with one: \\password {name(role)} in psql asks for it.",
        f"CREATE ROLE {name(role)} LOGIN;",
        f"ALTER ROLE {name(role)} SET default_transaction_read_only = on;",
        f"GRANT CONNECT ON DATABASE {name(database)} TO {name(role)};",
        f"GRANT USAGE ON SCHEMA {name(space)} TO {name(role)};",
        *(f"GRANT SELECT ON {name(space)}.{name(table)} TO {name(role)};" for table in tables),
    ]


def _mysql(engine: Engine, session: Session, tables: Sequence[str], role: str) -> list[str]:
    name = engine.dialect.identifier_preparer.quote_identifier
    database = session.execute(sa.text("SELECT DATABASE()"))[0][0]
    user = "'{}'@'%'".format(role.replace("'", "''"))
    # A user without a password lets everyone in: it is locked.
    return [
        f"-- {user} is locked: give it a password of your own with ALTER USER {user} IDENTIFIED BY, then",
        f"-- ALTER USER {user} ACCOUNT UNLOCK;",
        f"CREATE USER IF NOT EXISTS {user} ACCOUNT LOCK;",
        *(f"GRANT SELECT ON {name(database)}.{name(table)} TO {user};" for table in tables),
    ]


def _sqlite(engine: Engine, session: Session, tables: Sequence[str], role: str) -> list[str]:
    del session, tables, role
    path = str(engine.url.database).removeprefix("file:").partition("?")[0]
    return [f"-- SQLite has no roles: the exporter's user needs to read {path} and its folder; it is opened read-only."]


_MAKE = {"postgresql": _postgresql, "mysql": _mysql, "mariadb": _mysql, "sqlite": _sqlite}
