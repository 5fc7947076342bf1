"""A real Airflow that has no Alertmanager: its tasks speak to Slack and the mail server themselves."""

import contextlib
import json
import os
import signal
import subprocess
from itertools import pairwise
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
        # On a busy machine twelve processes wait long for their turn at what is known of the run.
        "callbacks": {"budget": 18, "spool": {"dir": str(folder / "state")}},
    }
    config.write_text(json.dumps(sections))
    variables = {
        "WINDSOCK_CONFIG": str(config),
        "MENDED": str(folder / "mended"),
        "SILENT": silent.url,
        "AIRFLOW_CONN_SLACK_BOT": json.dumps({"conn_type": "slack", "password": "xoxb-from-a-connection"}),
    }
    airflow.add("direct.py", (DAGS / "direct.py").read_text(), variables)
    airflow.wait_for_dags("direct.mends", "direct.burst", "direct.killed", "direct.endless")
    # A minute passes until its run is told of again: in the meantime the others have theirs.
    run, endless = airflow.trigger("direct.killed"), airflow.trigger("direct.endless")
    pid = int(airflow.wait((folder / "mended.endless").read_text, 120, "the task whose words have no end"))
    airflow.wait(lambda: pid in _sandboxes(airflow).values(), 120, "the process that renders them")
    os.kill(pid, signal.SIGKILL)
    assert silent.posted.wait(300), "the callback did not post"
    os.kill(int((folder / "mended.pid").read_text()), signal.SIGKILL)
    assert {airflow.finish("direct.killed", run), airflow.finish("direct.endless", endless)} == {"failed"}
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


def test_words_of_ones_own_are_made_in_a_tasks_process(direct, inbox):
    """It is one with signals, files and standard streams of Airflow's; a template is made in a process below it."""
    airflow, *_ = direct
    assert airflow.finish("direct.worded", airflow.trigger("direct.worded")) == "failed"
    said = "In our own words: words of direct.worded, ValueError: no rows"
    inbox.wait_for(lambda m: m.platform == "slack" and said in m.text, 120)
    airflow.wait(lambda: not _sandboxes(airflow), 60, "the end of its process")


def test_twelve_instances_are_one_message(direct, inbox):
    airflow, *_ = direct
    assert airflow.finish("direct.burst", airflow.trigger("direct.burst")) == "failed"
    inbox.wait_for(lambda m: m.platform == "slack" and "direct.burst" in m.text, 120)
    told = sorted(m.received_at for m in inbox.messages("slack") if "direct.burst" in m.text)
    assert all(later - earlier > 50 for earlier, later in pairwise(told)), "those of a minute are told by the next one"


@pytest.mark.parametrize(
    ("dag_id", "said"),
    [
        ("direct.killed", ("ValueError: killed while it is told",)),
        ("direct.endless", ("ValueError: killed while its words are made", "the template failed: it takes too long")),
    ],
)
def test_what_was_being_told_when_its_task_was_killed_is_told_again_and_says_so(direct, inbox, dag_id, said):
    airflow, _, variables = direct
    command = [airflow.place / "bin" / "windsock", "notify", "flush"]
    airflow.wait(lambda: not _sandboxes(airflow), 60, "the end of what the killed task had begun")

    def told():
        # As cron does, minute by minute: each is a process.
        subprocess.run(command, env={**airflow.variables, **variables}, check=False, capture_output=True)
        return [m for m in inbox.messages("slack") if dag_id in m.text]

    (message,) = airflow.wait(told, 400, "the message of the killed task", every=3)
    assert ", and 1 more" not in message.text, "one try, also where Airflow called twice for it"
    assert f"{dag_id} failed" in message.text
    assert "This may be a repeat: its first delivery was interrupted." in message.text
    assert all(text in message.text for text in said)


def _sandboxes(airflow):
    """The processes of this Airflow that render a template, each with its parent."""
    found = {}
    for place in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            command = (place / "cmdline").read_bytes()
            if b"sandbox.py" in command and os.fsencode(airflow.place) in command:
                found[int(place.name)] = int((place / "stat").read_text().rpartition(")")[2].split()[1])
    return found
