"""A real Airflow that has no Alertmanager: its tasks speak to Slack and the mail server themselves."""

import json
from pathlib import Path

import pytest

from windsock.inbox import Inbox

DAGS = Path(__file__).parent / "dags"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def inbox():
    with Inbox() as running:
        yield running


@pytest.fixture(scope="module")
def airflow(run_airflow, inbox, tmp_path_factory):
    folder = tmp_path_factory.mktemp("straight")
    config = folder / "windsock.yaml"
    sections = {
        "channels": {
            "slack": {"api_url": inbox.addresses["slack_api"], "token": "slack_bot"},
            "email": {"smarthost": inbox.addresses["smtp"], "tls": False},
        },
        "teams": {"pay": {"match": {"tag": "team:pay"}, "slack": "#pay", "email": "pay@example.org"}},
        "callbacks": {"spool": {"dir": str(folder / "state")}},
    }
    config.write_text(json.dumps(sections))
    variables = {
        "WINDSOCK_CONFIG": str(config),
        "MENDED": str(folder / "mended"),
        "AIRFLOW_CONN_SLACK_BOT": json.dumps({"conn_type": "slack", "password": "xoxb-from-a-connection"}),
    }
    running = run_airflow("3.3.2", dags={"straight.py": (DAGS / "straight.py").read_text()}, variables=variables)
    running.wait_for_dags("straight.mends", "straight.burst")
    return running, folder


def test_a_failure_is_told_once_and_ends_resolved(airflow, inbox):
    running, folder = airflow
    run = running.trigger("straight.mends")
    assert running.finish("straight.mends", run) == "failed"
    message = inbox.wait_for(lambda m: m.platform == "slack" and "straight.mends" in m.text, 20)
    mail = inbox.wait_for(lambda m: m.platform == "mail" and "straight.mends" in m.text, 20)
    for said in ("[FIRING] AirflowTaskFailed straight.mends", run, "ValueError: <!channel> no rows", "straight.py"):
        assert said in message.text
        assert said in mail.text

    (folder / "mended").touch()
    assert running.finish("straight.mends", running.trigger("straight.mends")) == "success"
    resolved = inbox.wait_for(lambda m: m.platform == "slack" and "[RESOLVED]" in m.text, 20)
    assert resolved.id == message.id, "the first message says that it is over"
    inbox.wait_for(lambda m: m.platform == "mail" and "straight.mends (airflow): resolved" in m.text, 20)
    told = [m for m in inbox.messages() if "straight.mends" in m.text]
    assert len(told) == 3, "one in Slack, two mails; the run's own failure is in its task's"
    assert all(m.problems == () for m in told)


def test_twelve_instances_are_one_message(airflow, inbox):
    running, _ = airflow
    assert running.finish("straight.burst", running.trigger("straight.burst")) == "failed"
    inbox.wait_for(lambda m: m.platform == "slack" and "straight.burst" in m.text, 20)
    told = [m for m in inbox.messages("slack") if "straight.burst" in m.text]
    assert len(told) == 1
