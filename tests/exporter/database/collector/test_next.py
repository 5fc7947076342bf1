"""Airflow 3.4's task instances: earlier tries stand beside the latest one, and an index is one within a region."""

from __future__ import annotations

import time
import uuid

import pytest

from windsock.airflow.versions import NEXT
from windsock.exporter.reconciler.details import details
from windsock.exporter.reconciler.failure import Key
from windsock.exporter.reconciler.reader import states_of

ARCHIVED = {"working_set": None, "archived_reason": "retry"}


@pytest.fixture
def database(server, make_database):
    """A DAG whose run is at work since a minute; its task was tried twice before."""
    made = make_database(server, NEXT)
    made.dag("a")
    made.run(1, "a", "running", time.time() - 60, start_date=time.time() - 60)
    return made


@pytest.fixture
def try_of(database):
    def write(task_id, state, *, region=None, **given):
        if region is not None:
            # A UUID: 16 bytes in MySQL and MariaDB, which have no such type.
            made = uuid.UUID(int=region)
            given["region_id"] = made.bytes if database.server.name == "mysql" else made.hex
        times = {"start_date": time.time() - 5, "end_date": time.time() - 1, "queued_dttm": time.time() - 6}
        ended = state in ("failed", "success")
        database.task(1, "a", task_id, state, **(times if ended else {}), **given)

    return write


FINISHED = 'airflow_db_task_instances_finished_total{dag_id="a",state="%s"}'


def test_earlier_tries_are_counted_by_nobody(database, look, try_of):
    passes = look(database.url)
    assert not [name for name in passes() if "finished_total" in name]
    for number in (1, 2):
        try_of("load", "failed", try_number=number, **ARCHIVED)
    try_of("load", "running", try_number=3)
    found = passes()
    assert found['airflow_db_task_instances{dag_id="a",state="running"}'] == 1
    assert found.get(FINISHED % "failed", 0) == 0
    assert passes.shown("windsock_metadata_query_errors") == {}
    database.update("task_instance", {"try_number": 3}, state="success", start_date=time.time(), end_date=time.time())
    assert passes()[FINISHED % "success"] == 1
    assert passes().get(FINISHED % "failed", 0) == 0


def test_instances_of_two_regions_are_two_and_are_counted_once(database, look, try_of):
    passes = look(database.url)
    passes()
    for region, state in enumerate(("success", "failed"), 1):
        try_of("settle", state, map_index=0, region=region)
    for _ in range(3):
        found = passes()
        assert (found[FINISHED % "success"], found[FINISHED % "failed"]) == (1, 1)


def test_the_reconciler_reads_the_latest_tries(database, look, try_of):
    try_of("load", "failed", try_number=1, **ARCHIVED)
    try_of("load", "success", try_number=2)
    for index in range(3):
        try_of("settle", "failed" if index else "success", map_index=index, region=1)
    passes = look(database.url)
    passes()
    session, schema = passes.collector.session, passes.collector.schema
    states = states_of(session, schema, [("a", "run_1", "load"), ("a", "run_1", "settle")])
    assert {task: {state: number for state, (number, _) in found.items()} for (*_, task), found in states.items()} == {
        "load": {"success": 1},
        "settle": {"failed": 2, "success": 1},
    }
    key = Key("AirflowTaskFailed", "a", "run_1", "settle")
    assert [one.map_index for one in details(session, schema, [key])[key].instances] == [1, 2]
