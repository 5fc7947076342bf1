"""The commands of the pages that people begin with, as they stand there: run, or in the list of those that are not."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from real.databases import SQLiteFolder
from real.installation import schedule
from real.server import find, free_port
from real.tables import Database
from real.waiting import until

from windsock.airflow.versions import NEWEST

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/index.md", "docs/start.md", "docs/attach.md")
BLOCK = re.compile(r"^( *)```(sh|yaml)\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)
NOT_RUN = {
    "make demo": "tests/demo runs it: Airflow is installed, which takes minutes",
    "make build": "test_packages.py builds the packages, and installs each into an environment of its own",
    "mkdir ~/windsock-ops && cp dist/*.whl": "the same",
    "pip freeze | grep": "into Airflow's own environment, which tests/real/environments.py makes",
    "windsock alerts build --out alerts          #": "test_pages.py builds from this windsock.yaml",
    "windsock metadata grants": "tests/exporter/database makes the role on a real server",
    "windsock exporter --check-config": "tests/examples starts the exporter; its port is all hosts' here",
    "windsock doctor               #": "it is run below, with servers that there are",
}
"""By how a block begins: where else it is run, or why not here."""


def blocks(page: str, kind: str) -> list[str]:
    found = BLOCK.findall((ROOT / page).read_text())
    return [
        "".join(line.removeprefix(indent) for line in text.splitlines(keepends=True))
        for indent, name, text in found
        if name == kind
    ]


def left_out(block: str) -> bool:
    return block.startswith(tuple(NOT_RUN))


def test_each_block_is_run_or_is_left_out_for_a_reason():
    others = [block for page in PAGES if page != "docs/start.md" for block in blocks(page, "sh")]
    assert [block for block in others if not left_out(block)] == []
    everything = [block for page in PAGES for block in blocks(page, "sh")]
    assert [begin for begin in NOT_RUN if not any(block.startswith(begin) for block in everything)] == []
    assert len([block for block in blocks("docs/start.md", "sh") if not left_out(block)]) == 4


class Shell:
    """A person's: one bash, which keeps what was exported and what was started."""

    def __init__(self, folder: Path, ports: dict[str, int]) -> None:
        self.folder, self._ports, self._blocks = folder, ports, 0
        self._log = folder / "said"
        places = {str(Path(find(one, one)).parent) for one in ("prometheus", "prometheus-alertmanager")}
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                ["bash"],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                text=True,
                start_new_session=True,
                env={
                    "HOME": str(folder),
                    "LANG": "C.UTF-8",
                    "PATH": os.pathsep.join([str(Path(sys.executable).parent), *places, "/usr/bin", "/bin"]),
                    "WINDSOCK__EXPORTER__WEB__LISTEN": f"127.0.0.1:{ports['9102']}",
                    "WINDSOCK__EXPORTER__STATSD__LISTEN": '["udp://127.0.0.1:0"]',
                },
            )

    def fit(self, text: str) -> str:
        """With this machine's free ports, and servers that look each second."""
        for page, port in self._ports.items():
            text = text.replace(f":{page}", f":{port}")
        inbox = f"windsock inbox --listen 127.0.0.1:{self._ports['8025']} --smtp-listen 127.0.0.1:0"
        return text.replace("15s", "1s").replace("windsock inbox", inbox)

    def run(self, block: str) -> str:
        """What a block prints, when its last command has ended or is in the background."""
        self._blocks += 1
        before, mark = self.said(), f"== {self._blocks}"
        self.process.stdin.write(f"{self.fit(block)}\necho '{mark}'\n")
        self.process.stdin.flush()
        until(lambda: f"{mark}\n" in self.said(), 180, why=self.said)
        return self.said().removeprefix(before)

    def said(self) -> str:
        return self._log.read_text(errors="replace")

    def close(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(60)


@pytest.fixture
def shell(tmp_path):
    (tmp_path / "airflow").mkdir()
    database = Database(SQLiteFolder(tmp_path), NEWEST)
    schedule(database)
    Path(database.url.partition("///")[2]).rename(tmp_path / "airflow/airflow.db")
    found = Shell(tmp_path, {port: free_port() for port in ("8025", "8080", "9090", "9093", "9102")})
    yield found
    found.close()


def answers(shell: Shell, port: str) -> bool:
    return requests.get(shell.fit(f"http://127.0.0.1:{port}/"), timeout=60).ok


def test_the_first_quarter_of_an_hour(shell):
    for text in blocks("docs/start.md", "yaml"):
        name = text.partition("\n")[0].removeprefix("# ")
        (shell.folder / name).write_text(shell.fit(text))
    look, servers, ask, preview = (one for one in blocks("docs/start.md", "sh") if not left_out(one))
    assert "airflow_db_" in shell.run(look)
    shell.run(servers)
    for port in ("8025", "9090", "9093", "9102"):
        until(lambda port=port: answers(shell, port), 180, why=shell.said)
    said = shell.run(ask)
    assert not re.search(r"critical (prometheus|alertmanager|exporter|database|callbacks)\.", said), said
    assert "good     test.slack: slack #data-alerts" in said
    until(lambda: "TEST for team" in requests.get(shell.fit("http://127.0.0.1:8025/"), timeout=60).text, 180)
    shell.run(f"{preview.strip()} --listen 127.0.0.1:0 &")
    until(lambda: "preview: http://" in shell.said(), 180, why=shell.said)
