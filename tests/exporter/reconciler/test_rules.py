"""What is a failure, what ends one, and what is none: rows as Airflow writes them, alerts as Alertmanager shows them."""

from __future__ import annotations

import time

import pytest

NOW = time.time()


def failed(database, run=1, dag="d", task="t", ended=None, **given):
    """A run with one failed task."""
    ended = ended or time.time() - 30
    if not database.execute(f"SELECT 1 FROM dag WHERE dag_id = '{dag}'"):
        database.dag(dag)
    database.run(run, dag, given.pop("state", "failed"), ended - 100, start_date=ended - 60, end_date=ended)
    database.task(run, dag, task, "failed", start_date=ended - 50, end_date=ended, updated_at=ended, **given)


def test_a_failed_task_and_its_run_fire_on_every_database_and_airflow(any_database, bench):
    failed(any_database)
    made = bench(any_database)
    made.step()
    assert made.firing() == [("AirflowDagRunFailed", "d", "run_1"), ("AirflowTaskFailed", "d", "run_1", "t")]
    any_database.update("task_instance", {"dag_id": "d"}, state="success")
    any_database.update("dag_run", {"dag_id": "d"}, state="success")
    made.step()
    assert made.firing() == []


def test_what_failed_a_moment_ago_is_left_to_its_callback_for_a_pass(database, bench):
    failed(database, ended=time.time())
    made = bench(database)
    made.step()
    assert made.firing() == []
    made.step()
    assert len(made.firing()) == 2


@pytest.mark.parametrize("state", ["up_for_retry", "upstream_failed", "skipped", "removed", "queued", "running", None])
def test_what_is_no_failure(database, bench, state):
    database.dag("d")
    database.run(1, "d", "running", NOW - 100)
    database.task(1, "d", "t", state, end_date=NOW - 50, updated_at=NOW - 50)
    made = bench(database)
    made.step(2)
    assert made.firing() == []
