"""What an alert says, for every kind of context that Airflow hands over."""

import json
import re
from datetime import datetime, timedelta, timezone

import pytest

from windsock.callbacks.context import read, with_failed_tasks
from windsock.callbacks.event import build
from windsock.settings import Settings

LINKS = {
    "airflow": "https://airflow.example.org",
    "grafana": "https://grafana.example.org",
    "runbooks": "https://runbooks.example.org",
}
SETTINGS = Settings.model_validate(
    {
        "cluster": "prod",
        "links": LINKS,
        "teams": {"payments": {"match": {"tag": ["team:payments"]}}, "ada": {"match": {"owner": ["ada"]}}},
        "severity": [{"match": {"tag": ["tier:1"]}, "is": "critical"}],
    }
)
RUN = "manual__2026-11-22T09:51:06.965451+00:00"
IDENTITY = {"alertname": "AirflowTaskFailed", "cluster": "prod", "dag_id": "zoo.fail", "run_id": RUN}
START = datetime(2026, 11, 22, 9, 51, 12, tzinfo=timezone.utc)
END = START + timedelta(seconds=5)
PAGES = {
    3: "https://airflow.example.org/dags/zoo.fail/runs/manual__2026-11-22T09%3A51%3A06.965451%2B00%3A00",
    2: "https://airflow.example.org/dags/zoo.fail/grid?dag_run_id=manual__2026-11-22T09%3A51%3A06.965451%2B00%3A00",
}


def event_of(context, settings=SETTINGS):
    return build(read(context), settings)


def test_a_failed_task(airflow):
    event = event_of(airflow.task_failure(ValueError("no such table: orders")))

    assert event.labels == {**IDENTITY, "task_id": "grp.fails", "team": "payments", "severity": "critical"}
    log_url = event.annotations.pop("log_url")
    assert event.annotations == {
        "summary": "zoo.fail: grp.fails failed: ValueError: no such table: orders",
        "exception": "ValueError: no such table: orders",
        "failed_at": "2026-11-22T09:51:13.059Z",
        "since": "09:51 UTC on 22 Nov",
        "due_at": "2026-11-22T09:51:06.947Z",
        "try": "2 of 2",
        "duration": "112ms",
        "operator": "@task",
        "hostname": "worker-1",
        "owner": "ada, data-eng",
        "tags": "team:payments, tier:1",
        "run_url": PAGES[airflow.major],
        "dashboard_url": "https://grafana.example.org/d/windsock-dag?var-dag_id=zoo.fail&from=1795319473059&to=now",
        "runbook_url": "https://runbooks.example.org/AirflowTaskFailed.md",
    }
    assert log_url.startswith(PAGES[airflow.major])
    assert "grp.fails" in log_url


def test_the_indexes_of_a_mapped_task_are_one_alert(airflow):
    first = event_of(airflow.task_failure(ValueError("a"), map_index=0))
    second = event_of(airflow.task_failure(KeyError("b"), map_index=317))

    assert first.labels == second.labels
    assert (first.annotations["map_index"], second.annotations["map_index"]) == ("0", "317")
    assert second.annotations["summary"] == "zoo.fail: grp.fails [317] failed: KeyError: 'b'"
    assert "317" in second.annotations["log_url"]


def test_a_killed_task_says_that_nothing_was_heard_of_it(airflow):
    event = event_of(airflow.killed())

    assert event.labels == {**IDENTITY, "task_id": "grp.fails", "team": "payments", "severity": "critical"}
    assert "its process ended without a word" in event.annotations["summary"]
    assert "exception" not in event.annotations
    assert "grp.fails" in event.annotations["log_url"]
    assert event.annotations["try"] == "2 of 2"


def test_a_killed_task_without_an_end_has_failed_now(airflow3):
    before = datetime.now(timezone.utc)
    event = event_of(airflow3.killed())

    assert before.isoformat()[:16] <= event.annotations["failed_at"][:16]
    assert "duration" not in event.annotations


def test_a_failed_run_names_the_task_that_made_it_fail(airflow):
    event = event_of(airflow.dag_failure())

    assert event.labels == {
        **IDENTITY,
        "alertname": "AirflowDagRunFailed",
        "team": "payments",
        "severity": "critical",
    }
    assert event.annotations["summary"] == "zoo.fail failed: a task failed, last grp.fails"
    assert event.annotations["failed_task"] == "grp.fails"
    assert event.annotations["reason"] == "task_failure"
    assert event.annotations["duration"] == "14s"
    assert event.annotations["failed_at"] == "2026-11-22T09:51:26.947Z"
    assert "grp.fails" in event.annotations["log_url"]
    assert event.annotations["runbook_url"] == "https://runbooks.example.org/AirflowDagRunFailed.md"


