"""Metrics of DAG authors on their way to Airflow's StatsD client; a real Airflow sends them in the exporter's tests."""

from __future__ import annotations

import logging
import subprocess
import sys
from datetime import timedelta
from decimal import Decimal

import pytest

from windsock import metrics
from windsock.airflow import compat
from windsock.teams import DagFacts


@pytest.fixture(autouse=True)
def forget():
    """Each test is a process of its own."""
    for one in (metrics._off, metrics._settings, metrics._team, metrics._say):
        one.cache_clear()


@pytest.fixture
def sent(monkeypatch, tmp_path):
    """What reaches the client, in a task of the DAG `orders`, owned by `data`."""
    calls = []
    monkeypatch.setenv("WINDSOCK__TEAMS__DATA__MATCH__OWNER", "data")
    monkeypatch.delenv("WINDSOCK_CONFIG", raising=False)
    monkeypatch.setattr(compat, "statsd_off", lambda: "")
    monkeypatch.setattr(compat, "running_task", lambda: (DagFacts("orders", ("data",)), "load"))
    monkeypatch.setattr(compat, "send", lambda *call: calls.append(call))
    return calls


BY = {"unit": "", "team": "data", "dag_id": "orders", "task_id": "load"}


def test_each_kind(sent):
    metrics.gauge("loaded", -7, unit="rows")
    metrics.count("rejected")
    metrics.count("rejected", Decimal("2.5"))
    metrics.timing("call", 0.25)
    metrics.timing("call", timedelta(minutes=1))
    assert sent == [
        ("gauge", "custom.loaded", -7, BY | {"unit": "rows"}),
        ("count", "custom.rejected", 1, BY),
        ("count", "custom.rejected", Decimal("2.5"), BY),
        ("timing", "custom.call", 250.0, BY),
        ("timing", "custom.call", 60_000.0, BY),
    ]


def test_timed_says_how_long_it_took_when_it_fails_too(sent):
    with pytest.raises(KeyError), metrics.timed("call"):
        raise KeyError("mine")
    (kind, name, value, _) = sent[0]
    assert (kind, name) == ("timing", "custom.call")
    assert 0 <= value < 5000


@pytest.mark.parametrize(
    "call",
    [
        lambda: metrics.gauge("", 1),
        lambda: metrics.gauge("Rows", 1),
        lambda: metrics.gauge("rows-loaded", 1),
        lambda: metrics.gauge("rows_total", 1),
        lambda: metrics.gauge("call_seconds_count", 1),
        lambda: metrics.gauge("a" * 101, 1),
        lambda: metrics.gauge("rows:1|c\nairflow.ti_failures", 1),
        lambda: metrics.gauge(None, 1),
        lambda: metrics.gauge("rows", "many"),
        lambda: metrics.gauge("rows", None),
        lambda: metrics.gauge("rows", float("nan")),
        lambda: metrics.gauge("rows", float("inf")),
        lambda: metrics.gauge("rows", 10**400),
        lambda: metrics.gauge("rows", 1, unit="m/s"),
        lambda: metrics.gauge("rows", 1, unit=None),
        lambda: metrics.count("rows", -1),
        lambda: metrics.timing("call", -0.1),
        lambda: metrics.timing("call", "1 s"),
    ],
)
def test_a_mistake_is_one_line_and_nothing_is_sent(sent, caplog, call):
    for _ in range(3):
        call()
    assert sent == []
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "is not sent: " in caplog.text


@pytest.mark.parametrize(
    ("place", "problem"),
    [
        ("statsd_off", ImportError("No module named 'airflow'")),
        ("running_task", ValueError("no task is running here")),
        ("send", OSError("network is unreachable")),
    ],
)
def test_what_airflow_raises_never_reaches_the_task(sent, monkeypatch, caplog, place, problem):
    def fail(*_):
        raise problem

    monkeypatch.setattr(compat, place, fail)
    for _ in range(3):
        metrics.count("rows")
        with metrics.timed("call"):
            pass
    assert {record.getMessage() for record in caplog.records} == {
        f"metric {name} is not sent: {type(problem).__name__}: {problem}" for name in ("rows", "call")
    }


def test_statsd_off_is_one_line_in_the_log_of_a_task(sent, monkeypatch, caplog):
    monkeypatch.setattr(compat, "statsd_off", lambda: "Airflow's [metrics] statsd_on is off")
    for _ in range(3):
        metrics.count("rows")
    assert caplog.messages == ["metric rows is not sent: Airflow's [metrics] statsd_on is off"]
    assert sent == []


def test_a_broken_file_means_no_team_and_the_metric_is_sent(sent, monkeypatch, tmp_path, caplog):
    file = tmp_path / "windsock.yaml"
    file.write_text("teams: [")
    monkeypatch.setenv("WINDSOCK_CONFIG", str(file))
    metrics.count("rows")
    assert sent == [("count", "custom.rows", 1, BY | {"team": "default"})]
    assert "windsock.yaml" in caplog.text


def test_a_team_that_no_dialect_could_carry(sent, monkeypatch):
    monkeypatch.delenv("WINDSOCK__TEAMS__DATA__MATCH__OWNER")
    monkeypatch.setattr(metrics, "route", lambda *_: ("Data & Co.", "warning"))
    metrics.count("rows")
    assert sent[0][3]["team"] == "Data___Co_"


def test_outside_of_airflow_it_does_nothing(caplog):
    with caplog.at_level(logging.WARNING):
        metrics.gauge("rows", 1)
    assert "is not sent: ModuleNotFoundError" in caplog.text


def test_importing_it_costs_a_dag_file_nothing():
    code = "import sys, windsock.metrics; print({'pydantic', 'requests', 'yaml', 'airflow'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "set()\n"
