"""Where a large Airflow bends first: 10,000 DAGs and a million tasks a day, played faster and faster.

    python benchmarks/fleet.py [--dags N] [--tasks-a-day N] [--speeds N ...] [--seconds N] [--series N]

Runs begin and end in a PostgreSQL of its own, and send what a capture of Airflow has of such a run, so many times as
fast as such a day would; a real exporter with its reader of the database takes both, the newest Prometheus scrapes it
and evaluates the generated rules, in their own intervals. For each speed it prints what each part used of a processor,
and how near each limit was: datagrams lost, a pass, a scrape and a group's evaluation against their intervals, the
series against the budget. The last line says which limit was met first. Everything is on one machine, the load too.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import sqlalchemy as sa
import yaml
from fleet_load import TASKS, Load
from metadata import migrate, postgres
from seed import seed

from exporter import READ_BUFFER, TICK, Contender, await_start

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from real import programs
from real.server import free_port

from windsock.alerts import build
from windsock.parts import PROMETHEUS
from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

EVERY = 15
"""Seconds between two scrapes, passes and evaluations, as they are where nobody sets them."""


@contextlib.contextmanager
def parts(folder: Path, url: str, series: int | None) -> Iterator[tuple[Contender, str, int]]:
    """The exporter, and the Prometheus that scrapes it; ended with the block."""
    port, web, own = (free_port() for _ in range(3))
    settings = {
        "cluster": "fleet",
        "exporter": {
            "web": {"listen": f"127.0.0.1:{web}"},
            "statsd": {"listen": [f"udp://127.0.0.1:{port}"], "read_buffer": READ_BUFFER},
            **({"budgets": {"series": series}} if series else {}),
        },
        "metadata": {"url": "${FLEET_DATABASE}"},
    }
    (folder / "windsock.yaml").write_text(json.dumps(settings))
    (folder / "rules.yml").write_text(build.files(Settings())[build.RULES])
    scrape = {
        "global": {"scrape_interval": f"{EVERY}s", "scrape_timeout": f"{EVERY}s", "evaluation_interval": f"{EVERY}s"},
        "rule_files": ["rules.yml"],
        "scrape_configs": [
            {
                "job_name": "windsock",
                "static_configs": [{"targets": [f"127.0.0.1:{web}"], "labels": {"cluster": "fleet"}}],
            }
        ],
    }
    (folder / "prometheus.yml").write_text(yaml.safe_dump(scrape))
    clean = {key: value for key, value in os.environ.items() if not key.startswith("WINDSOCK")}
    commands = [
        [sys.executable, "-m", "windsock", "exporter", "--config", "windsock.yaml"],
        [
            str(programs.find("prometheus", PROMETHEUS.current)),
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            f"--web.listen-address=127.0.0.1:{own}",
        ],
    ]
    started: list[subprocess.Popen[bytes]] = []
    with (folder / "log").open("wb") as log:
        try:
            for command in commands:
                process = subprocess.Popen(
                    command,
                    stdout=log,
                    stderr=log,
                    cwd=folder,
                    env={**clean, "FLEET_DATABASE": url},
                    start_new_session=True,
                )
                started.append(process)
            contender = Contender("windsock", port, web, started[0])
            await_start(contender)
            yield contender, f"http://127.0.0.1:{own}", started[1].pid
        finally:
            for process in started:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                process.wait(60)


def servers_cpu(url: str) -> float:
    """Seconds of processor time of the PostgreSQL and of all its processes, ended ones too."""
    port = str(sa.engine.make_url(url).port)
    found = 0.0
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if f"port={port}".encode() in (folder / "cmdline").read_bytes():
                main = folder.name
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if folder.name == main:
                found += sum(map(int, fields[11:15])) / TICK
            elif fields[1] == main:
                found += sum(map(int, fields[11:13])) / TICK
    return found


def cpu(process: int) -> float:
    """Seconds of processor time of one process."""
    return sum(map(int, Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[11:13])) / TICK


class Meters:
    """What the parts have used of a processor, and how near their limits they are."""

    COLUMNS = ("exporter", "PostgreSQL", "Prometheus", "the load")
    LIMITS: ClassVar = {
        "a pass over the database": f"max(windsock_metadata_collection_duration_seconds) / {EVERY}",
        "a scrape": f"max(scrape_duration_seconds) / {EVERY}",
        "the budgets of series": "clamp_max(sum(windsock_overflow_total), 1)",
    }
    """How much of each is used up, as a query of Prometheus: of an interval, or 1 where something was kept out."""

    def __init__(self, contender: Contender, prometheus: str, process: int, database: str) -> None:
        self.contender, self._prometheus = contender, prometheus
        self._cpu = (contender.cpu, lambda: servers_cpu(database), lambda: cpu(process), time.process_time)

    def used(self) -> list[float]:
        """Seconds of processor time so far, by column."""
        return [read() for read in self._cpu]

    def limits(self) -> dict[str, float]:
        found = {name: self.asked(query) for name, query in self.LIMITS.items()}
        return {**found, "a group of rules": slowest_group(self._prometheus)}

    def asked(self, query: str) -> float:
        """The value of an instant query; 0 where there is none."""
        address = f"{self._prometheus}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
        rows = json.load(urllib.request.urlopen(address, timeout=60))["data"]["result"]
        return float(rows[0]["value"][1]) if rows else 0.0


def slowest_group(url: str) -> float:
    """How much of its interval the slowest group's evaluation takes."""
    found = json.load(urllib.request.urlopen(f"{url}/api/v1/rules", timeout=60))["data"]["groups"]
    return max((group["evaluationTime"] / group["interval"] for group in found), default=0.0)


