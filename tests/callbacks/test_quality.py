"""A check of data inside a task: it alerts, ends its alert, and never stops the task."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from windsock.airflow import compat
from windsock.callbacks import check, on_success


@pytest.fixture
def inside(monkeypatch, alertmanager, configure):
    """Run as the task of this context."""
    configure(
        cluster="prod", teams={"pay": {"match": {"tag": "team:payments"}}}, alertmanager={"urls": [alertmanager.url]}
    )

    def enter(context):
        monkeypatch.setattr(compat, "current_context", lambda: context)

    return enter


def running(airflow, **facts):
    context = airflow.task_failure(None, **facts)
    context["task_instance"].state = "running"
    context["task_instance"].end_date = None
    return context


def test_a_failed_check_is_a_warning_of_its_own_and_the_task_goes_on(airflow, inside, alertmanager):
    inside(running(airflow))
    assert check(0, "orders has no rows today", name="not empty") is False
    (alert,) = alertmanager.alerts()
    assert alert["labels"] == {
        "alertname": "AirflowDataCheckFailed",
        "cluster": "prod",
        "dag_id": "zoo.fail",
        "task_id": "grp.fails",
        "check": "not empty",
        "team": "pay",
        "severity": "warning",
    }
    annotations = alert["annotations"]
    assert annotations["summary"] == "zoo.fail: grp.fails found bad data: orders has no rows today"
    assert annotations["run_id"] == "manual__2026-11-22T09:51:06.965451+00:00"
    assert "log_url" in annotations


def test_ten_runs_over_the_same_bad_data_are_one_alert(airflow, inside, alertmanager):
    for number in range(10):
        context = running(airflow, map_index=number)
        context["task_instance"].run_id = f"run {number}"
        inside(context)
        check(False, f"orders has {number} rows")
    assert len(alertmanager.alerts()) == 1


def test_a_check_that_is_made_in_a_loop_is_one_failure(airflow, inside, configure, inbox, direct):
    configure(**direct | {"defaults": {"slack": "#data"}, "teams": {}})
    for number in (1, 1, 1, 2):
        context = running(airflow)
        context["task_instance"].try_number = number
        inside(context)
        check(False, "orders has no rows", name="rows")
    values = [json.loads(file.read_text()) for file in Path(direct["callbacks"]["spool"]["dir"]).rglob("runs/*.json")]
    assert [incident["failures"] for incident in values] == [2]
    assert len(inbox.messages()) == 1


def test_checks_of_other_names_are_other_alerts(airflow, inside, alertmanager):
    inside(running(airflow))
    for name in ("a", "b", None):
        check(False, "no", name=name)
    assert len(alertmanager.alerts()) == 3


def test_good_data_ends_it(airflow, inside, alertmanager):
    inside(running(airflow))
    check(False, "no rows", name="rows")
    check(False, "no prices", name="prices")
    assert check([1], "no rows", name="rows") is True
    assert [alert["labels"]["check"] for alert in alertmanager.alerts()] == ["prices"]


def test_good_data_of_the_check_without_a_name_ends_no_other(airflow, inside, alertmanager):
    inside(running(airflow))
    check(False, "no rows")
    check(False, "no prices", name="prices")
    check([1], "no rows")
    assert [alert["labels"].get("check") for alert in alertmanager.alerts()] == ["prices"]


def test_a_success_of_the_task_does_not_end_it(airflow, inside, alertmanager):
    inside(running(airflow))
    check(False, "no rows")
    context = running(airflow)
    context["task_instance"].state = "success"
    on_success(context)
    assert len(alertmanager.alerts()) == 1


def test_a_check_that_passes_costs_no_request(airflow, inside, hostile, configure, lines):
    configure(alertmanager={"urls": [hostile("hanging")]})
    inside(running(airflow))
    assert check(True, "fine")
    assert lines() == []


def test_the_author_chooses(airflow, inside, alertmanager):
    inside(running(airflow))
    check(False, "no", severity="critical", team="ops")
    (alert,) = alertmanager.alerts()
    assert (alert["labels"]["severity"], alert["labels"]["team"]) == ("critical", "ops")


def test_a_severity_that_there_is_not_is_a_warning(airflow, inside, alertmanager):
    inside(running(airflow))
    assert check(False, "no", severity="loud") is False
    assert alertmanager.alerts()[0]["labels"]["severity"] == "warning"


@pytest.mark.parametrize("channels", [["slak"], "slak", 5])
def test_channels_that_there_are_not_fail_no_task(airflow, inside, alertmanager, lines, channels):
    inside(running(airflow))
    assert check(False, "no", channels=channels, team="ops") is False
    assert [alert["labels"]["team"] for alert in alertmanager.alerts()] == ["ops"]
    assert "ignored, and told all the same: " in lines()[0][1]


def test_secrets_stay_here_outside_a_task_too(lines):
    check(False, "postgres://etl:hunter2hunter2@db/x has no rows")
    assert lines() == [("WARNING", "outside a task, so nobody is told: postgres://etl:***@db/x has no rows")]


def test_outside_a_task_it_only_says_so(lines):
    assert check(False, "no rows") is False
    assert check(True, "no rows") is True
    assert lines() == [("WARNING", "outside a task, so nobody is told: no rows")]


def test_secrets_stay_here(airflow, inside, alertmanager):
    inside(running(airflow))
    check(False, "postgres://etl:hunter2hunter2@db/x has no rows")
    assert "hunter2" not in str(alertmanager.alerts())


def test_a_broken_alertmanager_does_not_stop_the_task(airflow, inside, hostile, configure):
    inside(running(airflow))
    configure(alertmanager={"urls": [hostile("hanging")]}, callbacks={"budget": 0.5})
    assert check(False, "no rows") is False


class NoTruthError:
    """As a pandas.Series."""

    def __bool__(self):
        raise ValueError("the truth value is ambiguous")


def test_a_value_that_is_neither_is_the_author_s_error():
    with pytest.raises(ValueError, match="ambiguous"):
        check(NoTruthError(), "x")
