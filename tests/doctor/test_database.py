"""What the doctor says of a database that can be read: does its Airflow run, and has it paused DAGs?"""

from __future__ import annotations

import time

import pytest
from real.databases import SQLiteFolder
from real.installation import schedule
from real.tables import Database

from windsock.airflow.versions import NEWEST, OLDEST
from windsock.exporter.database.health import examine
from windsock.settings import Settings


@pytest.fixture(params=[NEWEST, OLDEST])
def database(request, tmp_path, monkeypatch):
    made = Database(SQLiteFolder(tmp_path), request.param)
    monkeypatch.setenv("AIRFLOW_DB", made.url)
    return made


def found():
    return {one.check: one.found for one in examine(Settings.model_validate({"metadata": {"url": "${AIRFLOW_DB}"}}))}


def test_a_scheduler_that_does_not_write(database):
    assert found() == {"database.scheduler": "No scheduler has written to it."}
    schedule(database)
    assert found() == {}
    database.update("job", {"id": 1}, latest_heartbeat=time.time() - 3700)
    assert found() == {"database.scheduler": "The newest heartbeat of a scheduler in it is 1 h 1 min old."}
    database.update("job", {"id": 1}, latest_heartbeat=time.time() + 600)
    assert found()["database.clock"].startswith("The scheduler's clock, by its heartbeats, is ")


def test_what_airflow_has_paused(database):
    schedule(database)
    database.dag("orders_load", is_paused=True, max_consecutive_failed_dag_runs=2)
    database.dag("quiet", is_paused=True)
    for number in (1, 2):
        database.run(number, "orders_load", "failed", time.time() - 60 * number, end_date=time.time())
    said = found()
    assert set(said) == {"database.paused"}
    assert said["database.paused"].startswith("After failures Airflow itself has paused orders_load: nothing")
