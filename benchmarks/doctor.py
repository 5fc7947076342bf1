"""Faults of a real Airflow, one after the other, and what the doctor says of each.

    python benchmarks/doctor.py [--airflow VERSION]

A scheduler runs, its metrics go to an exporter, and the doctor looks at Airflow's settings, the exporter and the
metadata database. Each fault is planted, the scheduler started anew where it reads it only then, and the doctor asked
until it names what is expected. Prints a line for each fault, with the seconds until it was named and what was said
beside it; exits with 1 where one was not named, or where something is wrong with what is in good health.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from windsock.airflow.versions import NEWEST
from windsock.doctor.examination import examine
from windsock.exporter.service import Service
from windsock.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from real.airflow import Airflow  # noqa: E402  the servers that tests run
from real.server import free_port  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PATIENCE = 120.0
"""Seconds until a fault must have been named."""
PARTS = ("airflow.", "statsd.", "exporter.", "database.", "callbacks.")
HIDING = "executor,pool"
NOT_HERE = {
    # What the exporter says of such an Airflow takes minutes of silence; the settings say it at once.
    "no StatsD": ({"STATSD_ON": "False"}, "airflow.statsd_off"),
    "another port": ({"STATSD_PORT": "8125"}, "airflow.statsd_port"),
    "another host": ({"STATSD_HOST": "10.1.2.3"}, "airflow.statsd_host"),
    "another prefix, by Airflow's settings": ({"STATSD_PREFIX": "prod"}, "airflow.statsd_prefix"),
    "another prefix, by its lines": ({"STATSD_PREFIX": "prod"}, "statsd.prefix"),
    "an allow list that hides": ({"METRICS_ALLOW_LIST": HIDING}, "airflow.allow_list"),
    "a block list that hides": ({"METRICS_BLOCK_LIST": "scheduler,ti"}, "airflow.block_list"),
    "OpenTelemetry in its place": ({"STATSD_ON": "False", "OTEL_ON": "True"}, "airflow.statsd_off"),
}
"""By the fault: changes of [metrics], and what must be found."""


class Stack:
    """Airflow's scheduler, the exporter, and what windsock.yaml says of them."""

    def __init__(self, version: str, folder: Path) -> None:
        self.port = free_port()
        metrics = {"STATSD_ON": "True", "STATSD_HOST": "127.0.0.1", "STATSD_PORT": str(self.port)}
        metrics["STATSD_INFLUXDB_ENABLED"] = "True"
        self.usual = {f"AIRFLOW__METRICS__{name}": value for name, value in metrics.items()}
        self.airflow = Airflow(version, {}, self.usual)
        (self.airflow.folder / "airflow.cfg").touch()
        os.environ |= {"AIRFLOW_HOME": str(self.airflow.folder), "AIRFLOW_DB": self.airflow.database}
        self.folder = folder
        self.exporter: Service | None = None

    def settings(self, **sections: object) -> Settings:
        exporter = {"statsd": {"listen": [f"udp://127.0.0.1:{self.port}"]}, "web": {"listen": "127.0.0.1:0"}}
        found = {"exporter": exporter, "metadata": {"url": "${AIRFLOW_DB}"}, **sections}
        if self.exporter is not None:
            found["doctor"] = {"exporters": [f"http://{self.exporter.web.address}"]}
        return Settings.model_validate({"callbacks": {"spool": {"dir": str(self.folder / "spool")}}, **found})

    def listen(self, **statsd: object) -> None:
        """An exporter that has heard nothing yet."""
        self.close()
        listen = {"listen": [f"udp://127.0.0.1:{self.port}"], **statsd}
        web = {"listen": "127.0.0.1:0"}
        self.exporter = Service(self.settings(exporter={"statsd": listen, "web": web}))
        self.exporter.__enter__()

    def schedule(self, **changes: str) -> None:
        """A scheduler whose [metrics] have these changes."""
        self.airflow.stop()
        self.airflow.variables.update(self.usual)
        for name in [name for name in self.airflow.variables if name.startswith("AIRFLOW__METRICS__")]:
            if name not in self.usual:
                del self.airflow.variables[name]
        self.airflow.variables |= {f"AIRFLOW__METRICS__{name}": value for name, value in changes.items()}
        for name in [name for name in os.environ if name.startswith("AIRFLOW__METRICS__")]:
            del os.environ[name]
        if self.airflow.major == "2":
            # It hides its variables after a while; the doctor then takes those of the shell that it runs in.
            os.environ |= {name: value for name, value in self.airflow.variables.items() if "__METRICS__" in name}
        self.airflow.start("scheduler")

    def close(self) -> None:
        if self.exporter is not None:
            self.exporter.__exit__(None, None, None)
            self.exporter = None

    def wrong(self, **sections: object) -> dict[str, str]:
        found = examine(self.settings(**sections))
        bad = [one for one in found if one.grade in {"warning", "critical"} and one.check.startswith(PARTS)]
        return {one.check: one.sentences for one in bad}

    def heard(self) -> bool:
        return self.exporter is not None and self.exporter.rates.arrived() is not None


