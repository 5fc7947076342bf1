"""The history of many DAGs: read a little at a time after the first pass, shown when all of it is known."""

from __future__ import annotations

import pytest
from real.waiting import until

from windsock.exporter.database import ledger
from windsock.exporter.database.history import KEPT
from windsock.exporter.database.metrics import runs

NOW = 1_790_000_000.0
DAGS = ["a", "b", "c", "fails", "rare"]
PROMISES = {"rare": {"fresh_within": "40d"}, "c": {"fresh_within": "2d"}}
LAST_SUCCESS = "airflow_db_dag_last_success_timestamp_seconds"
FRESH = "airflow_db_dag_fresh{"


@pytest.fixture
def full(database, monkeypatch, clock):
    """More runs than are kept of most DAGs; one fails since long ago, one runs once a month."""
    number = 0
    with database.together():
        for dag_id in DAGS:
            database.dag(dag_id)
            for place in range(3 if dag_id == "rare" else 2 * KEPT):
                number += 1
                due = NOW - (30 * 86_400 * (place + 1) if dag_id == "rare" else 3600 * place + number % 60)
                bad = place < 2 * KEPT - 2 if dag_id == "fails" else (number * 7) % 5 == 0
                end = due + 60 + number % 50
                database.run(number, dag_id, "failed" if bad else "success", due, start_date=due + 1, end_date=end)
    clock(NOW)
    # Five DAGs are many: a statement for each, and one statement at a time.
    monkeypatch.setattr(runs, "_DAGS_AT_ONCE", 1)
    monkeypatch.setattr(runs, "_AT_ONCE", 0.0)
    monkeypatch.setattr(runs, "_READ_AGAIN", 0)
    for module in (runs, ledger):  # what the sweep has left is read on, too
        monkeypatch.setattr(module, "PARTS", 1)
    return database


def named(shown: dict[str, float], start: str) -> set[str]:
    return {name.split('dag_id="')[1].split('"')[0] for name in shown if name.startswith(start)}


def test_it_is_shown_when_all_is_known_and_as_if_it_had_been_read_at_once(full, look):
    eye = look(full.url, slo=PROMISES)
    assert eye() == {}
    assert eye.collector.status() == "starts"
    for _ in DAGS[2:]:
        assert eye.collector.read_on()
        assert eye.shown("airflow_db_") == {}
    assert eye.shown()["windsock_metadata_leader"] == 0
    assert not eye.collector.read_on()
    assert eye.shown()["windsock_metadata_leader"] == 1
    shown = eye.shown("airflow_db_")
    assert shown['airflow_db_dag_consecutive_failures{dag_id="fails"}'] == KEPT
    assert named(shown, LAST_SUCCESS) == set(DAGS)
    assert named(shown, FRESH) == set(PROMISES)
    assert not eye.collector.read_on()
    eye.collector.session.close()  # one collector leads
    at_once = look(full.url, slo=PROMISES)
    until(lambda: at_once.collector.look(everything=True))
    ages = ("airflow_db_table_", "airflow_db_dag_expected_")
    assert shown == {name: value for name, value in at_once.shown("airflow_db_").items() if not name.startswith(ages)}


def test_the_next_pass_shows_what_is_known_and_no_promise_broken_that_is_not(full, look):
    eye = look(full.url, slo=PROMISES)
    eye()
    shown = eye()  # two DAGs are read: those of whom something was promised come first
    assert named(shown, LAST_SUCCESS) == set(PROMISES)
    assert {name: value for name, value in shown.items() if name.startswith(FRESH)} == {
        'airflow_db_dag_fresh{dag_id="c"}': 1,
        'airflow_db_dag_fresh{dag_id="rare"}': 1,
    }
    again = look(full.url, purposes=["again"], slo={**PROMISES, "a": {"fresh_within": "2d"}})
    again()
    assert named(again(), FRESH) < {"a", *PROMISES}


