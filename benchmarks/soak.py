"""An hour with everything against it: does the exporter answer, is each failure told once, does its memory stay?

    python benchmarks/soak.py [--minutes 60] [--rate 4200] [--hostile 20] [--clock 300] [--seed 24]

`windsock exporter` with collector and reconciler, in a process of its own, on a real PostgreSQL and a real Alertmanager
with the generated routes. Airflow's StatsD lines arrive 50 times as fast as they were captured. Meanwhile a sender
means ill, the database freezes for some seconds of each minute (SIGSTOP, TCP stays up), Alertmanager hangs, ends and
comes back, and every `--clock` seconds the exporter's clock is six hours ahead, and then six hours behind, for half a
minute each. Every twenty seconds a DAG fails that no callback tells of, and
half of them succeed later.

Printed each minute, and at the end: scrapes and their times, resident memory, what was dropped, failures and how often
each was told. Exits with 1 where a scrape took more than 2 s, memory grew by more than a tenth since the first quarter,
the kernel dropped more than a hundredth of the datagrams, a failure was told twice or never, or the exporter ended.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import yaml
from soak_senders import assault, replay

from windsock.airflow.versions import NEWEST
from windsock.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from real.alertmanager import Alertmanager, Messages  # noqa: E402  the servers that tests run
from real.databases import Postgres  # noqa: E402
from real.failures import fail, succeed  # noqa: E402
from real.server import free_port  # noqa: E402
from real.tables import Database  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

# Of libfaketime 0.9.10 Python's time.sleep never returns; time-machine moves the clock that Python reads, and no other.
STEPPING = """
import datetime, os, pathlib, runpy, sys, threading, time, time_machine

def follow(file):
    shown, travel = 0, None
    while True:
        ahead = int(file.read_text())
        if ahead != shown:
            if shown:
                travel.stop()
            travel, shown = time_machine.travel(datetime.timedelta(seconds=ahead), tick=True), ahead
            if ahead:
                travel.start()
        time.sleep(0.2)

threading.Thread(target=follow, args=(pathlib.Path(os.environ["SOAK_CLOCK"]),), daemon=True).start()
runpy.run_module("windsock", run_name="__main__")
"""
EACH = 20.0
"""Seconds between two DAGs that fail."""
MENDED_AFTER = 150.0
FROZEN = 15.0
"""Seconds of each minute in which the database does not answer."""
AWAY = 20.0
"""Seconds for which Alertmanager hangs, or is not there."""
STEP = 6 * 3600
STEPPED = 30.0
SETTLED = 240.0
"""Seconds after the last failure in which all has to be told: the callback's time, a freeze, an outage, a wait."""
SLOWEST = 2.0
GROWN = 1.1
LOST = 0.01
_LINES, _LOST = "windsock_lines_total", "windsock_kernel_drops_total"
_DROPS = (_LOST, "windsock_sample_errors_total", "windsock_overflow_total", "windsock_tags_left_out_total")


@dataclass
class Seen:
    """What was measured so far."""

    scrapes: list[float] = field(default_factory=list)
    refused: int = 0
    memory: list[int] = field(default_factory=list)
    """Resident bytes, every five seconds."""
    failed: list[str] = field(default_factory=list)
    mended: list[str] = field(default_factory=list)
    text: str = ""
    broken: list[str] = field(default_factory=list)
    """What of the harness ended early."""


class Exporter:
    """`windsock exporter`, with a clock that can be moved."""

    def __init__(self, folder: Path, url: str, alertmanager: str) -> None:
        self.port, self.web = free_port(socket.SOCK_DGRAM), free_port()
        self.clock, self.log = folder / "clock", folder / "exporter.log"
        self.step(0)
        config = folder / "windsock.yaml"
        sections = {
            "cluster": "prod",
            "exporter": {
                "statsd": {"listen": [f"udp://127.0.0.1:{self.port}"]},
                "web": {"listen": f"127.0.0.1:{self.web}"},
                "state_file": str(folder / "state"),
            },
            "metadata": {"url": "${SOAK_DATABASE}", "interval": "5s"},
            "alertmanager": {"urls": [alertmanager]},
            "reconcile": {"store": str(folder / "reconciler.db")},
        }
        config.write_text(yaml.safe_dump(sections))
        given = {"SOAK_DATABASE": url, "SOAK_CLOCK": str(self.clock)}
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", STEPPING, "exporter", "--config", str(config)],
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**{key: value for key, value in os.environ.items() if not key.startswith("WINDSOCK")}, **given},
            )

    def step(self, seconds: int) -> None:
        """Let it believe that it is so much later."""
        new = self.clock.with_suffix(".new")
        new.write_text(f"{seconds:+d}\n")
        new.rename(self.clock)

    def memory(self) -> int:
        """Resident bytes."""
        return int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def scrape(self) -> tuple[float, str]:
        """Seconds until the whole answer was there, and the answer. Raises OSError."""
        started = time.perf_counter()
        text = requests.get(f"http://127.0.0.1:{self.web}/metrics", timeout=30).text
        return time.perf_counter() - started, text

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)


