"""Which database, and how it is opened: Airflow's own URL, read-only, with a driver that is installed."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import sqlalchemy as sa
from sqlalchemy.engine import URL, make_url
from sqlalchemy.pool import NullPool

from windsock.exceptions import UsageError

from .dialects import DIALECTS, Dialect

if TYPE_CHECKING:
    from sqlalchemy.engine import Engine

# The module of each driver that does not need an event loop, the usual one first.
_DRIVERS = {
    "postgresql": {"psycopg2": "psycopg2", "psycopg": "psycopg"},
    "mysql": {"mysqldb": "MySQLdb", "pymysql": "pymysql", "mysqlconnector": "mysql.connector"},
    "mariadb": {"mysqldb": "MySQLdb", "pymysql": "pymysql", "mysqlconnector": "mysql.connector"},
    "sqlite": {"pysqlite": "sqlite3"},
}
_PACKAGES = {"postgresql": "psycopg2-binary", "mysql": "pymysql", "mariadb": "pymysql"}
_PLACEHOLDER = re.compile(r"<[^<>]+>")
# asyncpg takes these in the URL; no other driver knows them.
_ASYNC_ONLY = ("prepared_statement_cache_size", "prepared_statement_name_func")


def open_engine(text: str, timeout: float) -> tuple[Engine, Dialect]:
    """Return an engine that opens a connection whenever asked, keeps none, and waits `timeout` seconds for it.

    Raises UsageError, without the URL's password, where the URL or the driver can't be used.
    """
    url = parse(text)
    backend = url.get_backend_name()
    driver = _driver(url, backend)
    dialect = DIALECTS[backend]()
    if backend == "sqlite":
        url = _read_only(url)
    url = url.set(drivername=f"{backend}+{driver}").difference_update_query(_ASYNC_ONLY)
    options = {"connect_args": dialect.connect_args(driver, timeout), "poolclass": NullPool, "future": True}
    return sa.create_engine(url, **options), dialect


def parse(text: str) -> URL:
    """The URL; as a text it hides its password. Raises UsageError."""
    try:
        url = make_url(text.replace("postgres://", "postgresql://", 1))
    except (sa.exc.ArgumentError, ValueError):
        raise UsageError(
            "the metadata database's URL can't be read; expected such as postgresql://USER@HOST/DB"
        ) from None
    if url.get_backend_name() not in DIALECTS:
        raise UsageError(f"no metadata database of Airflow: {url.get_backend_name()}; expected {', '.join(DIALECTS)}")
    if any(_PLACEHOLDER.fullmatch(part) for part in (url.username, url.password, url.host, url.database) if part):
        raise UsageError("the metadata database's URL has a placeholder (<…>) where a name or a password should stand")
    return url


def missing_file(text: str) -> str:
    """The SQLite file that the URL names where there is none; else empty. Raises UsageError."""
    url = parse(text)
    path = (url.database or "").removeprefix("file:").partition("?")[0]
    return path if url.get_backend_name() == "sqlite" and not Path(path).is_file() else ""


def _driver(url: URL, backend: str) -> str:
    """The driver that the URL names where it works without an event loop; else the first that is installed."""
    known = _DRIVERS[backend]
    named = url.drivername.partition("+")[2]
    for driver in [named, *known]:
        if driver in known and importlib.util.find_spec(known[driver].partition(".")[0]) is not None:
            return driver
    raise UsageError(
        f"no driver for {backend} is installed; expected one of {', '.join(known)}: pip install {_PACKAGES[backend]}"
    )


def _read_only(url: URL) -> URL:
    path = url.database or ""
    if path.startswith("file:"):
        return url
    return url.set(database=f"file:{quote(path)}?mode=ro", query={"uri": "true"})
