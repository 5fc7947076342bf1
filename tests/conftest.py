"""Servers that tests of several folders need; `real` holds what starts them."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

import pytest
from real.airflow import Airflow
from real.browser import Browser
from real.databases import MariaDB, Postgres, SQLiteFolder, need_drivers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# Programs written in Go live for seconds here, and with little: collected less often they need a fifth less of a
# processor.
os.environ.setdefault("GOGC", "400")

pytest_plugins = ["real.quick", "real.workers", "real.shared"]


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """What is imported and collected stays: nobody has to go through it again and again, now or while tests run."""
    gc.disable()
    yield
    gc.freeze()
    gc.enable()


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


@pytest.fixture(scope="session")
def mariadb() -> Iterator[MariaDB]:
    need_drivers()
    server = MariaDB()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory) -> SQLiteFolder:
    return SQLiteFolder(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(scope="module")
def run_airflow() -> Iterator[Callable[..., Airflow]]:
    """Starts real Airflows, with the arguments of `Airflow`; they end with the module's tests."""
    running: list[Airflow] = []

    def run(*arguments: Any, **options: Any) -> Airflow:
        running.append(Airflow(*arguments, **options))
        return running[-1].start()

    yield run
    for one in running:
        one.remove()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    window = Browser()
    yield window
    window.close()
