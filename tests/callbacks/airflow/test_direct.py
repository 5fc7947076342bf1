"""A real Airflow that has no Alertmanager: its tasks speak to Slack and the mail server themselves."""

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from real.hostile import Silent

from windsock.demo.inbox import Inbox

DAGS = Path(__file__).parent / "dags"

pytestmark = pytest.mark.timeout(1200)


@pytest.fixture(scope="module")
def inbox(version):
    """Each Airflow has its own."""
    with Inbox() as running:
        yield running


@pytest.fixture(scope="module")
def silent(version):
    """A Slack that never answers; each Airflow has its own."""
    with contextlib.closing(Silent()) as running:
        yield running


@pytest.fixture(scope="module")
def direct(airflow, inbox, silent, tmp_path_factory):
    """The Airflow, a folder, and the variables of the file of DAGs."""
    folder = tmp_path_factory.mktemp("direct")
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
        "SILENT": silent.url,
        "AIRFLOW_CONN_SLACK_BOT": json.dumps({"conn_type": "slack", "password": "xoxb-from-a-connection"}),
    }
    airflow.add("direct.py", (DAGS / "direct.py").read_text(), variables)
    airflow.wait_for_dags("direct.mends", "direct.burst", "direct.killed")
    # A minute passes until its run is told of again: in the meantime the others have theirs.
    run = airflow.trigger("direct.killed")
    assert silent.posted.wait(60), "the callback did not post"
    os.kill(int((folder / "mended.pid").read_text()), signal.SIGKILL)
    assert airflow.finish("direct.killed", run) == "failed"
    return airflow, folder, variables


def test_a_failure_is_told_once_and_ends_resolved(direct, inbox):
    airflow, folder, _ = direct
    run = airflow.trigger("direct.mends")
    assert airflow.finish("direct.mends", run) == "failed"
    message = inbox.wait_for(lambda m: m.platform == "slack" and "direct.mends" in m.text, 120)
    mail = inbox.wait_for(lambda m: m.platform == "mail" and "direct.mends" in m.text, 120)
    for said in ("direct.mends failed: ValueError", "ValueError: <!channel> no rows", "direct.py"):
        assert said in message.text
        assert said in mail.text

    (folder / "mended").touch()
    assert airflow.finish("direct.mends", airflow.trigger("direct.mends")) == "success"
    resolved = inbox.wait_for(lambda m: m.platform == "slack" and "Over: direct.mends failed" in m.text, 120)
    assert resolved.id == message.id, "the first message says that it is over"
    inbox.wait_for(lambda m: m.platform == "mail" and "direct.mends failed (airflow): resolved" in m.text, 120)
    told = [m for m in inbox.messages() if "direct.mends" in m.text]
    assert len(told) == 3, "one in Slack, two mails; the run's own failure is in its task's"
    assert all(m.problems == () for m in told)


def test_twelve_instances_are_one_message(direct, inbox):
    airflow, *_ = direct
    assert airflow.finish("direct.burst", airflow.trigger("direct.burst")) == "failed"
    inbox.wait_for(lambda m: m.platform == "slack" and "direct.burst" in m.text, 120)
    told = [m for m in inbox.messages("slack") if "direct.burst" in m.text]
    assert len(told) == 1, "what fails within a minute of it is told by the next one"


def test_what_was_being_sent_when_its_task_was_killed_is_sent_again_and_says_so(direct, inbox):
    airflow, _, variables = direct
    command = [airflow.place / "bin" / "windsock", "notify", "flush"]

    def told():
        # As cron does, minute by minute.
        subprocess.run(command, env={**airflow.variables, **variables}, check=False, capture_output=True)
        return [m for m in inbox.messages("slack") if "direct.killed" in m.text]

    (message,) = airflow.wait(told, 300, "the message of the killed task")
    assert ", and 1 more" not in message.text, "one try, also where Airflow called twice for it"
    assert "ValueError: killed while it is told" in message.text
    assert "This may be a repeat: its first delivery was interrupted." in message.text
