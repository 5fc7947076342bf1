"""A DAG that Airflow pauses after too many failed runs is as broken as before; a person's pause ends its alerts."""

from __future__ import annotations

import time

import pytest
from real.failures import fail, note, succeed

TASK = "AirflowTaskFailed"
EVENT = {"task_id": None, "run_id": None, "map_index": None, "try_number": None}
SAYS = "Airflow paused the DAG after too many failed runs in a row: nothing of it runs until somebody unpauses it"


def pause(database, number=1, *, event="paused", owner="scheduler", paused=True, ago=10):
    database.update("dag", {"dag_id": "d"}, is_paused=paused)
    note(database, event, id=number, owner=owner, dttm=time.time() - ago, **EVENT)


def test_its_alerts_keep_firing_and_say_so(any_database, bench):
    fail(any_database)
    made = bench(any_database)
    made.step(2)
    assert "stopped" not in made.annotations(alertname=TASK)
    pause(any_database)
    made.step(3)
    assert len(made.firing()) == 2
    assert made.annotations(alertname=TASK)["stopped"] == SAYS
    made.told({"d": (1, 0)})
    made.again()
    made.step(2)
    assert made.annotations(alertname=TASK)["stopped"] == SAYS


def test_a_failure_that_is_new_with_the_pause_is_told(any_database, bench):
    fail(any_database)
    pause(any_database)
    made = bench(any_database)
    made.step(2)
    assert len(made.firing()) == 2
    assert made.annotations(alertname=TASK)["stopped"] == SAYS


def test_a_rerun_that_succeeds_ends_them(database, bench):
    fail(database)
    pause(database)
    made = bench(database)
    made.step(2)
    succeed(database)
    made.step()
    assert made.firing() == []


def test_whoever_unpauses_it_takes_the_word_away_and_not_the_alert(database, bench):
    fail(database)
    pause(database)
    made = bench(database)
    made.step(2)
    pause(database, 2, event="patch_dag", owner="ana", paused=False, ago=5)
    made.step(2)
    assert "stopped" not in made.annotations(alertname=TASK)
    made.told({"d": (1, 0)})


@pytest.mark.parametrize("event", ["patch_dag", "paused", "ui.paused", "api.patch_dag", "cli_dag_pause"])
def test_a_persons_pause_ends_them(database, bench, event):
    fail(database)
    pause(database, ago=20)
    made = bench(database)
    made.step(2)
    assert len(made.firing()) == 2
    pause(database, 2, event=event, owner="ana", ago=10)
    made.step()
    assert made.firing() == []


def test_what_airflow_wrote_of_another_dag_is_not_of_this_one(database, bench):
    fail(database)
    made = bench(database)
    made.step(2)
    database.update("dag", {"dag_id": "d"}, is_paused=True)
    note(database, "paused", owner="scheduler", **{**EVENT, "dag_id": "other"})
    made.step()
    assert made.firing() == []
