"""Each part is killed, frozen and cut off in turn while tasks fail: is each told once, and how long does it take?

    python benchmarks/availability.py [--only WORD] [--seconds 20] [--alertmanager PROGRAM] [--prometheus PROGRAM]

Three hosts, which are network namespaces on one bridge (root and `ip` are needed): `one` and `two` have an exporter
with collector and reconciler, and a Prometheus; these and `three` have an Alertmanager each, which know each other. On
this side of the bridge are a PostgreSQL with Airflow's tables, the inbox that stands in for Slack, and what fails: DAGs
whose callback tells all three Alertmanagers, DAGs whose task was killed, which only the database knows, and Airflow's
StatsD lines, half of them to each exporter. All times are the defaults.

For each fault, which lasts `--seconds`: failures of each kind, one before half of it is over and one after; how many
were told, and the slowest, in seconds from the failure to the message; messages beside the one for each failure and the
one for each end; messages that are about something else; what both Prometheus say that the counters grew by, of the
lines that were sent, and how many of those were sent to an exporter that was not there. Exits with 1 where a failure
was told twice or never, or a line that arrived was not counted.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import signal
import socket
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from availability_site import Host, Site
from real.failures import fail, succeed
from real.server import find
from real.waiting import until

from windsock.callbacks.delivery import deliver
from windsock.events import TASK_FAILED, Event, rfc3339
from windsock.teams import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

LINE = b"airflow.scheduler_heartbeat:1|c"
EACH = 0.02
"""Seconds between two lines."""
PATIENCE = 150.0
"""Seconds after a fault within which all has to be told: a pass of the reconciler, a group's wait and interval."""
SCRAPES = 35.0
"""Seconds in which each Prometheus scrapes twice."""


@dataclass
class Failure:
    """One task that failed, at this Unix time."""

    dag_id: str
    run: int
    told_by: str
    at: float


@dataclass
class Lines:
    """StatsD lines for both exporters in turn, until it is ended."""

    exporters: Sequence[Host]
    away: set[str] = field(default_factory=set)
    """Names of hosts whose exporter is not there."""
    sent: int = 0
    missed: int = 0
    """Of those that were sent: to one that was not there."""

    def run(self, done: threading.Event) -> None:
        with socket.socket(type=socket.SOCK_DGRAM) as sender:
            while not done.wait(EACH):
                host = self.exporters[self.sent % len(self.exporters)]
                self.sent += 1
                self.missed += host.name in self.away
                with contextlib.suppress(OSError):
                    sender.sendto(LINE, (host.address, 9125))


