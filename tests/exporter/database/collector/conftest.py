"""Databases with the tables of a real Airflow, and a collector on them."""

from __future__ import annotations

import re
import time
import uuid
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest
import sqlalchemy as sa
from real.tables import Database

from windsock.airflow.versions import NEWEST, OLDEST
from windsock.exporter.database import collector
from windsock.exporter.series.exposition import TEXT, render
from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

SAMPLE = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*(?:\{.*\})?) (\S+)")


@pytest.fixture(params=[NEWEST, OLDEST])
def database(request, server, databases) -> Database:
    """Each Airflow's tables on each engine, empty."""
    key = server.name, request.param
    if key not in databases:
        databases[key] = Database(server, request.param)
    databases[key].empty()
    return databases[key]


@pytest.fixture
def chance(database) -> int:
    """A seed: each engine and version has another world, so that together they see six times as many."""
    return crc32(f"{database.server.name} {database.version}".encode())


@pytest.fixture
def pg_database(postgres, make_database) -> Database:
    return make_database(postgres, NEWEST)


@pytest.fixture
def make_empty() -> Callable[[Any], str]:
    """Make a database with the tables of some other program; returns its URL."""

    def make(server: Any) -> str:
        name = f"other_{uuid.uuid4().hex[:12]}"
        if server.name != "sqlite":
            admin = server.admin("postgres" if server.name == "postgresql" else "")
            with admin.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(sa.text(f"CREATE DATABASE {name}"))
        engine = server.admin(name)
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE job (id integer)"))
        engine.dispose()
        return str(server.url(name))

    return make


class Look:
    """A collector whose passes are made by hand."""

    def __init__(self, url: str, purposes: Sequence[str] = (collector.COLLECTOR,), **settings: Any) -> None:
        self.collector = collector.Collector(Settings.model_validate(settings), url, purposes=purposes)

    def __call__(self, *, everything: bool = False) -> dict[str, float]:
        """Make a pass; returns what is exposed from the database."""
        self.collector.look(everything=everything)
        return self.shown("airflow_db_")

    def shown(self, start: str = "") -> dict[str, float]:
        text = render(list(self.collector.stores()), TEXT).decode()
        lines = [line for line in text.split("\n") if line and not line.startswith("#")]
        found = [(match[1], float(match[2])) for match in map(SAMPLE.fullmatch, lines)]
        assert len(dict(found)) == len(found), "a series stands twice"
        return {name: value for name, value in found if name.startswith(start)}


@pytest.fixture
def look() -> Iterator[Callable[..., Look]]:
    """Make a collector: `look(url, slo={…})`."""
    made: list[Look] = []

    def make(url: str, **settings: Any) -> Look:
        made.append(Look(url, **settings))
        return made[-1]

    yield make
    for one in made:
        one.collector.session.close()


@pytest.fixture
def clock(monkeypatch) -> Callable[[float], None]:
    """Set the time of day that the collector sees."""
    real = time.monotonic

    class Time:
        now = 0.0
        monotonic = staticmethod(real)

        @classmethod
        def time(cls) -> float:
            return cls.now

    def put(now: float) -> None:
        Time.now = now

    monkeypatch.setattr(collector, "time", Time)
    return put