def test_a_pass_that_leaves_some_unread_reads_few(full, look, monkeypatch):
    monkeypatch.setattr(runs, "_DAGS_AT_ONCE", 3)
    monkeypatch.setattr(runs, "_DAGS_IN_A_PASS", 1)
    monkeypatch.setattr(runs, "_AT_ONCE", 60.0)  # there is time for all of them
    eye = look(full.url)
    eye()
    assert eye.collector.status() == "starts"
    assert len(named(eye(), LAST_SUCCESS)) == 2
    assert named(eye(), LAST_SUCCESS) == set(DAGS)  # the other three are one statement's


def test_what_fails_is_left_to_the_next_pass(full, look, monkeypatch):
    monkeypatch.setattr(runs, "_DAGS_AT_ONCE", 2)  # one alone that fails comes last
    eye = look(full.url)
    eye()
    with monkeypatch.context() as patch:
        patch.setattr(runs.PastRuns, "_statement", lambda *_: 1 / 0)
        assert not eye.collector.read_on()
        assert "history" in eye.collector.failing()
        assert not eye.collector.read_on()
    shown = eye()
    while eye.collector.read_on():
        pass
    assert len(named(shown, LAST_SUCCESS)) < len(named(eye.shown(), LAST_SUCCESS)) == len(DAGS)


def test_what_is_known_is_read_again_in_passes_only(full, look, monkeypatch):
    eye = look(full.url)
    eye()
    while eye.collector.read_on():
        pass
    monkeypatch.setattr(runs, "_READ_AGAIN", 3)  # of which a statement takes one, and has no time for another
    for _ in range(3):
        eye()
        assert not eye.collector.read_on()


def test_nothing_is_said_of_a_dag_that_cannot_be_read(full, look, monkeypatch):
    statement = runs.PastRuns._statement

    def unreadable(now, dag_ids):
        return statement(now, dag_ids) if dag_ids != ["rare"] else 1 / 0

    monkeypatch.setattr(runs.PastRuns, "_statement", staticmethod(unreadable))
    eye = look(full.url, slo=PROMISES)
    eye()
    for _ in range(5):
        shown = eye()
        while eye.collector.read_on():
            pass
    assert named(eye.shown(), LAST_SUCCESS) == {*DAGS} - {"rare"}
    assert named(shown, FRESH) == {"c"}
    monkeypatch.setattr(runs, "_READ_AGAIN", 5)
    monkeypatch.setattr(runs, "_AT_ONCE", 60.0)  # there is time for all of them
    failed = [eye() and "history" in eye.collector.failing() for _ in range(10)]
    assert sum(failed) == 2, "it has its turn like the others, and fails that pass only"
    monkeypatch.setattr(runs.PastRuns, "_statement", staticmethod(statement))
    assert named([eye() for _ in range(5)][-1], FRESH) == set(PROMISES)


def test_without_its_connection_it_waits_for_the_next_pass(full, look):
    eye = look(full.url)
    eye()
    eye.collector.session.close()
    assert not eye.collector.read_on()
    until(eye.collector.look)
    while eye.collector.read_on():
        pass
    assert named(eye.shown(), LAST_SUCCESS) == set(DAGS)


def test_the_thread_reads_on_by_itself(full, look):
    eye = look(full.url, metadata={"interval": "1h"})
    eye.collector.start()
    try:
        until(lambda: named(eye.shown(), LAST_SUCCESS) == set(DAGS))
    finally:
        eye.collector.stop()


def test_a_pass_that_somebody_else_makes_stirs_the_thread(full, look, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(runs, "_DAGS_AT_ONCE", len(DAGS))
        eye = look(full.url, metadata={"interval": "1h"})
        eye.collector.start()
        try:
            until(lambda: eye.collector.status() == "leads")
            with full.together():
                # Not above the highest id: what is new is known from the pass that finds it.
                for number, dag_id in enumerate(("new", "newer", "newest"), -3):
                    full.dag(dag_id)
                    full.run(number, dag_id, "success", NOW - 60, start_date=NOW - 50, end_date=NOW - 40)
            patch.setattr(eye.collector._schedule.queries[5], "_chunk", 1)
            eye.collector.look()
            until(lambda: named(eye.shown(), LAST_SUCCESS) >= {"new", "newer", "newest"})
        finally:
            eye.collector.stop()