def play(load: Load, speed: float, seconds: float, meters: Meters) -> dict[str, float]:
    """Play at one speed for so long, print a row, and return how much of each limit was used up.

    What is measured is the second half, in which as many runs end as begin.
    """
    load.speed = speed
    time.sleep(seconds / 2)
    before, begun, sent = meters.used(), time.monotonic(), load.sent
    dropped, behind = meters.contender.socket()[1], 0.0
    limits: dict[str, float] = {}
    while time.monotonic() - begun < seconds / 2:
        time.sleep(5)
        limits = {name: max(value, limits.get(name, 0.0)) for name, value in meters.limits().items()}
        behind = max(behind, load.behind)
    took = time.monotonic() - begun
    lost = meters.contender.socket()[1] - dropped
    row = [f"{speed:g} x", f"{load.runs_a_second * TASKS * speed:,.0f}", f"{(load.sent - sent) / took:,.0f}"]
    row += [f"{(now - then) / took:.2f}" for now, then in zip(meters.used(), before, strict=True)]
    row += [f"{meters.asked('max(scrape_samples_scraped)'):,.0f}", f"{meters.contender.memory() / 2**20:.0f} MiB"]
    row += [f"{value:.0%}" for value in limits.values()] + [f"{lost:,}", f"{behind:.1f} s"]
    print(f"| {' | '.join(row)} |", flush=True)
    return {**limits, "the kernel's buffer of datagrams": float(lost > 0), "this load": behind / EVERY}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dags", type=int, default=10_000)
    parser.add_argument("--tasks-a-day", type=int, default=1_000_000)
    parser.add_argument("--speeds", type=float, nargs="+", default=[1, 10, 30, 60, 120])
    parser.add_argument("--seconds", type=float, default=90, help="of each speed")
    parser.add_argument("--series", type=int, help="the exporter's budget, where it is not its default")
    options = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="windsock-")))
        url = stack.enter_context(postgres())
        migrate(url, None, str(folder))
        seed(url, options.dags, runs=4, tasks=TASKS)
        meters = Meters(*stack.enter_context(parts(folder, url, options.series)), url)
        load = Load(url, meters.contender.port, options.dags, options.tasks_a_day)
        stack.callback(load.stop)
        print(f"{options.dags:,} DAGs, {options.tasks_a_day:,} tasks a day; Prometheus {PROMETHEUS.current}")
        columns = ["speed", "tasks/s", "datagrams/s", *Meters.COLUMNS, "samples", "exporter", *Meters.LIMITS]
        columns += ["a group of rules", "lost", "load is late"]
        print(f"| {' | '.join(columns)} |\n|{'--:|' * len(columns)}", flush=True)
        reached = ""
        for speed in options.speeds:
            limits = play(load, speed, options.seconds, meters)
            nearest = max(limits, key=lambda name: limits[name])
            if limits[nearest] >= 1 and not reached:
                reached = f"It bends first at {speed:g} x: {nearest}."
    print(reached or f"No limit was met; the nearest was {nearest}, of which {limits[nearest]:.0%} was used.")


if __name__ == "__main__":
    main()
