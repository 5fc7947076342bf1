"""The Airflow that the tests share, and where it tells what fails."""

from __future__ import annotations

import contextlib
import json
import os
import signal
from pathlib import Path

import pytest
from real.hostile import Silent

from windsock.demo.inbox import Inbox

from .processes import sandboxes

DAGS = Path(__file__).parent / "dags"


@pytest.fixture(scope="session")
def version(shared):
    return shared.version


@pytest.fixture(scope="session")
def place(shared):
    return shared.place


@pytest.fixture(scope="session")
def airflow(shared):
    return shared.airflow


@pytest.fixture(scope="session")
def inbox(version):
    """Each Airflow has its own."""
    with Inbox() as running:
        yield running


@pytest.fixture(scope="session")
def silent(version):
    """A Slack that never answers; each Airflow has its own."""
    with contextlib.closing(Silent()) as running:
        yield running


@pytest.fixture(scope="session")
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
    airflow.wait(lambda: pid in sandboxes(airflow).values(), 120, "the process that renders them")
    os.kill(pid, signal.SIGKILL)
    assert silent.posted.wait(300), "the callback did not post"
    os.kill(int((folder / "mended.pid").read_text()), signal.SIGKILL)
    assert {airflow.finish("direct.killed", run), airflow.finish("direct.endless", endless)} == {"failed"}
    return airflow, folder, variables
