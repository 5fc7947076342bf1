"""Real databases for the collector, each engine in turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from real.databases import MariaDB, PgBouncer, need_drivers

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def pgbouncer(postgres) -> Iterator[PgBouncer]:
    server = PgBouncer(postgres)
    yield server
    server.remove()


@pytest.fixture
def own_mariadb() -> Iterator[MariaDB]:
    """One that a test may stop."""
    need_drivers()
    server = MariaDB()
    yield server
    server.remove()


@pytest.fixture(params=["postgresql", "mysql", "sqlite"])
def server(request) -> Any:
    """Each engine in turn."""
    return request.getfixturevalue({"postgresql": "postgres", "mysql": "mariadb"}.get(request.param, request.param))
