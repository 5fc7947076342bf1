"""What an author chooses for one callback, and what Airflow does to such an object before it calls it."""

from __future__ import annotations

import copy
import json
import pickle
import threading
from datetime import timedelta

import pytest

from windsock.airflow import compat
from windsock.callbacks import Notify, handlers, on_failure, on_retry, on_skipped, on_success

CONFIG = {
    "cluster": "prod",
    "teams": {"payments": {"match": {"tag": ["team:payments"]}}},
    "severity": [{"match": {"tag": ["tier:1"]}, "is": "critical"}],
}


@pytest.fixture
def told(alertmanager, configure):
    """The alerts that fire, by name and severity."""
    configure(**CONFIG, alertmanager={"urls": [alertmanager.url]})

    def read():
        return sorted(
            (alert["labels"]["alertname"], alert["labels"]["severity"], alert["labels"]["team"])
            for alert in alertmanager.alerts()
        )

    return read


def context_of(airflow, state, error=None, try_number=2, **facts):
    """A task's context in its own process, with the state that Airflow has given it."""
    context = airflow.task_failure(error, **facts)
    context["task_instance"].state = state
    context["task_instance"].try_number = try_number
    return context


def test_the_class_in_a_callbacks_place_says_how_it_is_attached(airflow):
    with pytest.raises(TypeError, match=r"attach Notify\(\)"):
        Notify(context_of(airflow, "failed", ValueError("x")))


@pytest.mark.parametrize(
    ("callback", "state", "name", "severity"),
    [
        (on_failure, "failed", "AirflowTaskFailed", "critical"),
        (on_retry, "up_for_retry", "AirflowTaskRetrying", "warning"),
        (on_skipped, "skipped", "AirflowTaskSkipped", "warning"),
    ],
)
def test_each_callback_has_an_alert_of_its_own_and_only_a_failure_pages(airflow, told, callback, state, name, severity):
    context = context_of(airflow, state, ValueError("x"))
    callback(context)
    assert told() == [(name, severity, "payments")]
    Notify()(context)  # it tells from the context what it was called for
    assert told() == [(name, severity, "payments")]


def test_a_success_ends_what_was_told_of_the_task(airflow, told):
    on_retry(context_of(airflow, "up_for_retry", ValueError("x"), 1))
    on_failure(context_of(airflow, "failed", ValueError("x"), 2))
    assert len(told()) == 2
    on_success(context_of(airflow, "success", None, 1))
    assert told() == []


def test_a_success_delivers_what_waits_on_this_host_too(airflow3, told, alertmanager, configure):
    on_failure(context_of(airflow3, "failed", ValueError("x")))
    configure(**CONFIG, alertmanager={"urls": ["http://127.0.0.1:1"]}, callbacks={"budget": 3})
    other = context_of(airflow3, "failed", ValueError("x"), dag_id="other")
    on_failure(other)
    configure(**CONFIG, alertmanager={"urls": [alertmanager.url]})
    on_success(context_of(airflow3, "success", None, 3))
    assert [alert["labels"]["dag_id"] for alert in alertmanager.alerts()] == ["other"]


def test_a_success_in_a_later_try_asks_even_where_this_host_remembers_nothing(airflow, told, alertmanager, monkeypatch):
    on_failure(context_of(airflow, "failed", ValueError("x"), 2))
    monkeypatch.setenv("WINDSOCK__CALLBACKS__SPOOL__DIR", "/nonexistent/elsewhere")
    on_success(context_of(airflow, "success", None, 3))
    assert told() == []


def test_a_success_of_a_run_ends_the_run_s_alert_alone(airflow, told):
    on_failure(airflow.dag_failure())
    on_failure(context_of(airflow, "failed", ValueError("x")))
    on_success(airflow.dag_failure("success"))
    assert [name for name, *_ in told()] == ["AirflowTaskFailed"]


def test_a_success_where_nothing_failed_reads_no_settings_and_sends_nothing(airflow, hostile, configure, lines):
    # Neither the settings, which are wrong, nor the network are touched.
    configure(alertmanager={"urls": ["nonsense"]})
    on_success(context_of(airflow, "success", None, 1))
    on_success(airflow.dag_failure("success"))
    Notify()(context_of(airflow, "success", None, 1))
    assert lines() == []


def test_one_index_that_succeeds_ends_nothing_of_its_siblings(airflow, told):
    on_failure(context_of(airflow, "failed", ValueError("x"), map_index=3))
    on_success(context_of(airflow, "success", None, 2, map_index=4))
    assert [name for name, *_ in told()] == ["AirflowTaskFailed"]


