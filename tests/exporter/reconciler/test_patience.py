"""How long a failure is left to its callback: as long as one may take, and no longer where none can come."""

from __future__ import annotations

import time

import pytest
from real.failures import fail, note, serialize
from real.waiting import until

from windsock.exporter.reconciler.reconciler import alone

TASK = "AirflowTaskFailed"
FAST = {"metadata": {"interval": "1s"}}


def age(database, seconds):
    """Let everything have failed so long ago."""
    ended = time.time() - seconds
    database.update("task_instance", {"dag_id": "d"}, end_date=ended, updated_at=ended)
    database.update("dag_run", {"dag_id": "d"}, end_date=ended)


CALLBACK = {"has_on_failure_callback": True}


@pytest.mark.parametrize("interval", ["1s", "15s", "5m"])
def test_a_callback_has_the_time_that_airflow_gives_it_whatever_the_interval(database, bench, interval):
    fail(database, ended=time.time() - 10)
    made = bench(database, metadata={"interval": interval})
    made.step(3)
    assert made.firing() == []
    assert 5 < made.reconciler.due_in() < 10
    age(database, 21)
    made.step()
    assert len(made.firing()) == 2
    assert made.reconciler.due_in() == float("inf")


def test_what_the_callback_tells_meanwhile_is_what_is_told(database, bench):
    fail(database, ended=time.time() - 5)
    made = bench(database, **FAST)
    made.step(2)
    made.callback("d", "t", 1, team="payments")
    made.step()
    assert made.annotations(alertname=TASK)["exception"] == "ValueError: no price"
    (alert,) = made.alertmanager.alerts(cluster=made.cluster, alertname=TASK)
    assert alert["labels"]["team"] == "payments"
    assert made.metric('windsock_silent_failures_total{dag_id="d"}') is None
    made.told({"d": (1, 0)})


def test_the_clock_of_a_worker_that_is_ahead_puts_nothing_off(database, bench, monkeypatch):
    fail(database, ended=time.time() + 3600)
    made = bench(database, **FAST)
    made.step()
    assert 15 < made.reconciler.due_in() < 20
    real = time.time
    monkeypatch.setattr(time, "time", lambda: real() + 21)
    made.reconciler.step()
    assert len(made.firing(alertname=TASK)) == 1


@pytest.mark.parametrize("event", ["heartbeat timeout", "state mismatch", "stuck in queued tries exceeded"])
def test_what_the_scheduler_failed_itself_is_told_after_an_interval(any_database, bench, event):
    fail(any_database, ended=time.time() - 5)
    note(any_database, event)
    made = bench(any_database, **FAST)
    made.step()
    assert made.firing(alertname=TASK) == [(TASK, "d", "run_1", "t")]


@pytest.mark.parametrize(
    "given", [{"try_number": 2}, {"map_index": 3}, {"task_id": "other"}, {"run_id": "run_2"}, {"event": "running"}]
)
def test_what_is_written_of_another_try_is_no_evidence(database, bench, given):
    fail(database, ended=time.time() - 5)
    note(database, **{"event": "heartbeat timeout", **given})
    made = bench(database, **FAST)
    made.step(2)
    assert made.firing() == []


def test_one_killed_instance_of_a_mapped_task_says_nothing_of_the_others(database, bench):
    fail(database, ended=time.time() - 5, map_index=0)
    database.task(1, "d", "t", "failed", map_index=1, end_date=time.time() - 5, updated_at=time.time() - 5)
    note(database, "heartbeat timeout", map_index=0)
    made = bench(database, **FAST)
    made.step(2)
    assert made.firing() == []
    note(database, "heartbeat timeout", map_index=1, id=2)
    made.step()
    assert len(made.firing(alertname=TASK)) == 1


@pytest.mark.parametrize(
    ("task", "dag", "more", "told"),
    [
        ({}, {}, {}, {TASK, "AirflowDagRunFailed"}),
        ({}, CALLBACK, {}, {TASK}),
        (CALLBACK, {}, {}, set()),  # the run waits for its task
        ({"_is_mapped": True, "partial_kwargs": CALLBACK}, {}, {}, set()),
        ({}, CALLBACK, {"__version": 2}, set()),  # Airflow 3.0 says nothing of tasks' callbacks
    ],
)
def test_where_nothing_is_attached_nothing_is_waited_for(database, bench, task, dag, more, told):
    fail(database, ended=time.time() - 5)
    serialize(database, dag, [{"task_id": "t", **task}], **more)
    made = bench(database, **FAST)
    made.step()
    assert {name for name, *_ in made.firing()} == told


def test_a_run_waits_for_its_task_whose_alert_holds_its_own_back(database, bench):
    database.dag("d")
    database.run(1, "d", "failed", time.time() - 100, end_date=time.time() - 30)
    database.task(1, "d", "t", "failed", end_date=time.time() - 5, updated_at=time.time() - 5)
    made = bench(database)
    made.step(2)
    assert made.firing() == []
    age(database, 21)
    made.step()
    assert len(made.firing()) == 2
    made.told({"d": (1, 0)})


def test_the_next_pass_comes_when_a_failure_has_waited_long_enough(database, bench):
    fail(database, ended=time.time() - 18)
    made = bench(database, metadata={"interval": "10m"})
    reconciler = alone(made.settings, database.url)
    reconciler.start()
    try:
        until(made.firing)
        assert len(made.firing()) == 2
    finally:
        reconciler.stop()