def test_2_11_hands_over_any_task_of_the_run_and_a_successful_one_is_not_blamed(airflow2):
    annotations = event_of(airflow2.dag_failure(state="success")).annotations

    assert annotations["summary"] == "zoo.fail failed: a task failed"
    assert "failed_task" not in annotations
    assert "log_url" not in annotations
    assert annotations["run_url"] == PAGES[2]


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("timed_out", "it ran longer than its dagrun_timeout"),
        ("all_tasks_deadlocked", "its tasks wait for each other"),
        ("something_new", "something_new"),
    ],
)
def test_a_run_that_no_task_made_fail_blames_none(airflow, reason, words):
    annotations = event_of(airflow.dag_failure(reason)).annotations

    assert annotations["summary"] == f"zoo.fail failed: {words}"
    assert "failed_task" not in annotations


def test_a_run_whose_context_is_only_dag_run_id_and_reason(airflow3):
    dag = airflow3.dag_failure()["dag"]
    event = event_of({"dag": dag, "run_id": RUN, "reason": "timed_out"})

    assert event.labels["alertname"] == "AirflowDagRunFailed"
    assert event.labels["team"] == "payments"
    assert event.annotations["run_url"] == PAGES[3]


def test_arguments_of_a_python_task_stand_in_its_context_and_mislead_nobody(airflow):
    context = airflow.task_failure(ValueError("x"), reason="because", dag="lunch", run_id="run", reason_code=1)
    event = event_of(context)

    assert event.labels == {**IDENTITY, "task_id": "grp.fails", "team": "payments", "severity": "critical"}


def test_without_links_the_log_is_where_airflow_says_and_nothing_else_is_linked(airflow):
    annotations = event_of(airflow.task_failure(ValueError("x")), Settings()).annotations

    assert annotations["log_url"].startswith("http://localhost:8080/dags/zoo.fail/")
    assert annotations["run_url"].startswith("http://localhost:8080/dags/zoo.fail/")
    assert not {"dashboard_url", "runbook_url"} & set(annotations)


def test_2_11_names_the_exit_of_a_task_in_a_sentence(airflow2):
    event = event_of(airflow2.task_failure("Task failed due to SystemExit(3)"))
    assert event.annotations["exception"] == "Task failed due to SystemExit(3)"


@pytest.mark.parametrize("fact", ["hostname", "start_date", "end_date", "log_url", "try_number", "max_tries"])
def test_a_fact_that_cannot_be_read_costs_no_more_than_itself(airflow, fact):
    context = airflow.task_failure(ValueError("x"))
    delattr(context["task_instance"], fact)
    event = event_of(context)
    assert event.labels == {**IDENTITY, "task_id": "grp.fails", "team": "payments", "severity": "critical"}
    assert event.annotations["exception"] == "ValueError: x"
    assert "None" not in str(event.annotations)


def test_no_dag_no_alert():
    with pytest.raises(ValueError, match="names no DAG and run"):
        read({"reason": "task_failure"})


class UnprintableError(Exception):
    def __str__(self):
        raise ZeroDivisionError


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ValueError(), "ValueError"),
        (ValueError("   "), "ValueError"),
        (UnprintableError(), "UnprintableError"),
        (SystemExit(3), "SystemExit: 3"),
        (KeyError("k"), "KeyError: 'k'"),
        (ValueError("two\nlines"), "ValueError: two\nlines"),
    ],
)
def test_odd_exceptions(airflow, error, expected):
    annotations = event_of(airflow.task_failure(error)).annotations
    assert annotations["exception"] == expected
    assert "\n" not in annotations["summary"]


def test_a_huge_exception_is_cut_and_says_so(airflow):
    annotations = event_of(airflow.task_failure(ValueError("word " * 2_000_000))).annotations

    assert len(annotations["exception"]) <= 1000
    assert annotations["exception"].endswith("… [cut]")
    assert len(annotations["summary"]) <= 250
    assert annotations["summary"].endswith("… [cut]")