class Frozen:
    """The database stops for a while of each minute; who writes to it waits for its good time."""

    def __init__(self, server: Postgres) -> None:
        self._server = server
        self.awake = threading.Lock()

    def run(self, done: threading.Event) -> None:
        while not done.wait(60 - FROZEN):
            with self.awake:
                processes = self._processes()
                for pid in processes:
                    os.kill(pid, signal.SIGSTOP)
                done.wait(FROZEN)
                for pid in processes:
                    os.kill(pid, signal.SIGCONT)

    def _processes(self) -> list[int]:
        process = self._server.process
        assert process is not None
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return [process.pid, *map(int, children)]


def flap(alertmanager: Alertmanager, done: threading.Event) -> None:
    """Alertmanager hangs, then ends, in turn; a minute and a half of work between."""
    while not done.wait(90):
        assert alertmanager.process is not None
        os.killpg(alertmanager.process.pid, signal.SIGSTOP)
        done.wait(AWAY)
        os.killpg(alertmanager.process.pid, signal.SIGCONT)
        if done.wait(90):
            return
        alertmanager.stop()
        done.wait(AWAY)
        alertmanager.up()


def move(exporter: Exporter, each: float, done: threading.Event) -> None:
    """Six hours ahead, back, six hours behind, back."""
    while not done.wait(each):
        for seconds in (STEP, 0, -STEP, 0):
            exporter.step(seconds)
            if done.wait(STEPPED):
                break
    exporter.step(0)


def break_dags(database: Database, frozen: Frozen, seen: Seen, until: float, done: threading.Event) -> None:
    """One more DAG fails; one that failed long enough ago succeeds."""
    since: list[tuple[float, str]] = []
    number = 0
    # All are there from the beginning, as DAGs are: what a further one costs in memory is no growth.
    for one in range(1, 1 + int(max(0.0, until - time.monotonic()) / EACH) + 1):
        database.dag(f"dag_{one:04}")
    while time.monotonic() < until and not done.wait(EACH):
        number += 1
        with frozen.awake:
            fail(database, number, f"dag_{number:04}", "load", ended=time.time())
            seen.failed.append(f"dag_{number:04}")
            since.append((time.monotonic(), f"dag_{number:04}"))
            if time.monotonic() - since[0][0] > MENDED_AFTER:
                _, dag = since.pop(0)
                if int(dag[-1]) % 2:
                    succeed(database, dag)
                    seen.mended.append(dag)


def watch(exporter: Exporter, seen: Seen, done: threading.Event) -> None:
    while not done.wait(5):
        seen.memory.append(exporter.memory())
        try:
            seconds, seen.text = exporter.scrape()
        except OSError:
            seen.refused += 1
        else:
            seen.scrapes.append(seconds)


def told(messages: Messages) -> tuple[Counter[str], Counter[str]]:
    """How often each DAG's failure was news, and its end."""
    firing, resolved = messages.news("alertname", "dag_id")
    return tuple(  # type: ignore[return-value]
        Counter({dag: count for (alert, dag), count in found.items() if alert == "AirflowTaskFailed"})
        for found in (firing, resolved)
    )


def dropped(text: str) -> str:
    """The exporter's own counters of what it did not take in, largest first."""
    rows = [row for name in _DROPS for row in _rows(text, name) if row[1]]
    found = sorted(rows, key=lambda row: row[1], reverse=True)
    return ", ".join(f"{name.removeprefix('windsock_')} {value:,.0f}" for name, value in found[:10])


def _rows(text: str, family: str) -> list[tuple[str, float]]:
    rows = (line.rpartition(" ")[::2] for line in text.splitlines() if line.startswith(family))
    return [(name, float(value)) for name, value in rows]


def line(started: float, seen: Seen, messages: Messages) -> str:
    firing, resolved = told(messages)
    slowest = max(seen.scrapes, default=0.0)
    memory = seen.memory[-1] / 1e6 if seen.memory else 0.0
    series = sum(not row.startswith("#") for row in seen.text.splitlines())
    return (
        f"{(time.monotonic() - started) / 60:5.1f} min: {len(seen.scrapes)} scrapes, slowest {slowest:.2f} s, "
        f"{seen.refused} refused; {memory:.0f} MB, {series:,} series; {len(seen.failed)} failed, {len(firing)} told, "
        f"{len(seen.mended)} mended, {len(resolved)} told"
    )


