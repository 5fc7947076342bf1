"""What is a failure, what ends one, and what is none: rows as Airflow writes them, alerts in Alertmanager."""

from __future__ import annotations

import sqlite3
import time
import uuid
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from real.failures import fail

from windsock.exporter.reconciler import store as remembered

now = time.time


def test_a_failed_task_and_its_run_fire_on_every_database_and_airflow(any_database, bench):
    fail(any_database)
    made = bench(any_database)
    made.step()
    assert made.firing() == [("AirflowDagRunFailed", "d", "run_1"), ("AirflowTaskFailed", "d", "run_1", "t")]
    any_database.update("task_instance", {"dag_id": "d"}, state="success")
    any_database.update("dag_run", {"dag_id": "d"}, state="success")
    made.step()
    assert made.firing() == []


@pytest.mark.parametrize("state", ["up_for_retry", "upstream_failed", "skipped", "removed", "queued", "running", None])
def test_what_is_no_failure(database, bench, state):
    database.dag("d")
    database.run(1, "d", "running", now() - 100)
    database.task(1, "d", "t", state, end_date=now() - 50, updated_at=now() - 50)
    made = bench(database)
    made.step(2)
    assert made.firing() == []


def test_a_run_that_failed_by_its_timeout_fails_alone(database, bench):
    database.dag("d")
    database.run(1, "d", "failed", now() - 100, end_date=now() - 50)
    database.task(1, "d", "t", "skipped", end_date=now() - 50)
    made = bench(database)
    made.step()
    assert made.firing() == [("AirflowDagRunFailed", "d", "run_1")]


def test_a_task_fails_while_its_run_goes_on(database, bench):
    fail(database, state="running")
    made = bench(database)
    made.step()
    assert made.firing() == [("AirflowTaskFailed", "d", "run_1", "t")]


def test_a_task_that_fails_in_a_run_that_succeeds_fires_until_a_later_run_succeeds(database, bench):
    fail(database, state="success")
    made = bench(database)
    made.step()
    assert made.firing() == [("AirflowTaskFailed", "d", "run_1", "t")]
    database.run(2, "d", "running", now(), start_date=now())
    made.step()
    assert len(made.firing()) == 1
    database.update("dag_run", {"id": 2}, state="success", end_date=now())
    made.step()
    assert made.firing() == []


def test_a_mapped_task_is_one_alert_with_a_count(database, bench):
    database.dag("d")
    database.run(1, "d", "running", now() - 100)
    for index in range(20):
        state = "failed" if index in {0, 4, 7} else "success"
        database.task(1, "d", "t", state, map_index=index, end_date=now() - 60, updated_at=now() - 60)
    made = bench(database)
    made.step()
    assert made.firing() == [("AirflowTaskFailed", "d", "run_1", "t")]
    assert made.annotations()["map_index"] == "3 of 20 failed: 0, 4, 7"
    database.update("task_instance", {"map_index": 5}, state="failed", end_date=now() - 50)
    made.step(2)
    assert made.firing() == [("AirflowTaskFailed", "d", "run_1", "t")]
    assert made.annotations()["map_index"] == "4 failed"


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"is_paused": True}, "paused"),
        ({"is_stale": True}, "deleted"),
    ],
)
def test_a_dag_that_is_paused_or_deleted_ends_its_failures_and_has_none(database, bench, caplog, change, says):
    fail(database)
    made = bench(database)
    made.step()
    assert len(made.firing()) == 2
    caplog.set_level("INFO")
    database.update("dag", {"dag_id": "d"}, **change)
    made.step()
    assert made.firing() == []
    assert f"its DAG is {says}" in caplog.text
    fail(database, 2)
    made.step(2)
    assert made.firing() == []


def test_a_dag_that_is_unpaused_wakes_nothing_that_was_over(database, bench):
    fail(database)
    made = bench(database)
    made.step()
    database.update("dag", {"dag_id": "d"}, is_paused=True)
    made.step()
    database.update("dag", {"dag_id": "d"}, is_paused=False)
    made.again()
    made.step(3)
    assert made.firing() == []


def test_what_was_over_is_not_woken_when_it_is_forgotten_after_a_week(database, bench):
    fail(database)
    made = bench(database)
    made.step()
    database.update("dag", {"dag_id": "d"}, is_paused=True)
    made.step()
    database.update("dag", {"dag_id": "d"}, is_paused=False)
    made.reconciler.close()
    week = 8 * 86_400
    store = sqlite3.connect(made.settings.reconcile.store)
    with store:
        store.execute("UPDATE alert SET over = over - ?, failed_at = failed_at - ?", (week, week))
        store.execute("UPDATE state SET value = value - ? WHERE name = 'since'", (week,))
    store.close()
    ended = now() - 120 - week
    database.update("task_instance", {"dag_id": "d"}, end_date=ended, updated_at=ended)
    database.update("dag_run", {"dag_id": "d"}, end_date=ended)
    made.again()
    made.step(4)
    assert made.firing() == []
    fail(database, 2)
    made.step(2)
    assert {alert[2] for alert in made.firing()} == {"run_2"}