def test_a_resolve_that_did_not_arrive_is_tried_again_by_the_next_success(
    airflow, told, configure, refusing, alertmanager
):
    on_failure(context_of(airflow, "failed", ValueError("x")))
    configure(**CONFIG, alertmanager={"urls": [refusing]})
    on_success(context_of(airflow, "success", None, 1))
    configure(**CONFIG, alertmanager={"urls": [alertmanager.url]})
    assert len(told()) == 1
    on_success(context_of(airflow, "success", None, 1))
    assert told() == []


def test_team_and_severity_of_the_author(airflow, told):
    Notify(team="ops", severity="info")(context_of(airflow, "failed", ValueError("x")))
    assert told() == [("AirflowTaskFailed", "info", "ops")]


def test_a_retry_pages_where_its_author_says_so(airflow, told):
    Notify(severity="critical")(context_of(airflow, "up_for_retry", ValueError("x"), 1))
    assert told() == [("AirflowTaskRetrying", "critical", "payments")]


@pytest.mark.parametrize(
    ("after", "try_number", "heard"), [(True, 1, 0), (2, 1, 0), (2, 2, 0), (2, 3, 1), (False, 1, 1), (0, 1, 1)]
)
def test_only_after_retries(airflow, told, lines, after, try_number, heard):
    notify = Notify(only_after_retries=after)
    notify(
        context_of(
            airflow,
            "up_for_retry",
            ValueError("x"),
            try_number,
        )
    )
    assert len(told()) == heard
    assert ("withheld: only_after_retries" in lines()[0][1]) == (not heard)
    notify(context_of(airflow, "failed", ValueError("x"), 4))
    assert ("AirflowTaskFailed", "critical", "payments") in told()


def test_only_on_state_change(airflow, told, lines):
    notify = Notify(only_on_state_change=True)
    first, second = (context_of(airflow, "failed", ValueError("x")) for _ in range(2))
    second["task_instance"].run_id = second["run_id"] = "the next run"
    notify(first)
    notify(first)  # the same run: another try, or another index
    notify(second)
    assert len(told()) == 1
    assert "withheld: only_on_state_change" in lines()[-1][1]
    on_success(context_of(airflow, "success", None, 1))
    notify(second)
    assert len(told()) == 1


def test_throttle(airflow, told, lines):
    notify = Notify(throttle=timedelta(hours=1))
    first, second = (context_of(airflow, "failed", ValueError("x")) for _ in range(2))
    second["task_instance"].run_id = second["run_id"] = "the next run"
    notify(first)
    notify(second)
    assert len(told()) == 1
    assert "withheld: throttle" in lines()[-1][1]
    Notify(throttle=0.0)(second)
    assert len(told()) == 2


def test_the_same_try_is_no_second_failure(airflow, told, lines):
    """Whether Airflow calls twice, or the author has given the task a second callback."""
    context = context_of(airflow, "failed", ValueError("x"))
    for channels in (["alertmanager"], ["alertmanager"], ["slack"]):
        Notify(throttle=3600, channels=channels)(context)
    assert [level for level, _ in lines()] == ["INFO", "INFO", "WARNING"]
    assert "not delivered (unconfigured)" in lines()[-1][1], "there is no Slack; it was asked all the same"


def test_the_same_run_is_no_state_change_either(airflow, told, lines):
    notify = Notify(only_on_state_change=True)
    notify(context_of(airflow, "failed", ValueError("x")))
    for state, number in (("up_for_retry", 1), ("up_for_retry", 1), ("failed", 2)):
        context = context_of(airflow, state, ValueError("x"), number)
        context["task_instance"].run_id = context["run_id"] = "the next run"
        notify(context)
    assert len(told()) == 1
    assert ["withheld: only_on_state_change, and manual__" in line for _, line in lines()] == [False, True, True, True]


def test_a_told_retry_throttles_the_next_one_and_not_the_failure(airflow, told):
    notify = Notify(throttle=timedelta(hours=1))
    first, second = (context_of(airflow, "up_for_retry", ValueError("x"), 1) for _ in range(2))
    second["task_instance"].run_id = second["run_id"] = "the next run"
    notify(first)
    notify(second)
    assert [name for name, *_ in told()] == ["AirflowTaskRetrying"]
    notify(context_of(airflow, "failed", ValueError("x"), 2))
    assert [name for name, *_ in told()] == ["AirflowTaskFailed", "AirflowTaskRetrying"]


def test_throttled_failures_are_no_deliveries(airflow3, told, lines, monkeypatch):
    counted = []
    monkeypatch.setattr(compat, "count", lambda name, tags: counted.append(name))
    for number in (2, 3, 4):
        Notify(throttle=60)(context_of(airflow3, "failed", ValueError("x"), number))
    assert [name for name in counted if name.startswith("windsock.callback.")] == ["windsock.callback.sent"]


