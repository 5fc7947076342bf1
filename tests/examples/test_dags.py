"""The examples in real Airflows: what their DAGs tell to whom, and measure, and whether each option is known."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import pytest
import requests
import yaml
from real.airflow import Airflow
from real.waiting import until

from windsock.demo.inbox import Inbox

EXAMPLES = Path(__file__).parents[2] / "examples"
DAGS = {file.name: file.read_text() for file in sorted((EXAMPLES / "dags").glob("*.py"))}
ONLY = {"deadline.py": "3", "sla.py": "2"}
"""What only one major version of Airflow can import."""
RUN = """
import json
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models.dagbag import DagBag

bag = DagBag()
assert not bag.import_errors, bag.import_errors
# Not orders_by_six: Airflow itself can't make the run of a DAG that has a deadline in dag.test().
for dag_id in ("orders_daily", "settlements", "settlements_trial", "orders_checked", "orders_measured"):
    run = bag.dags[dag_id].test(run_conf={"rows": 0})
    print("RESULT" + json.dumps({dag_id: run.state}))
"""
LATE = {
    "3": """
import asyncio, importlib

(deadline,) = bag.dags["orders_by_six"].deadline
module, _, name = deadline.callback.path.rpartition(".")
context = {"dag_run": {"dag_id": "orders_by_six", "dag_run_id": "r"}, "deadline": {"id": "1"}}
asyncio.run(getattr(importlib.import_module(module), name)(context=context, **deadline.callback.kwargs))
""",
    "2": """
from datetime import datetime, timezone
from airflow.models.slamiss import SlaMiss

dag = bag.dags["orders_in_time"]
missed = [SlaMiss(task_id="load", dag_id=dag.dag_id, execution_date=datetime(2026, 1, 2, tzinfo=timezone.utc))]
dag.sla_miss_callback(dag, "load", "", missed, [])
""",
}


@dataclass
class Ran:
    """What came of all examples in one Airflow."""

    major: str
    states: dict[str, str]
    """Of the runs, by DAG."""
    told: set[str]
    """How the messages in Slack's #payments begin."""
    mailed: set[str]
    metrics: str
    """The exposition of the exporter that Airflow's StatsD lines go to."""


@pytest.fixture(scope="module")
def ran(shared, tmp_path_factory):
    version = shared.version
    dags = {name: text for name, text in DAGS.items() if ONLY.get(name, version[0]) == version[0]}
    with Inbox() as inbox:
        variables = {
            # The example as it stands, with the inbox in place of Slack and the mail server.
            "WINDSOCK_CONFIG": str(EXAMPLES / "windsock" / "direct.yaml"),
            "SLACK_TOKEN": "xoxb-for-tests",
            "WINDSOCK__CHANNELS__SLACK__API_URL": inbox.addresses["slack_api"],
            "WINDSOCK__CHANNELS__EMAIL__SMARTHOST": inbox.addresses["smtp"],
            "WINDSOCK__CHANNELS__EMAIL__TLS": "false",
            "WINDSOCK__CALLBACKS__SPOOL__DIR": str(tmp_path_factory.mktemp("spool")),
        }
        airflow = Airflow(version, dags, variables)  # never started: its process is a child of the other's
        variables = {**shared.airflow.variables, **airflow.variables, "AIRFLOW_HOME": str(airflow.folder)}
        try:
            printed = shared.airflow.python(RUN + LATE[version[0]], variables)
        finally:
            airflow.remove()
        lines = [line.removeprefix("RESULT") for line in printed.splitlines() if line.startswith("RESULT")]
        yield Ran(
            version[0],
            {dag_id: state for line in lines for dag_id, state in json.loads(line).items()},
            {_beginning(message.text) for message in inbox.messages("slack", "#payments")},
            {_beginning(message.text) for message in inbox.messages("mail")},
            arrived(shared.exporter, "airflow_custom_orders_rejected_total"),
        )


def _beginning(text):
    """Whose failure a message tells, and what it was."""
    return " ".join(text.split()[:2]).rstrip(":")


def arrived(exporter, name):
    """What is exposed, once the metric is."""

    def text():
        return requests.get(exporter.web.url, timeout=60).text

    return until(lambda: f"\n{name}{{" in (found := text()) and found, why=text)


def test_every_dag_is_imported_and_runs_to_the_end_that_it_says(ran):
    assert ran.states == {
        "orders_daily": "failed",
        "settlements": "failed",
        "settlements_trial": "failed",
        "orders_checked": "success",
        "orders_measured": "success",
    }


def test_the_team_is_told_of_each_failure_once_in_each_of_its_channels(ran):
    late = "orders_by_six" if ran.major == "3" else "orders_in_time"
    assert ran.told == {
        "orders_daily failed",  # which stands for its run
        "settlements failed",  # and nothing of settlements_trial, which has the tag windsock:off
        "orders_checked has",  # bad data
        f"{late} missed",  # its deadline, or the tasks of the SLA
    }
    assert ran.mailed == ran.told


def test_the_numbers_of_a_dag_are_exposed_with_its_team(ran):
    whose = 'dag_id="orders_measured",task_id="load",team="payments"'
    assert f'airflow_custom_orders_loaded{{{whose},unit="rows"}} 0' in ran.metrics
    assert f"airflow_custom_orders_rejected_total{{{whose}" in ran.metrics
    assert f"airflow_custom_warehouse_copy_seconds_count{{{whose}" in ran.metrics


def test_each_example_says_what_it_is_for():
    assert len(DAGS) == 6
    for name, text in DAGS.items():
        assert text.startswith('"""'), name


OPTIONS = """
import json
from airflow.configuration import conf
print("UNKNOWN" + json.dumps([name for name in GIVEN if conf.get_default_value("metrics", name) is None]))
"""


def test_airflow_knows_each_option_of_the_helm_values(shared):
    values = yaml.safe_load((EXAMPLES / "helm" / "values.yaml").read_text())
    options = list(values["config"]["metrics"])
    assert options
    assert "UNKNOWN[]" in shared.airflow.python(f"GIVEN = {options!r}\n{OPTIONS}")
    assert 'UNKNOWN["statsd_nothing"]' in shared.airflow.python(f"GIVEN = ['statsd_nothing']\n{OPTIONS}")
