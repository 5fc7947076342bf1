"""What is told of why a task failed: what is written down about this very try, and nothing that is only likely."""

from __future__ import annotations

import json
import time

import pytest
from real.failures import fail, note, write_log

TASK = "AirflowTaskFailed"
LOST = "heartbeat lost: killed, out of memory, or hung"
STUCK = "stuck in queued: no worker took it, and Airflow gave up"
GONE = "gone without a word to Airflow: killed, or cut off from it"


def told(made):
    made.step(2)
    return made.annotations(alertname=TASK)


@pytest.mark.parametrize(
    ("event", "given", "says"),
    [
        ("heartbeat timeout", {}, LOST),
        ("stuck in queued tries exceeded", {}, STUCK),
        ("state mismatch", {}, GONE),
        (
            "patch_task_instance",
            {"owner": "ana", "extra": json.dumps({"new_state": "failed", "task_id": "t"})},
            "ana marked it as failed",
        ),
        (
            "ui.failed",
            {"owner": "ana", "extra": json.dumps({"dag_id": "d", "confirmed": "true"})},
            "ana marked it as failed",
        ),
        (
            "patch_dag_run",
            {"owner": "bob", "task_id": None, "extra": json.dumps({"state": "failed"})},
            "bob marked it as failed",
        ),
        # What a task's own process writes of an exception, in 2.11 and 3.x: no cause is known, and none is made up.
        ("failed", {"owner": "airflow", "extra": json.dumps({"host_name": "w1"})}, None),
        ("patch_task_instance", {"owner": "ana", "extra": json.dumps({"new_state": "success"})}, None),
        ("patch_task_instance", {"owner": "ana", "extra": "no JSON"}, None),
        ("heartbeat timeout", {"task_id": "other"}, None),
    ],
)
def test_why(database, bench, event, given, says):
    fail(database)
    note(database, event, **given)
    found = told(bench(database))
    assert found.get("reason") == says
    assert found["summary"] == (f"d: t failed: {says}" if says else "d: t failed")


def test_where_nothing_is_written_down_no_cause_is_told(any_database, bench):
    fail(any_database)
    found = told(bench(any_database))
    assert found["summary"] == "d: t failed"
    assert "reason" not in found


@pytest.mark.parametrize("event", ["heartbeat timeout", "state mismatch"])
def test_what_happened_to_another_try_is_not_the_reason_of_this_one(any_database, bench, event):
    fail(any_database, try_number=2)
    note(any_database, event, try_number=1)
    assert told(bench(any_database))["summary"] == "d: t failed"


def test_what_happened_to_another_instance_of_a_mapped_task_is_not_the_reason_of_this_one(database, bench):
    fail(database, map_index=1)
    note(database, "heartbeat timeout", map_index=0)
    assert told(bench(database))["summary"] == "d: t failed"


def test_a_person_who_marked_an_earlier_try_is_not_named_for_this_one(any_database, bench):
    ended = time.time() - 90
    fail(any_database, ended=ended, try_number=2, start_date=ended - 20)
    marked = {"owner": "ana", "extra": json.dumps({"new_state": "failed"}), "map_index": None, "try_number": None}
    note(any_database, "patch_task_instance", dttm=ended - 40, **marked)
    assert told(bench(any_database))["summary"] == "d: t failed"


@pytest.mark.parametrize(("before", "says"), [(600, "d failed"), (1, "d failed: bob marked it as failed")])
def test_a_person_is_named_for_the_failure_of_the_run_that_was_marked(database, bench, before, says):
    ended = time.time() - 90
    fail(database, ended=ended)
    database.update("task_instance", {"dag_id": "d"}, state="skipped")
    marked = {"owner": "bob", "task_id": None, "extra": json.dumps({"state": "failed"})}
    note(database, "patch_dag_run", dttm=ended - before, **marked)
    made = bench(database)
    made.step(2)
    assert made.annotations(alertname="AirflowDagRunFailed")["summary"] == says


def test_the_newest_of_many_events_of_a_mapped_task_counts(database, bench):
    fail(database, map_index=700)
    for number in range(60):
        note(database, "failed", id=number + 10, map_index=number, dttm=time.time() - 3000 + number)
    note(database, "heartbeat timeout", map_index=700)
    assert told(bench(database))["reason"] == LOST


def test_why_on_every_database_and_airflow(any_database, bench):
    fail(any_database)
    note(any_database, "heartbeat timeout")
    assert told(bench(any_database))["reason"] == LOST


def test_a_task_that_never_started(database, bench):
    fail(database, start_date=None)
    assert told(bench(database))["reason"] == "it never started"


SUPERVISOR = "Process terminated by signal.{} For more information, see https://airflow.apache.org/docs/"


@pytest.mark.parametrize(
    ("last", "says"),
    [
        (json.dumps({"event": SUPERVISOR.format(" Likely out of memory error (OOM)."), "signal": -9}), "out of memory"),
        (json.dumps({"event": SUPERVISOR.format(""), "signal": -15}), "killed by a signal"),
        (json.dumps({"event": "\n***** Received SIGSEGV *****\nSIGSEGV (Segmentation Violation)"}), "by SIGSEGV"),
        ("[2026-11-28] {runner.py:266} INFO - Task exited with return code Negsignal.SIGKILL", "killed by SIGKILL"),
    ],
)
def test_who_was_killed_says_so_where_only_the_log_knows(database, bench, tmp_path, last, says):
    write_log(tmp_path, [json.dumps({"event": "Rendering"}), last])
    fail(database)
    found = told(bench(database, reconcile={"logs": str(tmp_path)}))
    assert found["reason"].startswith("killed")
    assert says in found["reason"]
    assert found["summary"] == f"d: t failed: {found['reason']}"


def test_what_the_scheduler_says_goes_before_the_log(database, bench, tmp_path):
    write_log(tmp_path, [SUPERVISOR.format("")])
    fail(database)
    note(database, "heartbeat timeout")
    assert told(bench(database, reconcile={"logs": str(tmp_path)}))["reason"] == LOST


def test_an_exception_of_which_only_the_log_knows_is_told_and_is_no_reason(database, bench, tmp_path):
    write_log(tmp_path, ["ValueError: 3 rows have no price", "Task failed with exception"])
    fail(database)
    found = told(bench(database, reconcile={"logs": str(tmp_path)}))
    assert found["summary"] == "d: t failed: ValueError: 3 rows have no price"
    assert "reason" not in found