@pytest.mark.parametrize(
    ("chosen", "says"),
    [
        ({"channels": ["slak"]}, "alertmanager, slack"),
        ({"severity": "loud"}, "critical, warning, info"),
        ({"throttle": "1h"}, "seconds"),
        ({"throttle": -1}, "seconds"),
    ],
)
def test_a_wrong_choice_is_said_where_it_is_written(chosen, says):
    with pytest.raises(ValueError, match=says):
        Notify(**chosen)


def test_a_task_that_still_runs_is_nothing_to_tell_of(airflow, told, lines):
    Notify()(context_of(airflow, "running"))
    assert told() == []
    assert "nothing to tell of a task that is running" in lines()[0][1]


DOORS = pytest.mark.parametrize("door", [on_failure, Notify()], ids=["on_failure", "Notify"])


@DOORS
def test_a_killed_task_is_a_failure_or_a_retry_by_the_tries_that_are_left(airflow3, told, door):
    context = airflow3.killed()
    door(context)
    context["task_instance"].try_number = 1
    door(context)
    assert [name for name, *_ in told()] == ["AirflowTaskFailed", "AirflowTaskRetrying"]


@DOORS
def test_a_try_that_another_one_follows_is_no_failure_whichever_callback_airflow_calls(airflow, told, door):
    door(context_of(airflow, "up_for_retry", ValueError("x"), 1))
    assert told() == [("AirflowTaskRetrying", "warning", "payments")]


@DOORS
@pytest.mark.parametrize(
    ("state", "name"),
    [
        ("failed", "AirflowTaskFailed"),  # it hung in `queued`: Airflow fails it for good, and gives it no state
        ("up_for_retry", "AirflowTaskRetrying"),
        ("running", "AirflowTaskRetrying"),  # the next try, already
        (RuntimeError("no dag processor answers"), "AirflowTaskRetrying"),
    ],
)
def test_where_the_context_has_no_state_airflow_is_asked(airflow3, told, door, state, name):
    context, asked = airflow3.killed(), []
    context["task_instance"].try_number = 1

    def get_task_states(**which):
        asked.append(which)
        if isinstance(state, Exception):
            raise state
        return {which["run_ids"][0]: {"grp.fails": state}}

    context["task_instance"].get_task_states = get_task_states
    door(context)
    assert [found for found, *_ in told()] == [name]
    run_ids = [context["run_id"]]
    assert asked == [{"dag_id": "zoo.fail", "task_ids": ["grp.fails"], "map_index": -1, "run_ids": run_ids}]


def test_where_airflow_does_not_answer_the_alert_goes_out_all_the_same(airflow3, told, monkeypatch):
    monkeypatch.setattr(handlers, "_ASKING", 0.1)
    context, never = airflow3.killed(), threading.Event()
    context["task_instance"].try_number = 1
    context["task_instance"].get_task_states = lambda **_: never.wait(60)
    on_failure(context)
    never.set()
    assert [name for name, *_ in told()] == ["AirflowTaskRetrying"]


@pytest.mark.parametrize("state", ["success", "skipped", "failed", "up_for_retry"])
def test_every_callback_says_the_same_of_one_context(airflow, told, state):
    for callback in (on_failure, on_retry, on_skipped, on_success, Notify()):
        callback(context_of(airflow, state, ValueError("x"), 1))
    names = {"failed": "AirflowTaskFailed", "up_for_retry": "AirflowTaskRetrying", "skipped": "AirflowTaskSkipped"}
    assert [name for name, *_ in told()] == ([names[state]] if state in names else [])


def test_a_run_s_reason_decides_too(airflow, told):
    on_success(airflow.dag_failure("timed_out"))
    assert [name for name, *_ in told()] == ["AirflowDagRunFailed"]
    on_failure(airflow.dag_failure("success"))
    assert told() == []


def test_what_airflow_does_to_it():
    notify = Notify(channels=["slack"], throttle=timedelta(minutes=5), template="short", only_after_retries=2)
    for other in (copy.deepcopy(notify), pickle.loads(pickle.dumps(notify)), copy.copy(notify)):
        assert other == notify
        assert repr(other) == repr(notify)
    assert hash(notify)
    assert copy.deepcopy({"on_failure_callback": [notify]})["on_failure_callback"] == [notify]
    assert json.dumps(repr(notify))  # DAG serialization writes callbacks down as text
    assert "0x" not in repr(notify)


def test_it_is_the_same_before_and_after_calls(airflow, told):
    notify = Notify(severity="info")
    before = pickle.dumps(notify)
    notify(context_of(airflow, "failed", ValueError("first")))
    notify(context_of(airflow, "failed", ValueError("second")))
    assert pickle.dumps(notify) == before
    with pytest.raises(AttributeError):
        notify.severity = "critical"
