"""Which queries of the dashboards a real Airflow gives nothing to, and what makes them say something.

    python benchmarks/panels.py [--airflow VERSION] [--minutes N] [--incident N] [--out FILE]

Starts `windsock up` without an Airflow, and beside it a real one with a PostgreSQL and the DAGs of zoo_dags.py. After
so many minutes every query of every panel is asked, of all DAGs; then things go wrong (panels_dags.py, a file that
can't be imported, a backfill, a DAG that is paused), and all are asked once more. Prints each query that found nothing
the first time: whether the incident filled it, else why it can't have anything. Exits with 1 where nobody knows why.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import socket
import subprocess
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
import zoo
from real.airflow import Airflow
from real.databases import Postgres
from real.server import free_port

from windsock.airflow.versions import NEWEST
from windsock.dashboards import asking, build, targets
from windsock.dashboards.silent import why
from windsock.settings.root import Prometheus

if TYPE_CHECKING:
    from collections.abc import Iterator

HERE = Path(__file__).resolve().parent
RANGE = 900
"""Seconds: of the boards, from the end."""
PROMISES = {
    "lake.orders": {"fresh_within": "26h", "finish_by": "23:59 UTC"},
    "fails": {"fresh_within": "2m", "finish_by": "00:01 UTC"},
}
Found = dict[tuple[str, str, str], asking.Answer]
"""By file, panel and letter."""


@contextlib.contextmanager
def stack(home: Path, database: str, statsd: int) -> Iterator[dict[str, Any]]:
    """`windsock up` without an Airflow; gives the windsock.yaml that is in force."""
    config = {
        "cluster": "zoo",
        "metadata": {"url": "${DATABASE}", "interval": f"{zoo.INTERVAL}s"},
        "exporter": {
            "web": {"listen": f"127.0.0.1:{free_port()}"},
            "statsd": {"listen": [f"udp://127.0.0.1:{statsd}"]},
        },
        "slo": PROMISES,
    }
    (home / "windsock.yaml").write_text(json.dumps(config))
    folder = home / ".windsock"
    command = ["up", "--airflow", "none", "--home", str(folder), "--config", str(home / "windsock.yaml")]
    with (home / "up.log").open("wb") as log:
        process = subprocess.Popen(
            [str(zoo.BIN / "windsock"), *command],
            env={**os.environ, "DATABASE": database},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        end = time.monotonic() + 300
        while "preview is ready" not in (home / "up.log").read_text():
            if process.poll() is not None or time.monotonic() > end:
                raise SystemExit((home / "up.log").read_text())
            time.sleep(1)
        effective: dict[str, Any] = yaml.safe_load((folder / "run" / "windsock.yaml").read_text())
        yield effective
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)


def asked(url: str) -> Found:
    """Ask every query of every panel, of all DAGs."""
    server = asking.Server(Prometheus(urls=(url,)), 5)
    found: Found = {}
    for name, text in build.files().items():
        board = json.loads(text)
        chosen = dict.fromkeys({"dag_id", "task_id"} & targets.values(board).keys(), ".*")
        for answer in server.answers(board, RANGE, chosen=chosen):
            if answer.problem:
                raise SystemExit(f"{name}: {answer.target}: {answer.problem}")
            if not answer.target.variable:
                found[name, answer.target.place, answer.target.ref] = answer
    return found


def incident(airflow: Airflow) -> None:
    """All that goes wrong at once."""
    airflow.run("pools", "set", "narrow", "1", "one at a time")
    airflow.add("incident.py", (HERE / "panels_dags.py").read_text())
    # Without these words Airflow takes a file for none of its.
    airflow.add("broken.py", "import airflow, a_dag_that_is_not_there\n")
    airflow.pause("report")
    days = {"from_date": "2026-01-02T00:00:00Z", "to_date": "2026-01-02T00:30:00Z", "max_active_runs": 2}
    with contextlib.suppress(OSError):
        airflow.api("POST", "/backfills", {"dag_id": "waits", **days})


def place(version: str) -> Path | None:
    """The environment of zoo.py, with windsock in it: the DAGs of the incident have its callbacks."""
    home = zoo.place(version)
    if home is not None:
        install = [str(zoo.BIN / "uv"), "pip", "install", "--quiet", "--no-deps", "--python", f"{home}/bin/python"]
        subprocess.run([*install, str(zoo.ROOT)], check=True)
    return home


def measure(version: str, minutes: float, more: float, home: Path, server: Postgres) -> tuple[list[str], int]:
    database, statsd = server.create("airflow"), free_port(socket.SOCK_DGRAM)
    dags = {"zoo.py": (HERE / "zoo_dags.py").read_text()}
    with stack(home, database, statsd) as effective:
        url = effective["prometheus"]["urls"][0]
        options = {**zoo.variables(statsd), "WINDSOCK_CONFIG": str(home / ".windsock" / "run" / "windsock.yaml")}
        airflow = Airflow(version, dags, options, database, place(version))
        try:
            airflow.start()
            time.sleep(minutes * 60)
            before = asked(url)
            incident(airflow)
            time.sleep(more * 60)
            after = asked(url)
        finally:
            airflow.remove()
    return table(version, before, after)


def table(version: str, before: Found, after: Found) -> tuple[list[str], int]:
    silent = [key for key, answer in before.items() if not answer.series]
    lines = ["| board | panel | query | after the incident |", "|---|---|---|---|"]
    counted: Counter[str] = Counter()
    for key in silent:
        series, reason = after[key].series, why(version, after[key].expr)
        unsent = reason.startswith(f"Airflow {version} ")
        counted[
            "filled by the incident"
            if series
            else "not sent by this version"
            if unsent
            else "with another reason"
            if reason
            else "unexplained"
        ] += 1
        said = f"{series} series" if series else reason or "**nobody knows why**"
        lines.append(f"| {key[0].removesuffix('.json')} | {key[1]} | {key[2]} | {said} |")
    sums = ", ".join(f"{number} {what}" for what, number in counted.items())
    head = f"Airflow {version}: {len(before)} queries, {len(silent)} of them empty with the zoo's DAGs: {sums}"
    return [head, "", *lines], counted["unexplained"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--airflow", metavar="VERSION", default=NEWEST)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--incident", type=float, default=5, help="minutes")
    parser.add_argument("--out", type=Path, help="also write the table there")
    options = parser.parse_args()
    server = Postgres()
    try:
        with tempfile.TemporaryDirectory(prefix="windsock-panels-") as folder:
            lines, unknown = measure(options.airflow, options.minutes, options.incident, Path(folder), server)
    finally:
        server.remove()
    print("\n".join(lines))
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")
    raise SystemExit(int(bool(unknown)))


if __name__ == "__main__":
    main()