@pytest.mark.parametrize("padding", range(19_900, 20_100, 7))
def test_a_secret_on_the_edge_of_what_is_searched_is_not_shown(airflow3, padding):
    # The text before it shrinks to nothing, so that the edge moves into sight.
    text = "-----BEGIN PRIVATE KEY-----" + "A" * (padding - 60) + "-----END PRIVATE KEY----- "
    annotations = event_of(airflow3.task_failure(ValueError(text + "postgres://u:hunter2hunter2@db/x"))).annotations
    assert "hunter2" not in str(annotations)


def test_secrets_are_taken_out_of_everything(airflow):
    error = ValueError("postgres://etl:hunter2@db/prod, Authorization: Bearer abcdef0123456789, password=swordfish")
    annotations = event_of(airflow.task_failure(error)).annotations
    assert not re.search("hunter2|abcdef0123456789|swordfish", str(annotations))
    assert "postgres://etl:***@db/prod" in annotations["exception"]


def enriched(context):
    return build(with_failed_tasks(read(context, "failure"), context), SETTINGS).annotations


def test_3_x_asks_which_tasks_failed_and_says_that_it_knows_the_last_alone(airflow3):
    context = airflow3.dag_failure()
    context["dag"].task_ids = ["extract", "grp.fails", "mapped", "t_7"]
    states = {"grp.fails": "failed", "mapped_0": "failed", "mapped_11": "failed", "t_7": "failed", "extract": "success"}
    context["task_instance"].get_task_states = lambda dag_id, run_ids: {run_ids[0]: states}
    annotations = enriched(context)
    assert annotations["failed_tasks"] == "grp.fails, mapped, t_7"
    assert annotations["failed_task"] == "grp.fails"
    assert annotations["summary"] == "zoo.fail failed: 3 tasks failed, last grp.fails"


def test_2_11_is_asked_which_task_failed_first(airflow2):
    context = airflow2.dag_failure(state="success")
    dag = context["dag"]
    found = []
    for task_id, ended in (("late", END), ("unknown", None), ("early", START), ("early", END)):
        found.append(airflow2.instance(dag, task_id))
        found[-1].end_date = ended
    context["dag_run"].get_task_instances = lambda state: found
    annotations = enriched(context)
    assert annotations["failed_task"] == "early"
    assert annotations["failed_tasks"] == "early, late, unknown"
    assert annotations["summary"] == "zoo.fail failed: 3 tasks failed, first early"
    assert "task_id=early" in annotations["log_url"]


def test_one_failed_task_is_the_one(airflow3):
    context = airflow3.dag_failure()
    context["task_instance"].get_task_states = lambda dag_id, run_ids: {RUN: {"grp.fails": "failed"}}
    assert enriched(context)["summary"] == "zoo.fail failed: its task grp.fails failed"


def inner(number):
    return 1 / number


def test_the_last_frames_of_the_author_s_own_code(airflow):
    try:
        json.loads("[", parse_float=inner) if inner(1) > 1 else inner(0)
    except ZeroDivisionError as error:
        text = event_of(airflow.task_failure(error)).annotations["traceback"]
    lines = text.splitlines()
    assert lines[0].endswith(" in test_the_last_frames_of_the_author_s_own_code")
    assert lines[2].endswith(" in inner")
    assert lines[3] == "    return 1 / number"


def test_frames_of_libraries_are_no_author_s(airflow):
    try:
        json.loads("[")
    except ValueError as error:
        text = event_of(airflow.task_failure(error)).annotations["traceback"]
    assert "test_event.py" in text.splitlines()[0]
    assert "json/" not in text


def test_a_recursion_without_an_end_is_three_frames(airflow):
    def deeper():
        return deeper()

    try:
        deeper()
    except RecursionError as error:
        annotations = event_of(airflow.task_failure(error)).annotations
    assert len(annotations["traceback"].splitlines()) == 6
    assert annotations["exception"].startswith("RecursionError: ")


def test_what_a_person_gave_the_run_is_shown_without_secrets(airflow):
    context = airflow.task_failure(ValueError("x"))
    context["dag_run"].conf = {"day": "2026-11-22", "api_key": "0123456789abcdef", "rows": list(range(10_000))}
    conf = event_of(context).annotations["conf"]
    assert conf.startswith('{"day": "2026-11-22", "api_key": "***", "rows": [0, 1, 2')
    assert len(conf) <= 500
    context["dag_run"].conf = {}
    assert "conf" not in event_of(context).annotations