def test_what_was_over_is_not_woken_when_it_is_forgotten_because_there_is_too_much(database, bench, monkeypatch):
    monkeypatch.setattr(remembered, "MOST", 0)
    fail(database)
    made = bench(database)
    made.step()
    database.update("dag", {"dag_id": "d"}, is_paused=True)
    made.step()
    database.update("dag", {"dag_id": "d"}, is_paused=False)
    made.step(6)
    assert made.firing() == []


def test_a_run_that_is_deleted_ends_its_failures(database, bench):
    fail(database)
    made = bench(database)
    made.step()
    database.execute("DELETE FROM task_instance")
    database.execute("DELETE FROM dag_run")
    made.step()
    assert made.firing() == []


def cleared(database):
    database.update("task_instance", {"dag_id": "d"}, state=None)
    database.update("dag_run", {"dag_id": "d"}, state="queued", end_date=None)


def rerun(database):
    database.update("task_instance", {"dag_id": "d"}, state="success")
    database.update("dag_run", {"dag_id": "d"}, state="success")


def later_run(database):
    database.run(2, "d", "success", now(), start_date=now(), end_date=now())


WAYS = {"cleared": cleared, "rerun": rerun, "later_run": later_run}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("chosen", WAYS)
def test_each_way_to_end_a_failure_can_be_chosen(database, bench, way, chosen):
    fail(database)
    made = bench(database, reconcile={"resolve": [chosen]})
    made.step()
    WAYS[way](database)
    made.step(2)
    assert (made.firing() == []) == (way == chosen)


def test_a_team_chooses_for_itself(database, bench):
    fail(database)
    fail(database, 10, "pay")
    made = bench(database, teams={"payments": {"match": {"dag": "pay"}, "resolve": ["rerun"]}})
    made.step()
    assert len(made.firing()) == 4
    database.update("task_instance", {"state": "failed"}, state=None)
    database.update("dag_run", {"state": "failed"}, state="queued")
    made.step()
    assert {alert[1] for alert in made.firing()} == {"pay"}


def test_an_older_run_that_succeeds_ends_nothing(database, bench):
    fail(database, 5)
    database.run(1, "d", "success", now() - 5000, end_date=now())
    made = bench(database)
    made.step(2)
    assert len(made.firing()) == 2


def test_a_failure_that_a_later_run_made_good_was_never_one(database, bench):
    fail(database)
    later_run(database)
    made = bench(database)
    made.step(2)
    assert made.firing() == []


def test_a_deadline_that_was_missed_fires_until_the_run_succeeds(database, bench):
    database.dag("d")
    database.run(1, "d", "running", now() - 1000, start_date=now() - 1000)
    row = {
        "dagrun_id": 1,
        "deadline_time": now() - 100,
        "missed": True,
        "id": uuid.uuid4(),
        "callback_id": uuid.uuid4(),
    }
    database.insert("deadline", {**row, "created_at": now(), "last_updated_at": now()})
    database.insert(
        "deadline",
        {
            **row,
            "created_at": now(),
            "last_updated_at": now(),
            "missed": False,
            "id": uuid.uuid4(),
            "deadline_time": now() + 100,
        },
    )
    made = bench(database, defaults={"timezone": "Asia/Kolkata"})
    made.step(2)
    assert made.firing() == [("AirflowDeadlineMissed", "d", "run_1")]
    due = datetime.fromtimestamp(row["deadline_time"], ZoneInfo("Asia/Kolkata"))
    summary = made.annotations(alertname="AirflowDeadlineMissed")["summary"]
    assert summary.startswith(f"d missed its deadline: it was due at {due:%H:%M}")
    assert "UTC" not in summary
    made.step()
    database.update("dag_run", {"id": 1}, state="success", end_date=now())
    made.step()
    assert made.firing() == []


def test_what_failed_before_the_window_is_left_alone(database, bench):
    fail(database, ended=now() - 7200)
    fail(database, 2, "recent", ended=now() - 1800)
    made = bench(database, reconcile={"window": "1h"})
    made.step(3)
    assert {alert[1] for alert in made.firing()} == {"recent"}


def test_a_task_of_an_old_run_that_a_person_marks_as_failed_is_found(database, bench):
    database.dag("d")
    database.run(1, "d", "success", now() - 9000, end_date=now() - 9000)
    database.task(1, "d", "t", "success", end_date=now() - 9000, updated_at=now() - 9000)
    made = bench(database)
    made.step(6)
    ended = time.time() - 20
    database.update("task_instance", {"dag_id": "d"}, state="failed", end_date=ended, updated_at=ended)
    made.step(2)
    assert made.firing() == [("AirflowTaskFailed", "d", "run_1", "t")]


def test_a_run_that_comes_and_fails_between_two_passes_is_found_at_once(database, bench):
    for number in range(60):
        database.dag(f"other{number:02}")
    made = bench(database)
    made.step(2)
    fail(database, 7, "zebra")
    made.step()
    assert len(made.firing()) == 2


def test_a_run_that_ends_between_two_passes_is_found_at_once(database, bench):
    for number in range(60):
        database.dag(f"other{number:02}")
    database.dag("zebra")
    database.run(7, "zebra", "running", now() - 100)
    database.task(7, "zebra", "t", "running")
    made = bench(database)
    made.step(5)
    database.update("dag_run", {"id": 7}, state="failed", end_date=now() - 30)
    database.update("task_instance", {"dag_id": "zebra"}, state="failed", end_date=now() - 30)
    made.step()
    assert len(made.firing()) == 2
