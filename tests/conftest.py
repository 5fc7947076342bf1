"""Servers that tests of several folders need; `real` holds what starts them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from real.databases import Postgres, need_drivers

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    need_drivers()
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """One that a test may stop."""
    need_drivers()
    server = Postgres()
    yield server
    server.remove()