def problems(exporter: Exporter, seen: Seen, messages: Messages) -> list[str]:
    """What did not hold, in words."""
    firing, resolved = told(messages)
    begun = max(1, len(seen.memory) // 4)
    first, rest = max(seen.memory[:begun], default=0), max(seen.memory[begun:], default=0)
    found = [f"told {firing[dag]} times: {dag}" for dag in seen.failed if firing[dag] != 1]
    found += [f"end told {resolved[dag]} times: {dag}" for dag in seen.mended if resolved[dag] != 1]
    found += [f"resolved, though it lasts: {dag}" for dag in resolved if dag not in seen.mended]
    if max(seen.scrapes, default=0) > SLOWEST:
        slow = [seconds for seconds in seen.scrapes if seconds > SLOWEST]
        found.append(f"{len(slow)} scrapes took more than {SLOWEST:g} s, the slowest {max(slow):.1f} s")
    if seen.refused:
        found.append(f"{seen.refused} scrapes were refused")
    if rest > GROWN * first:
        found.append(f"memory grew from {first / 1e6:.0f} to {rest / 1e6:.0f} MB")
    lines, lost = (sum(value for _, value in _rows(seen.text, name)) for name in (_LINES, _LOST))
    if lost > LOST * (lines + lost):
        found.append(f"the kernel dropped {lost:,.0f} datagrams, {lines:,.0f} lines were taken in")
    if exporter.process.poll() is not None:
        found.append("the exporter has ended")
    return found + seen.broken


def guarded(seen: Seen, job: Callable[..., None], *given: Any) -> None:
    """Run a job, and say so if it breaks: what it should have done was not tried any more."""
    try:
        job(*given)
    except Exception as error:  # noqa: BLE001  whatever it is, it spoils the run
        seen.broken.append(f"the soak's own {job.__name__} broke: {error!r}")


def soak(options: argparse.Namespace, folder: Path, postgres: Postgres, messages: Messages) -> list[str]:
    database = Database(postgres, NEWEST)
    alertmanager = Alertmanager(Settings(cluster="prod"), messages)
    exporter = Exporter(folder, database.url, alertmanager.url)
    seen, frozen, done = Seen(), Frozen(postgres), threading.Event()
    started = time.monotonic()
    end = started + options.minutes * 60
    jobs: list[tuple[Any, ...]] = [
        (replay, exporter.port, options.rate),
        (assault, exporter.port, options.hostile, options.seed),
        (frozen.run,),
        (flap, alertmanager),
        (move, exporter, options.clock),
        (break_dags, database, frozen, seen, end - SETTLED),
        (watch, exporter, seen),
    ]
    threads = [threading.Thread(target=guarded, args=(seen, *job, done), daemon=True) for job in jobs]
    try:
        _await(exporter)
        for thread in threads:
            thread.start()
        while time.monotonic() < end and exporter.process.poll() is None:
            time.sleep(min(60.0, max(0.1, end - time.monotonic())))
            print(line(started, seen, messages), flush=True)
        found = problems(exporter, seen, messages)
        print(f"dropped: {dropped(seen.text)}")
    finally:
        done.set()
        for thread in threads:
            if thread.ident is not None:
                thread.join(60)
        exporter.close()
        alertmanager.remove()
    if found:
        print(exporter.log.read_text(errors="replace")[-3000:])
    return found


def _await(exporter: Exporter) -> None:
    for _ in range(300):
        with contextlib.suppress(OSError):
            exporter.scrape()
            return
        time.sleep(0.1)
    sys.exit(f"the exporter did not start: {exporter.log.read_text(errors='replace')[-2000:]}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--rate", type=float, default=4200, help="of Airflow's lines a second: 50 times the captured")
    parser.add_argument("--hostile", type=float, default=20, help="datagrams a second that mean ill")
    parser.add_argument("--clock", type=float, default=300, help="seconds between two times that the clock steps")
    parser.add_argument("--seed", type=int, default=24)
    options = parser.parse_args()
    postgres, messages = Postgres(), Messages()
    try:
        with tempfile.TemporaryDirectory(prefix="windsock-soak-") as folder:
            found = soak(options, Path(folder), postgres, messages)
    finally:
        postgres.remove()
        messages.close()
    print(*found, sep="\n")
    print(f"{len(found)} problems" if found else "it held")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
