"""The first look at the history: the latest runs of all DAGs at once, and by DAG what they do not tell."""

from __future__ import annotations

import time

import pytest

from windsock.exporter.database.history import KEPT
from windsock.exporter.database.metrics import runs
from windsock.exporter.database.metrics.runs import PastRuns

NOW = 1_790_000_000.0
USUAL = ["a", "b", "c"]
OTHERS = ["fails", "rare"]


@pytest.fixture
def full(database):
    """More runs than are kept of most DAGs; one fails since long ago, one runs once a month."""
    number = 0
    with database.together():
        for dag_id in (*USUAL, *OTHERS):
            database.dag(dag_id)
            for place in range(3 if dag_id == "rare" else 2 * KEPT):
                number += 1
                due = NOW - (30 * 86_400 * (place + 1) if dag_id == "rare" else 3600 * place + number % 60)
                bad = place < 2 * KEPT - 2 if dag_id == "fails" else (number * 7) % 5 == 0
                end = due + 60 + number % 50
                database.run(number, dag_id, "failed" if bad else "success", due, start_date=due + 1, end_date=end)
    return database


def test_both_ways_tell_the_same(full, look, monkeypatch):
    asked = []
    read = PastRuns._read

    def noted(query, now, chunk):
        asked.extend(chunk)
        read(query, now, chunk)

    monkeypatch.setattr(time, "time", lambda: NOW)
    monkeypatch.setattr(PastRuns, "_read", noted)
    monkeypatch.setattr(runs, "_READ_AGAIN", 1)  # a few DAGs are many
    first = look(full.url)
    shown = first()
    first.collector.session.close()  # one collector leads
    # What has no index by the time at which a run was due, as 2.11, is read by DAG.
    assert set(asked) == (set(OTHERS) if full.modern else {*USUAL, *OTHERS})
    monkeypatch.setattr(PastRuns, "_recent", staticmethod(lambda _, due: list(due)))
    assert shown == look(full.url)()
    assert shown['airflow_db_dag_consecutive_failures{dag_id="fails"}'] == KEPT
    assert 'airflow_db_dag_last_success_timestamp_seconds{dag_id="rare"}' in shown
