"""Databases that hang: they stop in the middle of an answer, and TCP stays alive."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

import pytest
from real.databases import MariaDB
from real.freezing import Freezing
from real.tables import Database
from real.waiting import until

from windsock.airflow.versions import NEWEST
from windsock.exporter.database import deadline
from windsock.exporter.database.collector import Collector
from windsock.exporter.series.exposition import TEXT, render
from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

BOUND = 30.0
"""Seconds that a pass with a timeout of 3 s may take on a busy machine: it is some 5, of which 2 for a connection."""
SETTINGS = Settings.model_validate({"metadata": {"interval": 10, "timeout": 3}})
DRIVERS = {"psycopg2": "postgresql+psycopg2", "psycopg": "postgresql+psycopg", "pymysql": "mysql+pymysql"}


@pytest.fixture(scope="module")
def mariadb() -> Iterator[MariaDB]:
    server = MariaDB()
    yield server
    server.remove()


@pytest.fixture(scope="module", params=DRIVERS)
def database(request) -> Iterator[tuple[str, Database]]:
    """A driver, and a real database with one DAG."""
    server: Any = request.getfixturevalue("mariadb" if request.param == "pymysql" else "postgres")
    made = Database(server, NEWEST)
    made.dag("d")
    yield DRIVERS[request.param], made
    made.engine.dispose()


@pytest.fixture
def frozen(database, monkeypatch) -> Iterator[tuple[Freezing, Collector]]:
    """A collector, and its way to the database."""
    monkeypatch.setattr(deadline, "_SLACK", 0.3)
    driver, made = database
    way = Freezing(made.server.port)
    url = made.url.replace(f":{made.server.port}/", f":{way.port}/").replace(made.server.name, driver, 1)
    collector = Collector(SETTINGS, url)
    yield way, collector
    collector.session.close()
    way.close()


def shown(collector: Collector) -> str:
    return render(list(collector.stores()), TEXT).decode()


def test_a_server_that_stops_in_an_answer_costs_bounded_seconds_and_is_said_and_connected_to_again(frozen, caplog):
    way, collector = frozen
    collector.look()
    assert "\nairflow_db_up 1\n" in shown(collector)
    way.freeze(40)
    begun = time.monotonic()
    collector.look()
    assert time.monotonic() - begun < BOUND
    text = shown(collector)
    assert "\nairflow_db_up 0\n" in text
    assert 'airflow_db_dag_paused{dag_id="d"} 0' in text  # from the pass before
    assert 'windsock_metadata_query_errors_total{query="connection",reason="connection"}' in text
    assert "no answer within 1.05 s" in caplog.text
    way.thaw()
    # A statement may take a fourth of that time; on a busy machine one may take more.
    until(lambda: collector.look() and "\nairflow_db_up 1\n" in shown(collector) and collector.failing() == {})


def test_a_connection_that_stands_still_is_replaced_in_the_same_pass_and_counted(frozen, caplog):
    way, collector = frozen
    collector.look()
    way.freeze(new=False)
    begun = time.monotonic()
    with caplog.at_level(logging.INFO, "windsock"):
        collector.look()
        assert time.monotonic() - begun < BOUND
        # On a busy machine the server hears of the cut after it was asked for the lead, which that connection had.
        until(lambda: "\nairflow_db_up 1\n" in shown(collector) or (collector.look() and False))
    assert 'windsock_metadata_query_errors_total{query="dags",reason="connection"} 1' in shown(collector)
    assert ["no answer" in caplog.text, "query dags: works again" in caplog.text] == [True, True]
    assert way.accepted == 2


def test_giving_up_a_connection_that_stands_still_takes_no_longer(frozen):
    way, collector = frozen
    collector.look()
    way.freeze()
    begun = time.monotonic()
    collector.session.close()
    assert time.monotonic() - begun < BOUND
