"""The collector and the reconciler of one exporter: one connection, one pass, and neither waits for the other."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING, Any

import pytest
from real.waiting import until

from windsock.exporter.database.collector import COLLECTOR, RECONCILER, Collector
from windsock.exporter.reconciler.reconciler import Reconciler
from windsock.exporter.series.exposition import TEXT, render
from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

APART = 26
"""Statements of a pass of each of the two, added, when each had a connection and a reader of its own."""


class Exporter:
    """What an exporter does with its database, pass by pass."""

    def __init__(self, url: str, alertmanager: str, folder: Any, **metadata: Any) -> None:
        self.settings = Settings.model_validate(
            {
                "cluster": folder.name,
                "metadata": metadata,
                "alertmanager": {"urls": [alertmanager]},
                "reconcile": {"store": str(folder / "store.db")},
            }
        )
        self.collector = Collector(self.settings, url, purposes=[COLLECTOR, RECONCILER])
        self.reconciler = Reconciler(self.settings, self.collector)

    def shown(self, name: str) -> float | None:
        text = render([*self.collector.stores(), *self.reconciler.stores()], TEXT).decode()
        found = dict(line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
        return float(found[name]) if name in found else None

    def close(self) -> None:
        self.reconciler.stop()
        self.collector.stop()
        self.reconciler.close()
        self.collector.session.close()


@pytest.fixture
def silent() -> Iterator[socket.socket]:
    """An Alertmanager that takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def fail(database: Any) -> None:
    now = time.time()
    database.dag("d")
    for number in (1, 2):
        database.run(number, "d", "running", now - 100, start_date=now - 90)
        database.task(number, "d", "broken", "failed", start_date=now - 80, end_date=now - 60)
        database.update("dag_run", {"id": number}, state="failed", end_date=now - 50)


def test_one_pass_answers_both_in_two_thirds_of_the_statements(database, alertmanager, tmp_path):
    fail(database)
    exporter = Exporter(database.url, alertmanager.url, tmp_path)
    try:
        for _ in range(3):
            exporter.collector.rhythm.begun = float("-inf")  # an interval has passed
            exporter.reconciler.step()
        assert exporter.reconciler.problem() == ""
        assert len(exporter.reconciler.lasting()) == 4
        assert exporter.shown('airflow_db_dag_consecutive_failures{dag_id="d"}') == 2
        assert exporter.shown("windsock_metadata_leader") == exporter.shown("windsock_reconcile_leader") == 1
        counts = []
        for _ in range(45):
            before = exporter.collector.session.statements
            exporter.collector.rhythm.begun = float("-inf")
            exporter.reconciler.step()
            counts.append(exporter.collector.session.statements - before)
        assert sorted(counts)[len(counts) // 2] <= APART * 2 / 3, counts
        assert exporter.collector.session.opened == 1
    finally:
        exporter.close()


def test_a_pass_between_two_intervals_reads_what_the_reconciler_needs_and_no_more(database, alertmanager, tmp_path):
    fail(database)
    exporter = Exporter(database.url, alertmanager.url, tmp_path)
    try:
        exporter.collector.look()
        whole = set(exporter.collector.times)
        exporter.reconciler.step()
        assert len(exporter.reconciler.lasting()) == 4
        assert set(exporter.collector.times) < whole | {"failures"}
        assert "pools" not in exporter.collector.times
    finally:
        exporter.close()


def test_an_alertmanager_that_hangs_keeps_the_collector_from_nothing(database, silent, tmp_path):
    fail(database)
    url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    exporter = Exporter(database.url, url, tmp_path, interval=1, timeout=2)
    exporter.reconciler.peers._timeout = 120
    success = 'windsock_metadata_last_success_timestamp_seconds{query="pools"}'
    try:
        exporter.collector.start()
        exporter.reconciler.start()
        seen: set[float] = set()
        until(lambda: seen.add(exporter.shown(success) or 0) or len(seen - {0}) >= 2)
        assert exporter.reconciler.status == "starts"  # its first pass waits
    finally:
        silent.close()
        exporter.close()


def test_one_without_an_alertmanager_reads_and_another_reconciles(database, alertmanager, tmp_path):
    fail(database)
    reader = Collector(Settings(), database.url)
    exporter = Exporter(database.url, alertmanager.url, tmp_path)
    try:
        until(reader.look)  # a server takes a moment to see that the test before has let go
        exporter.reconciler.step()
        assert exporter.reconciler.status == "leads"
        assert len(exporter.reconciler.lasting()) == 4
        assert exporter.collector.status() == "follows"
        assert exporter.shown("airflow_db_up") is None
        reader.session.close()
        until(exporter.collector.look)
        assert exporter.shown("airflow_db_up") == 1
        assert len(exporter.reconciler.lasting()) == 4
    finally:
        reader.session.close()
        exporter.close()
