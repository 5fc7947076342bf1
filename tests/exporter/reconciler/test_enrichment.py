"""What a message can say that a killed task's callback could not: why, the log's end, how often, who waits."""

from __future__ import annotations

import json
import time

import pytest
from real.failures import fail, serialize, write_log

from windsock.airflow.versions import NEWEST

TASK = "AirflowTaskFailed"


def told(made):
    made.step(2)
    return made.annotations(alertname=TASK)


def test_times_tries_and_links(any_database, bench):
    ended = time.time() - 30
    fail(any_database, ended=ended, try_number=3, max_tries=2, hostname="worker-7", operator="BashOperator")
    any_database.insert("dag_tag", {"name": "tier:1", "dag_id": "d"})
    links = {"airflow": "https://a.example", "grafana": "https://g.example", "runbooks": "https://r.example"}
    found = told(bench(any_database, links=links))
    assert found["try"] == "3 of 3"
    assert found["duration"] == "50s"
    assert found["hostname"] == "worker-7"
    assert found["operator"] == "BashOperator"
    assert found["tags"] == "tier:1"
    assert found["owner"] == "airflow"
    page = "runs/run_1" if any_database.modern else "grid?dag_run_id=run_1"
    assert found["run_url"] == f"https://a.example/dags/d/{page}"
    place = "/tasks/t?try_number=3" if any_database.modern else "&task_id=t&tab=logs"
    assert found["log_url"] == found["run_url"] + place
    assert found["runbook_url"] == "https://r.example/AirflowTaskFailed.md"


def test_tags_choose_team_and_severity(database, bench):
    fail(database)
    database.insert("dag_tag", {"name": "tier:1", "dag_id": "d"})
    made = bench(
        database,
        teams={"data": {"match": {"tag": "tier:*"}}},
        severity=[{"match": {"tag": "tier:1"}, "is": "critical"}],
    )
    made.step(2)
    (alert,) = made.alertmanager.alerts(cluster=made.cluster, alertname=TASK)
    assert (alert["labels"]["team"], alert["labels"]["severity"]) == ("data", "critical")


def test_how_often(any_database, bench):
    fail(any_database, 30)
    for number in range(25):
        state, due = "failed" if number % 5 == 4 else "success", time.time() - 9000 + number
        any_database.run(number + 1, "d", state, due, end_date=1)
        any_database.task(number + 1, "d", "t", state, end_date=time.time() - 90_000, updated_at=time.time() - 90_000)
    assert told(bench(any_database))["frequency"] == "failed in 5 of its last 20 runs"


def test_a_new_task_has_no_past(database, bench):
    fail(database)
    assert "frequency" not in told(bench(database))


@pytest.mark.parametrize("packed", [False, True])
def test_who_waits(any_database, bench, packed):
    noun = "asset" if any_database.modern else "dataset"
    times = {"created_at": time.time(), "updated_at": time.time()}
    more = {"allow_global_consumers": True} if any_database.modern else {}
    outlet = {f"{noun}_id": 7, "dag_id": "d", "task_id": "t", **times, **more}
    any_database.insert(f"task_outlet_{noun}_reference", outlet)
    more = {"allow_global_producers": True} if any_database.modern else {}
    any_database.insert(f"dag_schedule_{noun}_reference", {f"{noun}_id": 7, "dag_id": "billing", **times, **more})
    trigger = {"source": "d", "target": "export", "dependency_type": "trigger", "dependency_id": "go"}
    sensor = {"source": "d", "target": "report", "dependency_type": "sensor", "dependency_id": "wait"}
    serialize(any_database, {"dag_dependencies": [trigger]}, packed=packed)
    serialize(any_database, {"dag_id": "report", "dag_dependencies": [sensor]}, packed=packed)
    fail(any_database)
    expected = f"billing ({noun}), export (triggered by it), report (waits for it)"
    assert told(bench(any_database))["impact"] == expected


def test_what_it_leaves_stale_stands_behind_who_waits(database, bench):
    sensor = {"source": "d", "target": "report", "dependency_type": "sensor", "dependency_id": "wait"}
    serialize(database, {"dag_id": "report", "dag_dependencies": [sensor]})
    fail(database)
    made = bench(database)
    made.reconciler.hear(lambda *failed: f"stale: {'/'.join(failed)}")
    assert told(made)["impact"] == "report (waits for it); stale: d/t/run_1"


@pytest.mark.parametrize("data", ["null", '{"dag": 7}', '{"dag": {"dag_dependencies": [1, null, {}]}}'])
def test_a_serialized_dag_that_is_none_stops_nothing(database, bench, data):
    serialize(database, {})
    database.execute("UPDATE serialized_dag SET data = :data", data=data)
    fail(database)
    assert "impact" not in told(bench(database))


