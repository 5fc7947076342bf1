"""Datagrams made to stop the exporter or to fill its memory: it answers, stays small, and counts what it refused."""

from __future__ import annotations

import contextlib
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import requests
from real.command import without_settings

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MIB = 1 << 20
MOST_MEMORY = 256 * MIB
PATIENCE = 15.0
"""Seconds until an answer, on a busy machine; unbounded work took 20 and more on a quiet one."""
KNOWN = b"airflow.scheduler_heartbeat:1|c"
HEARTBEAT = "airflow_scheduler_heartbeat"
LOOP = b"airflow.scheduler.scheduler_loop_duration"


class Exporter:
    """`windsock exporter`, fed over a unix socket: a full one makes the sender wait, so that nothing is lost."""

    def __init__(self, folder: Path, *options: str) -> None:
        self.known = 0
        """How many of `KNOWN` were sent."""
        self.scraped = 0
        """The length of the last scrape."""
        self.path = folder / "statsd.sock"
        listen = (f"--statsd-listen=unixgram://{self.path}", "--web-listen=127.0.0.1:0")
        with (folder / "log").open("w") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "windsock", "exporter", *listen, *options],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,
                cwd=folder,
                env=without_settings(),
            )
        greeting = self.process.stdout.readline()
        self.url = re.search(r"http://[^/]+", greeting)[0]
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.connect(str(self.path))

    def send(self, datagrams: Iterable[bytes]) -> int:
        """Returns how many."""
        count = 0
        for datagram in datagrams:
            self.socket.send(datagram)
            count += 1
        return count

    def get(self, path: str) -> str:
        answer = requests.get(self.url + path, timeout=PATIENCE)
        answer.raise_for_status()
        return answer.text

    def figures(self) -> dict[str, float]:
        """What it says of itself, and the lines `KNOWN`."""
        text = self.get("/metrics")
        self.scraped = len(text)
        lines = [line.rpartition(" ") for line in text.splitlines() if line.startswith(("windsock_", HEARTBEAT))]
        return {name: float(value) for name, _, value in lines}

    def settle(self) -> dict[str, float]:
        """Wait until all that was sent is done, for the last line that is sent is shown; returns the figures then."""
        self.known += self.send([KNOWN])
        end = time.monotonic() + PATIENCE
        while True:
            found = self.figures()
            # Under the name that is given to it.
            if self.known in (found.get(HEARTBEAT), found.get(f"{HEARTBEAT}_total")):
                return found
            assert time.monotonic() < end, "the last line is not there"
            time.sleep(0.05)

    def peak(self) -> int:
        """The most bytes that the process has had in memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024

    def end(self) -> float:
        """Seconds until SIGTERM ended it."""
        started = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        assert self.process.wait(PATIENCE) == 0
        return time.monotonic() - started


@contextlib.contextmanager
def running(folder: Path, naming: str) -> Iterator[Exporter]:
    one = Exporter(folder, "--naming", naming)
    try:
        yield one
    finally:
        one.socket.close()
        one.process.kill()
        one.process.wait(10)
        one.process.stdout.close()


NAMES = {
    "a state after endless ids": b"airflow.ti.finish.%b:1|c",
    "a duration behind endless ids": b"airflow.dag.%b.duration:1|c",
    "a queue before endless ids": b"airflow.ti.queued.%b:1|g",
    "a task's exit": b"airflow.local_task_job.task_exit.1.%b.0:1|c",
    "a custom metric in the plain dialect": b"airflow.custom.rows.none.team.%b:1|c",
    "no prefix of Airflow's": b"%b:1|c",
    "a tag": b"airflow.ti.start,dag_id=%b:1|c",
    "a tag's name": b"airflow.ti.start,%b=1:1|c",
    "a tag behind the type": b"airflow.ti.start:1|c|#dag_id:%b",
    "a value": LOOP + b":%b1|ms",
    "a rate": b"airflow.celery.task_timeout_error:1|c|@%b1",
}


@pytest.mark.parametrize("naming", ["prometheus", "statsd-exporter"])
def test_endless_names_tags_and_values_stop_nothing(tmp_path, naming):
    """Work that grew with the square of a name's length took 20 to 160 s a datagram."""
    with running(tmp_path, naming) as one:
        one.send([LOOP + b":1|ms"])
        for filling in (b".", b"a.", b"1", b"-", b"ti.finish.", b"__"):
            for size in (900, 1400, 32_000, 65_000):
                one.send(shape % (filling * (size // len(filling))) for shape in NAMES.values())
        # Nineteen of these a second kept a core busy.
        one.send(NAMES["a state after endless ids"] % (b".%d." % number * 350) for number in range(200))
        assert one.get("/-/healthy")
        found = one.settle()
        for reason in ("line_too_long", "name_too_long", "tag_too_long", "bad_value"):
            assert found[f'windsock_sample_errors_total{{reason="{reason}"}}'] > 1
        assert found["windsock_ingest_errors_total"] == 0
        assert one.peak() < MOST_MEMORY
        assert one.end() < PATIENCE


def packed(name: bytes, end: bytes, value: bytes, size: int) -> bytes:
    return name + (b":" + value) * ((size - len(name) - len(end)) // (len(value) + 1)) + end


def numbered(line: bytes, count: int, width: int) -> Iterator[bytes]:
    """Lines with an id of `width` letters that no other line has."""
    return (line.replace(b"ID", b"%06d" % number + b"d" * (width - 6)) for number in range(count))


FLOODS = {
    # One of these took 548 MiB.
    "packed values": lambda: [
        packed(name, end, value, size)
        for name in (b"airflow.celery.task_timeout_error", b"n" * 30_000, LOOP, b"airflow.dagbag_size")
        for end in (b"|c", b"|ms", b"|g|#a:" + b"v" * 900)
        for value in (b"1", b"12345", b"-1", b"1|c", b"1|c|c")
        for size in (1400, 8000, 65_000)
    ],
    "packed values of a known timer": lambda: [LOOP + b":1|ms", *[packed(LOOP, b"|ms", b"1", 65_000)] * 200],
    "long values of a known timer": lambda: [LOOP + b":1|ms", *numbered(LOOP + b":1IDms|ms", 1000, 60_000)],
    # 3,000 of these took 669 MiB, and 180 MB of each scrape.
    "long ids": lambda: numbered(b"airflow.ti.start,dag_id=ID,task_id=t:1|c", 1500, 60_000),
    # A million of them took 396 MiB.
    "names of labels": lambda: (
        b"airflow.ti.start:1|c|#" + b",".join(b"l%d_%d:1" % (number, index) for index in range(count))
        for number in range(1000)
        for count in (90, 1000)
    ),
    "long names": lambda: numbered(b"ID:1|c", 2000, 1000),
    "legacy names that wait for their twin": lambda: numbered(
        b"airflow.ti.start.ID." + b"t" * 400 + b":1|c", 2000, 500
    ),
    "ids to remember": lambda: numbered(b"airflow.dagrun.schedule_delay.ID:1|ms", 2000, 250),
    "long ids that are taken": lambda: numbered(
        b"airflow.task.duration,dag_id=ID,task_id=" + b"t" * 500 + b":1|ms", 6500, 500
    ),
}


@pytest.fixture(scope="module")
def victim(tmp_path_factory) -> Iterator[Exporter]:
    """One for all floods: their bounds hold together."""
    with running(tmp_path_factory.mktemp("victim"), "prometheus") as one:
        yield one


@pytest.mark.parametrize("flood", FLOODS)
def test_memory_has_a_bound_in_bytes(victim, flood):
    sent = victim.send(FLOODS[flood]())
    found = victim.settle()
    assert victim.peak() < MOST_MEMORY
    assert found["windsock_lines_total"] >= sent
    assert found["windsock_ingest_errors_total"] == 0
    assert victim.scraped < 128 * MIB


def test_it_ends_at_once_all_the_same(victim):
    assert victim.end() < PATIENCE
