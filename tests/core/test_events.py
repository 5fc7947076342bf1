"""What makes two alert events the same, and what Alertmanager is sent."""

from __future__ import annotations

import inspect
from datetime import datetime, timedelta, timezone

import pytest

from windsock import events
from windsock.events import Event, rfc3339, unix

EVENT = Event(
    alertname=events.TASK_FAILED,
    cluster="prod",
    dag_id="orders",
    run_id="scheduled__2026-11-22T10:00:00+00:00",
    task_id="load",
    team="payments",
    severity="critical",
    annotations={"summary": "it broke", "try_number": "2 of 3", "map_index": "7", "empty": ""},
)
NOW = datetime(2026, 11, 22, 11, 0, 0, 123456, tzinfo=timezone(timedelta(hours=1)))


def test_the_identity_says_which_failure_it_is_and_nothing_else():
    assert EVENT.identity == {
        "alertname": "AirflowTaskFailed",
        "cluster": "prod",
        "dag_id": "orders",
        "task_id": "load",
        "run_id": "scheduled__2026-11-22T10:00:00+00:00",
    }


def test_labels_add_what_routes_the_alert():
    assert EVENT.labels == {**EVENT.identity, "team": "payments", "severity": "critical"}
    assert EVENT._replace(team="", severity="").labels == EVENT.identity


@pytest.mark.parametrize("annotation", ["map_index", "try_number", "hostname", "failed_at", "summary"])
def test_what_differs_between_tries_is_not_part_of_it(annotation):
    other = EVENT._replace(annotations={**EVENT.annotations, annotation: "different"})
    assert other.labels == EVENT.labels


def test_no_field_could_carry_a_map_index_a_try_a_host_or_a_time():
    assert set(inspect.signature(Event).parameters) == {
        "alertname", "cluster", "dag_id", "run_id", "task_id", "deadline", "team", "severity", "annotations",
        "check", "storm",
    }  # fmt: skip


def test_a_run_has_no_task_and_a_deadline_has_its_name():
    run = Event(events.DAG_RUN_FAILED, "prod", "orders", "r1")
    assert set(run.identity) == {"alertname", "cluster", "dag_id", "run_id"}
    late = Event(events.DEADLINE_MISSED, "prod", "orders", "r1", deadline="done by 6")
    assert late.identity["deadline"] == "done by 6"


def test_what_alertmanager_takes():
    assert EVENT.alert(NOW, generator_url="https://airflow/log") == {
        "labels": EVENT.labels,
        "annotations": {"summary": "it broke", "try_number": "2 of 3", "map_index": "7"},
        "startsAt": "2026-11-22T10:00:00.123Z",
        "endsAt": "2026-11-23T10:00:00.123Z",
        "generatorURL": "https://airflow/log",
    }
    assert "generatorURL" not in EVENT.alert(NOW)


def test_times_are_utc():
    assert rfc3339(NOW) == "2026-11-22T10:00:00.123Z"
    assert rfc3339(datetime(2026, 1, 1, tzinfo=timezone.utc)) == "2026-01-01T00:00:00.000Z"


def test_alertnames_are_names_for_prometheus():
    assert len(set(events.ALERTNAMES)) == len(events.ALERTNAMES)
    assert all(name.isidentifier() and name.startswith("Airflow") for name in events.ALERTNAMES)


@pytest.mark.parametrize("text", ["2026-11-22T10:00:00.123Z", "2026-11-22T11:00:00.123000456+01:00"])
def test_times_are_read_as_senders_and_alertmanager_write_them(text):
    assert unix(text) == pytest.approx(1795341600.123, abs=1e-6)


def test_what_is_no_time_is_an_error():
    with pytest.raises(ValueError, match="Invalid isoformat"):
        unix("")
