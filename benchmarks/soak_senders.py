"""Who sends to the exporter of `soak.py`: an Airflow, and somebody who means ill."""

from __future__ import annotations

import contextlib
import gzip
import itertools
import random
import socket
import time
from pathlib import Path
from typing import TYPE_CHECKING

from windsock.airflow.versions import NEWEST
from windsock.exporter.statsd.send import BATCH, Sender

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

_CAPTURE = Path(__file__).resolve().parent.parent / "tests" / "data" / "captures" / f"airflow-{NEWEST}-influxdb.txt.gz"
_NAMES = 500
"""That the hostile sender makes up, one after another, all within four minutes: with ever new ones memory would grow
until the budgets stop it, and say nothing about what is kept of one."""


def replay(port: int, rate: float, done: threading.Event) -> None:
    """Airflow's lines, over and over."""
    lines = [line for line in gzip.decompress(_CAPTURE.read_bytes()).split(b"\n") if line]
    around = [*lines, *lines[:BATCH]]
    sender, sent, started = Sender(socket.AF_INET, ("127.0.0.1", port)), 0, time.monotonic()
    while not done.wait(0.01):
        due = int((time.monotonic() - started) * rate) - sent
        start = sent % len(lines)
        with contextlib.suppress(OSError):
            sent += sender.send(around[start : start + min(due, BATCH, len(lines))])
    sender.close()


def hostile(chance: random.Random, turn: int) -> bytes:
    """A datagram that means ill: long, odd, of a name that nobody else uses, or no StatsD at all."""
    kinds: tuple[Callable[[], bytes], ...] = (
        lambda: b"airflow.ti.finish." + b"." * chance.randrange(60_000) + b":1|c",
        lambda: b"airflow.dag." + b"a." * chance.randrange(30_000) + b"duration:1|ms",
        lambda: b"airflow.custom.m%d,dag_id=%s:1|c" % (number, b"d" * chance.randrange(60_000)),
        lambda: b"airflow.custom.packed" + b":1" * chance.randrange(30_000) + b"|c",
        lambda: b"airflow.ti.start,dag_id=d%d,task_id=t:1|c" % number,
        lambda: b"airflow.ti.start,l%d=x:1|c" % number,
        lambda: b"airflow.custom.g:%d|g|#%s" % (number, b",".join(b"t%d:%d" % (n, number) for n in range(3000))),
        lambda: chance.randbytes(chance.randrange(60_000)),
    )
    number = turn // len(kinds) % _NAMES
    return kinds[turn % len(kinds)]()[:65_000]


def assault(port: int, rate: float, seed: int, done: threading.Event) -> None:
    """Send `rate` of those a second."""
    chance = random.Random(seed)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for turn in itertools.count():
            if done.wait(1 / rate):
                return
            with contextlib.suppress(OSError):
                sock.sendto(hostile(chance, turn), ("127.0.0.1", port))
