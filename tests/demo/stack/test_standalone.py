"""The process whose children are Airflow's components, with an `airflow` that only says what it was called with.

A real one comes up in tests/e2e.
"""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest
from real.waiting import until

from windsock.demo.stack.standalone import COMPONENTS

AIRFLOW = """
import os, signal, sys

def main():
    print("begun", *sys.argv[1:], flush=True)
    if sys.argv[1] == "db":
        return int(os.environ.get("DATABASE", 0))
    if sys.argv[1] == os.environ.get("ENDS"):
        return 3
    signal.pause()
"""
REST = {
    "airflow/__init__.py": "",
    "airflow/__main__.py": AIRFLOW,
    "airflow/providers_manager.py": "from unittest.mock import Mock\nProvidersManager = Mock()\n",
    "setproctitle.py": "def getproctitle(): pass\ndef setproctitle(title): print('title', title, flush=True)\n",
}


@pytest.fixture
def start(tmp_path):
    for name, text in REST.items():
        (tmp_path / "packages" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "packages" / name).write_text(text)
    (tmp_path / "tmp").mkdir()
    # What lies about in its working folder is no module of Airflow's.
    (tmp_path / "tmp" / "airflow.py").write_text("raise SystemExit('not this one')")
    started = []

    def begin(*arguments, **variables):
        with (tmp_path / "out").open("wb") as out:
            started.append(
                subprocess.Popen(
                    [sys.executable, "-m", "windsock.demo.stack.standalone", *arguments],
                    cwd=tmp_path / "tmp",
                    env={"PYTHONPATH": str(tmp_path / "packages"), "PATH": "/usr/bin:/bin", **variables},
                    stdout=out,
                    stderr=out,
                )
            )
        return started[-1], (tmp_path / "out").read_text

    yield begin
    for one in started:
        one.kill()
        one.wait()


def begun(said):
    return {line.removeprefix("begun ") for line in said().splitlines() if line.startswith("begun ")}


def test_the_database_is_made_and_each_component_runs_under_its_name_until_it_is_told(start):
    process, said = start("standalone")
    until(lambda: begun(said) == {"db migrate", *COMPONENTS}, why=said)
    # Where the doctor looks for them.
    airflow = Path(sys.executable).with_name("airflow")
    assert {line for line in said().splitlines() if line.startswith("title")} >= {
        f"title {airflow} {name}" for name in COMPONENTS
    }
    process.send_signal(signal.SIGTERM)
    process.wait(60)
    assert "has ended: so do the others" in said()


@pytest.mark.parametrize("name", COMPONENTS)
def test_where_one_ends_the_others_do_and_it_is_said(start, name):
    process, said = start("standalone", ENDS=name)
    assert process.wait(60) == 3, said()
    assert f"airflow {name} has ended: so do the others" in said()


def test_where_the_database_can_not_be_made_nothing_starts(start):
    process, said = start("standalone", DATABASE="1")
    assert process.wait(60) == 1
    assert begun(said) == {"db migrate"}
    assert "the database can't be made" in said()


def test_with_other_arguments_it_is_airflow(start):
    process, said = start("db", "check", DATABASE="4")
    assert process.wait(60) == 4
    assert said() == "begun db check\n"