def until(ask: Callable[[], bool]) -> float | None:
    begun = time.monotonic()
    while time.monotonic() - begun < PATIENCE:
        if ask():
            return time.monotonic() - begun
        time.sleep(0.5)
    return None


@contextlib.contextmanager
def started(version: str) -> Iterator[Stack]:
    with tempfile.TemporaryDirectory() as folder:
        stack = Stack(version, Path(folder))
        try:
            yield stack
        finally:
            stack.close()
            stack.airflow.remove()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--airflow", default=NEWEST)
    version, missed = parser.parse_args().airflow, 0

    def say(fault: str, check: str, seconds: float | None, found: dict[str, str]) -> None:
        nonlocal missed
        missed += seconds is None
        beside = ", ".join(sorted(found.keys() - {check})) or "nothing"
        took = "NOT NAMED" if seconds is None else f"{seconds:5.1f} s"
        print(f"{fault:40} {check:24} {took}, beside it {beside}", flush=True)
        if seconds is None:
            print(f"  {found}", flush=True)

    with started(version) as stack:
        print(f"Airflow {version}")

        def plant(fault: str, check: str, **sections: object) -> None:
            found: dict[str, str] = {}

            def named() -> bool:
                found.clear()
                found.update(stack.wrong(**sections))
                return check in found if check else not found and stack.heard()

            say(fault, check, until(named), found)

        stack.listen()
        stack.schedule()
        until(stack.heard)
        plant("nothing is wrong", "")
        if stack.airflow.major == "3":  # the scheduler of 2 hides its home behind its title, and is alone here
            os.utime(stack.airflow.folder / "airflow.cfg", (0, time.time() + 600))
            plant("a file that was changed, and no restart", "airflow.restart")
            os.utime(stack.airflow.folder / "airflow.cfg", (0, 0))
        for fault, (changes, check) in NOT_HERE.items():
            stack.listen()
            stack.schedule(**changes)
            plant(fault, check)
        stack.schedule()
        stack.listen(allow=["10.0.0.0/8"])
        plant("an exporter that lets nobody in", "statsd.refused")
        stack.listen()
        plant("the exporter is well again", "")
        stack.close()
        plant("no exporter", "exporter.down", doctor={"exporters": [f"http://127.0.0.1:{free_port()}"]})
        stack.listen()
        good, os.environ["AIRFLOW_DB"] = os.environ["AIRFLOW_DB"], f"sqlite:///{stack.folder}/another.db"
        (stack.folder / "another.db").touch()
        plant("the database of something else", "database.down")
        os.environ["AIRFLOW_DB"] = good
        plant("no database is named", "database.unknown", metadata={})
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
