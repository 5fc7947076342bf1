"""Many passes of the collector and the reconciler on each kind of database, which is stopped and started meanwhile.

    python benchmarks/endurance.py [--passes 1000] [--interval 1] [--outages 4]

All three engines at once, at the shortest interval. Prints by engine the passes, those that failed, and the longest
time from a database that is back to a pass that is good; exits with 1 where one was not good again.
"""

from __future__ import annotations

import argparse
import logging
import sqlite3
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from real.alertmanager import Alertmanager, Messages
from real.databases import MariaDB, Postgres, SQLiteFolder
from real.failures import fail
from real.tables import Database

from windsock.airflow.versions import NEWEST
from windsock.exporter.database.collector import Collector
from windsock.exporter.reconciler.reconciler import alone
from windsock.settings import Settings

_DOWN = 5.0
_BACK_WITHIN = 60.0


@dataclass
class Ledger:
    """What became of the passes of one part on one engine."""

    passes: int = 0
    bad: int = 0
    broken_since: float = 0.0
    longest: float = 0.0
    back: float = 0.0
    """When the database was started again."""
    problems: set[str] = field(default_factory=set)

    def note(self, problem: str) -> None:
        self.passes += 1
        now = time.monotonic()
        if problem:
            self.bad += 1
            self.problems.add(problem[:120])
            self.broken_since = self.broken_since or now
        elif self.broken_since:
            self.longest = max(self.longest, now - max(self.back, self.broken_since))
            self.broken_since = 0.0


def passes(part: Any, step: Any, problem: Any, ledger: Ledger, number: int) -> None:
    for _ in range(number):
        begun = time.monotonic()
        step()
        ledger.note(problem())
        time.sleep(max(0.0, begun + part.interval - time.monotonic()))


class Locked(SQLiteFolder):
    """SQLite has no server to stop: somebody else locks the file."""

    def hold(self, database: Database) -> None:
        self._holder = sqlite3.connect(database.url.removeprefix("sqlite:///"), isolation_level=None)
        self._holder.execute("BEGIN EXCLUSIVE")

    def up(self) -> None:
        self._holder.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passes", type=int, default=1000)
    parser.add_argument("--interval", type=float, default=1.0, help="seconds; 1 is the shortest")
    parser.add_argument("--outages", type=int, default=4)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    messages = Messages()
    alertmanager = Alertmanager(Settings(), messages)
    servers: list[Any] = []
    good = True
    with tempfile.TemporaryDirectory() as folder:
        try:
            servers = [Postgres(), MariaDB(), Locked(Path(folder))]
            good = run(servers, alertmanager.url, Path(folder), options)
        finally:
            for server in servers:
                if hasattr(server, "remove"):
                    server.remove()
            alertmanager.remove()
            messages.close()
    sys.exit(not good)


def run(servers: list[Any], alertmanager: str, folder: Path, options: argparse.Namespace) -> bool:
    threads, ledgers, databases = [], {}, []
    for server in servers:
        database = Database(server, NEWEST)
        databases.append(database)
        fail(database)
        settings = Settings.model_validate(
            {
                "cluster": server.name,
                "metadata": {"interval": options.interval, "timeout": 1},
                "alertmanager": {"urls": [alertmanager]},
                "reconcile": {"store": str(folder / f"{server.name}-store.db")},
            }
        )
        collector, reconciler = Collector(settings, database.url), alone(settings, database.url)
        for name, part, step, problem in (
            ("collector", collector, collector.look, lambda one=collector: "; ".join(one.failing().values())),
            ("reconciler", reconciler, reconciler.step, reconciler.problem),
        ):
            ledger = ledgers[server.name, name] = Ledger()
            threads.append(threading.Thread(target=passes, args=(part, step, problem, ledger, options.passes)))
    for thread in threads:
        thread.start()
    between = options.passes * options.interval / (options.outages + 1)
    for _ in range(options.outages):
        time.sleep(max(_DOWN, between - _DOWN))
        for server, database in zip(servers, databases, strict=True):
            server.hold(database) if isinstance(server, Locked) else server.stop()
        time.sleep(_DOWN)
        for server in servers:
            server.up()
            for (engine, _), ledger in ledgers.items():
                if engine == server.name:
                    ledger.back = time.monotonic()
    for thread in threads:
        thread.join()
    print(f"{'engine':12}{'part':12}{'passes':>8}{'bad':>6}{'back after, s':>15}  said")
    for (engine, name), one in ledgers.items():
        print(f"{engine:12}{name:12}{one.passes:8}{one.bad:6}{one.longest:15.1f}  {' | '.join(sorted(one.problems))}")
    return all(not one.broken_since and one.longest < _BACK_WITHIN for one in ledgers.values())


if __name__ == "__main__":
    main()
