"""Several workers of one web server: one of them reads the database, all of them answer the same."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from real.forking import Component
from real.waiting import until

from windsock.airflow.versions import NEWEST
from windsock.exporter.plugin import published
from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKERS = """
import json, os, signal, sys
from windsock.exporter.plugin.published import Exposition, UnavailableError
from windsock.settings import Settings
import windsock.exporter.database.collector, sqlalchemy.dialects.postgresql.psycopg2

def serve(url, temporary, pipe):
    os.environ["TMPDIR"] = temporary
    exposition = Exposition(Settings.model_validate({"metadata": {"interval": "1s", "timeout": "2s"}}), url)
    with open(f"{pipe}.asked") as asked, open(f"{pipe}.said", "w") as said:
        for _ in asked:
            try:
                print(exposition.read().decode().replace("\\n", "\\\\n"), file=said, flush=True)
            except UnavailableError as error:
                print(f"unavailable: {error}", file=said, flush=True)

signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # who has ended is gone at once
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.setsid()
        serve(*json.loads(line))
        sys.exit()
    print(child, flush=True)
"""
"""What forks them, as a web server does that has loaded Airflow before."""
PASS = re.compile(r'windsock_metadata_last_success_timestamp_seconds\{query="runs"\} (\S+)')


class Worker:
    def __init__(self, server: subprocess.Popen[str], url: str, folder: Path) -> None:
        pipe = folder.with_name(f"worker-{time.monotonic_ns()}")
        os.mkfifo(f"{pipe}.asked")
        os.mkfifo(f"{pipe}.said")
        print(json.dumps((url, str(folder), str(pipe))), file=server.stdin, flush=True)
        self.process = Component(int(server.stdout.readline()))
        self._asked = Path(f"{pipe}.asked").open("w")  # noqa: SIM115  as long as the worker
        self._said = Path(f"{pipe}.said").open()  # noqa: SIM115

    def read(self) -> str:
        print(file=self._asked, flush=True)
        return self._said.readline().replace("\\n", "\n")

    def end(self) -> None:
        self.process.signal(signal.SIGKILL)
        assert self.process.ended(within=60)
        self._asked.close()
        self._said.close()


@pytest.fixture(scope="module")
def server() -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", WORKERS]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        yield running


@pytest.fixture
def workers(server, tmp_path):
    started: list[Worker] = []

    def start(url: str, number: int, folder: str = "one-host") -> list[Worker]:
        (tmp_path / folder).mkdir(exist_ok=True)
        new = [Worker(server, url, tmp_path / folder) for _ in range(number)]
        started.extend(new)
        return new

    yield start
    for one in started:
        if not one.process.ended():
            one.end()


@pytest.fixture
def url(postgres) -> str:
    name = f"published_{time.monotonic_ns()}"
    postgres.create(name)
    with postgres.admin(name).begin() as connection:
        schema = Path(__file__).parents[2] / f"data/schemas/airflow-{NEWEST}-postgresql.sql"
        connection.exec_driver_sql(schema.read_text())
    return postgres.url(name)


def connections(postgres, url: str) -> int:
    text = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'windsock' AND datname = %s"
    with postgres.admin("postgres").connect() as connection:
        return connection.exec_driver_sql(text, (url.rpartition("/")[2],)).scalar()


def test_one_reads_and_all_serve_the_same(workers, postgres, url):
    several = workers(url, 3)
    texts = [one.read() for one in several]
    assert all("\nairflow_db_up 1\n" in text and "\nwindsock_metadata_leader 1\n" in text for text in texts)
    assert connections(postgres, url) == 1


def test_when_the_one_that_reads_ends_another_takes_over(workers, url):
    first, second = workers(url, 2)
    first.read()
    before = float(PASS.search(second.read())[1])
    first.end()
    until(lambda: float((PASS.search(second.read()) or [0, 0])[1]) > before + 0.5)


def test_of_several_hosts_one_leads(workers, url):
    (here,), (there,) = workers(url, 1, "here"), workers(url, 1, "there")
    assert "\nwindsock_metadata_leader 1\n" in here.read()
    text = there.read()
    assert "\nwindsock_metadata_leader 0\n" in text
    assert "airflow_db_" not in text


def test_a_reader_that_hangs_is_told_from_one_that_works(workers, url):
    first, second = workers(url, 2)
    first.read()
    first.process.signal(signal.SIGSTOP)
    until(lambda: second.read().startswith("unavailable: the collector has not finished a pass"), why=second.read)
    first.process.signal(signal.SIGCONT)


def test_a_disk_that_is_full_is_survived(workers, url, tmp_path):
    (one,) = workers(url, 1)
    one.read()
    (folder,) = (tmp_path / "one-host").iterdir()
    (blocked,) = (file.with_suffix(".new") for file in folder.glob("*.prom"))
    blocked.mkdir()  # nothing can be written there
    until(lambda: one.read().startswith("unavailable: "))
    blocked.rmdir()
    until(lambda: "airflow_db_up 1" in one.read())


def test_a_database_that_is_away_is_said_so(workers):
    (one,) = workers("postgresql://nobody@127.0.0.1:1/airflow", 1)
    assert "\nairflow_db_up 0\n" in one.read()


@pytest.mark.parametrize("kind", ["open to others", "a link", "a file"])
def test_a_folder_that_someone_else_may_have_made_is_refused(monkeypatch, tmp_path, kind):
    monkeypatch.setattr(published.tempfile, "gettempdir", lambda: str(tmp_path))
    folder = tmp_path / f"windsock-{os.getuid()}"
    if kind == "open to others":
        folder.mkdir()
        folder.chmod(0o777)
    elif kind == "a link":
        (tmp_path / "elsewhere").mkdir(mode=0o700)
        folder.symlink_to(tmp_path / "elsewhere")
    else:
        folder.write_text("")
    with pytest.raises(published.UnavailableError):
        published.Exposition(Settings(), "sqlite:////nowhere").read()


def test_a_url_that_can_not_be_used_is_said_without_its_password(monkeypatch, tmp_path):
    monkeypatch.setattr(published.tempfile, "gettempdir", lambda: str(tmp_path))
    with pytest.raises(published.UnavailableError) as caught:
        published.Exposition(Settings(), "oracle://me:secret@db/airflow").read()
    assert "secret" not in str(caught.value)