MAPPED = {"task_id": "m", "_is_mapped": True}
DEFAULTS = {"client_defaults": {"tasks": {"owner": "payments"}}}


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("tasks", "more", "owners"),
    [
        ([{"owner": "payments"}, {"owner": "ops"}], {}, "ops, payments"),
        ([{**MAPPED, "partial_kwargs": {"owner": "payments"}}, {}], {}, "airflow, payments"),
        ([{**MAPPED, "partial_kwargs": {}}, {"owner": "ops"}], DEFAULTS, "ops, payments"),
    ],
)
def test_the_team_is_that_of_all_tasks_owners_as_a_callback_sees_it(database, bench, packed, tasks, more, owners):
    """`dag.owners` of Airflow 3 knows neither mapped tasks' owners nor default ones."""
    fail(database)
    database.update("dag", {"dag_id": "d"}, owners="")
    serialize(database, {}, tasks, packed=packed, **more)
    made = bench(database, teams={"money": {"match": {"owner": "payments"}}})
    made.step(2)
    (alert,) = made.alertmanager.alerts(cluster=made.cluster, alertname=TASK)
    assert (alert["labels"]["team"], alert["annotations"]["owner"]) == ("money", owners)


def test_owners_on_every_database_and_airflow(any_database, bench):
    fail(any_database)
    serialize(any_database, {}, [{"owner": "payments"}, {**MAPPED, "partial_kwargs": {}}])
    any_database.update("dag", {"dag_id": "d"}, owners="payments" if any_database.modern else "airflow, payments")
    assert told(bench(any_database))["owner"] == "airflow, payments"


@pytest.mark.parametrize("data", ["null", "7", '{"dag": 7}', '{"dag": {"tasks": [1]}}', '{"dag": {"tasks": []}}'])
def test_a_serialized_dag_that_says_no_owner_leaves_those_of_the_dag(database, bench, data):
    fail(database)
    serialize(database, {})
    database.execute("UPDATE serialized_dag SET data = :data", data=data)
    assert told(bench(database))["owner"] == "airflow"


def test_owners_that_can_not_be_read_stop_nothing(bench, make_database, postgres):
    own = make_database(postgres, NEWEST)
    fail(own)
    made = bench(own)
    made.reconciler.step()
    own.execute("ALTER TABLE serialized_dag RENAME TO elsewhere")
    fail(own, 2, "other")
    made.reconciler.step()
    assert "details" in made.reconciler.problem()
    made.reconciler.step()
    assert ("AirflowTaskFailed", "other", "run_2", "t") in made.firing()


def test_the_last_lines_of_the_log_without_secrets(database, bench, tmp_path):
    lines = [json.dumps({"event": f"line {number}", "level": "info"}) for number in range(50)]
    lines += [json.dumps({"event": "connect to postgresql://bob:hunter22@db/x"}), "Killed", "{not json"]
    write_log(tmp_path, lines)
    fail(database)
    end = told(bench(database, reconcile={"logs": str(tmp_path)}))["log_tail"].splitlines()
    assert end[0] == "line 45"
    assert end[-3:] == ["connect to postgresql://bob:***@db/x", "Killed", "{not json"]


@pytest.mark.parametrize("before", [10, 3000])
def test_a_private_key_is_no_part_of_the_last_lines(database, bench, tmp_path, before):
    """Also where it began before the last lines, or before what is read of the file."""
    key = [f"{number:04}secretsecretsecretsecret" for number in range(before)]
    mark = "-----{} RSA PRIVATE KEY-----"
    write_log(tmp_path, ["Loading", mark.format("BEGIN"), *key, mark.format("END"), "ValueError: bad key"])
    fail(database)
    end = told(bench(database, reconcile={"logs": str(tmp_path)}))["log_tail"]
    assert "secret" not in end
    assert end.splitlines()[-1] == "ValueError: bad key"


def test_the_log_of_a_mapped_task_is_that_of_its_first_failed_index(database, bench, tmp_path):
    write_log(tmp_path, ["out of memory"], index=0)
    fail(database, map_index=0)
    assert told(bench(database, reconcile={"logs": str(tmp_path)}))["log_tail"] == "out of memory"


@pytest.mark.parametrize("task", ["../../../etc/passwd", "t", "a/../../b"])
def test_a_log_that_is_not_there_or_not_ours_is_none(database, bench, tmp_path, task):
    fail(database, task=task)
    assert "log_tail" not in told(bench(database, reconcile={"logs": str(tmp_path)}))


def test_a_long_log_is_read_at_its_end_and_cut(database, bench, tmp_path):
    write_log(tmp_path, ["x" * 2000] * 5000 + ["y" * 3000])
    fail(database)
    end = told(bench(database, reconcile={"logs": str(tmp_path)}))["log_tail"]
    assert end.startswith("yyy")
    assert len(end) <= 800


def test_details_that_can_not_be_read_make_the_alert_poorer_but_not_late(database, bench, make_database, postgres):
    own = make_database(postgres, NEWEST)
    fail(own)
    own.execute("ALTER TABLE log RENAME COLUMN event TO happened")
    own.execute("ALTER TABLE dag_schedule_asset_reference RENAME COLUMN dag_id TO whose")
    made = bench(own)
    made.reconciler.step()
    made.reconciler.step()
    assert made.firing(alertname=TASK) == [(TASK, "d", "run_1", "t")]