class Round:
    """One fault, and what becomes of what fails meanwhile."""

    def __init__(self, site: Site, number: int, seconds: float) -> None:
        self._site, self._number, self._seconds = site, number, seconds
        self.failures: list[Failure] = []
        self._known = len(site.inbox.messages())

    def run(self, hit: Callable[[str], None], way: str, away: set[str]) -> list[Any]:
        """A row of the table."""
        site, done = self._site, threading.Event()
        lines = Lines(site.hosts[:2])
        begun = time.time()
        time.sleep(SCRAPES)
        sender = threading.Thread(target=lines.run, args=(done,), daemon=True)
        with ThreadPoolExecutor(4) as callbacks:
            sender.start()
            lines.away = away
            hit(way)
            for part in (0.1, 0.6):
                time.sleep(part * self._seconds / 2)
                for told_by in ("callback", "reconciler"):
                    self._fail(told_by, callbacks)
            time.sleep(self._seconds * 0.65)
            hit("over")
            lines.away = set()
            end = time.time() + PATIENCE
            while time.time() < end and any(not self._told(one) for one in self.failures):
                time.sleep(0.5)
            for one in self.failures:
                succeed(site.database, one.dag_id)
            end = time.time() + PATIENCE
            while time.time() < end and any(len(self._told(one, over=True)) == 0 for one in self.failures):
                time.sleep(0.5)
        done.set()
        sender.join()
        time.sleep(SCRAPES)
        return [*self._row(), lines.sent, lines.missed, *site.grown(begun)]

    def _fail(self, told_by: str, callbacks: ThreadPoolExecutor) -> None:
        number = 100 * (self._number + 1) + len(self.failures)
        one = Failure(f"orders_{number:05}", number, told_by, time.time())
        self.failures.append(one)
        fail(self._site.database, number, one.dag_id, ended=one.at)
        if told_by == "callback":
            callbacks.submit(self._call_back, one)

    def _call_back(self, one: Failure) -> None:
        said = {
            "summary": f"{one.dag_id}: t failed",
            "exception": EXCEPTIONS[self._number * 2 + len(self.failures) // 2],
            "failed_at": rfc3339(datetime.fromtimestamp(one.at, timezone.utc)),
            "try": "1 of 1",
        }
        event = Event(
            TASK_FAILED,
            "prod",
            one.dag_id,
            f"run_{one.run}",
            task_id="t",
            team=UNKNOWN,
            severity="warning",
            annotations=said,
        )
        deliver(event, self._site.settings, time.monotonic() + 9)

    def _told(self, one: Failure, *, over: bool = False) -> list[float]:
        """When messages about it, or about its end, came."""
        found = [message for message in self._site.inbox.messages() if one.dag_id in message.text]
        return [message.received_at for message in found if ("Over" in message.text.split(":")[0]) == over]

    def _row(self) -> list[Any]:
        row: list[Any] = []
        beside = 0
        for told_by in ("callback", "reconciler"):
            mine = [one for one in self.failures if one.told_by == told_by]
            first = [min(told) - one.at for one in mine if (told := self._told(one))]
            beside += sum(max(0, len(self._told(one, over=over)) - 1) for one in mine for over in (False, True))
            row += [f"{len(first)} of {len(mine)}", f"{max(first):.1f}" if first else "-"]
        ended = sum(bool(self._told(one, over=True)) for one in self.failures)
        new = self._site.inbox.messages()[self._known :]
        others = [m for m in new if not any(one.dag_id in m.text for one in self.failures)]
        if beside:
            print("\n".join(f"  {m.received_at:.1f} {m.text.splitlines()[0][:150]}" for m in new))
        for message in others:
            print(f"   {message.text.splitlines()[0][:150]}")
        return [*row, beside, f"{ended} of {len(self.failures)}", len(others)]


EXCEPTIONS = tuple(
    f"{kind}: no {noun}"
    for noun in ("price", "such file", "answer from the bank", "table orders", "space left", "permission")
    for kind in ("ValueError", "KeyError", "TimeoutError", "OSError", "RuntimeError")
)
"""So many causes that none is another's: failures of one cause are told together."""
FAULTS = (
    *itertools.product(("exporter that leads", "exporter that follows"), ("killed", "frozen")),
    *itertools.product((f"Alertmanager {name}" for name in ("one", "two", "three")), ("killed", "frozen")),
    *itertools.product(("Prometheus one",), ("killed", "frozen")),
    *itertools.product((f"host {name}" for name in ("one", "two", "three")), ("cut",)),
)
COLUMNS = (
    "fault",
    "callbacks told",
    "slowest",
    "killed tasks told",
    "slowest",
    "repeated",
    "ends",
    "others",
    "lines sent",
    "to none",
    "Prometheus one",
    "two",
)


def chosen(site: Site, what: str) -> tuple[Callable[[str], None], set[str]]:
    """What is hit, and the hosts whose exporter is not there then; the leader is who leads when its turn comes."""
    kind, _, name = what.partition(" ")
    if kind == "exporter":
        leader = until(site.leader)
        part = next(part for part in site.exporters if (part is leader) == (name == "that leads"))
        return part.hit, {part.host.name}
    if kind == "host":
        host = next(host for host in site.hosts if host.name == name)
        return host.hit, {name}
    parts = site.alertmanagers if kind == "Alertmanager" else site.prometheis
    return next(part for part in parts if part.host.name == name).hit, set()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default="", help="faults whose name has this word")
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--alertmanager", default=find("prometheus-alertmanager", "prometheus-alertmanager"))
    parser.add_argument("--prometheus", default=find("prometheus", "prometheus"))
    options = parser.parse_args()
    # All of it ends with this process, also by kill.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    bad = False
    with contextlib.ExitStack() as stack:
        site = Site(stack, options.alertmanager, options.prometheus)
        print(f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}", flush=True)
        for number, (what, way) in enumerate(pair for pair in FAULTS if options.only in " ".join(pair)):
            hit, away = chosen(site, what)
            row = Round(site, number, options.seconds).run(hit, way, set() if way == "frozen" else away)
            print(f"| {what} {way} | {' | '.join(map(str, row))} |", flush=True)
            told, _, silent, _, beside, *_ = row
            bad |= beside > 0 or told != "2 of 2" or silent != "2 of 2"
            bad |= min(row[-2:]) < row[-4] - row[-3] - 1
    return int(bad)


if __name__ == "__main__":
    sys.exit(main())
