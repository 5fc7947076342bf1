"""What reaches the inbox when a part of a real Airflow breaks: the alerts that are expected, when, and no others.

    python benchmarks/faults.py [--only WORD …] [--current] [--hold SECONDS] [--home FOLDER]

An Airflow of the newest version on a PostgreSQL, each of its components a process, and what `windsock up` starts
beside it: exporter, Prometheus, Alertmanager with the generated rules and routes, the inbox. Its DAGs are those of
faults_dags.py. One part after the other is broken, its message waited for, the part mended, the end waited for. What
does not touch each other is broken at once.

Prints, for each fault, the seconds from the fault to its message and from the repair to its end, how many messages it
was, and what fired meanwhile that nobody was told of; then each message that nobody expected. Exits with 1 where there
is one, or one is missing.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
import yaml

from windsock.airflow.versions import NEWEST
from windsock.demo.stack import stack
from windsock.demo.stack.folder import Folder
from windsock.demo.stack.programs import Programs, find
from windsock.parts import ALERTMANAGER, PROMETHEUS
from windsock.settings import sources

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from real import programs  # noqa: E402  the servers that tests run
from real.airflow import Airflow  # noqa: E402
from real.databases import Postgres  # noqa: E402
from real.server import free_port  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE = 1500.0
"""Seconds within which a message has to come: the longest `for`, and a machine that is busy."""
QUIET = 90.0
"""Seconds after the last end in which nothing may come: a group's interval, and some."""
HISTORY = timedelta(minutes=9)
"""In which the promised DAG runs for each of the last days."""
PROMISE = timedelta(minutes=3)
"""From when the run is due to its promised end."""
LATE = "a DAG's run is late (`finish_by`)"
YESTERDAY = re.compile("AirflowFinishMissed promised")
"""Told before it is due: a DAG that is new and catches up has missed what was due yesterday."""
TUNED = {
    # An hour and five minutes, which nobody waits for.
    "AirflowPoolStarving": {"threshold": "2m", "for": "1m"},
}


@dataclass
class Fault:
    """What is broken, how it is mended, and what is told of it."""

    name: str
    alert: str
    """Expected, in the first line of a message."""
    about: str
    """What that line has, too."""
    begin: Callable[[], None]
    mend: Callable[[], None]
    more: tuple[str, ...] = ()
    """Patterns of first lines that are expected as well."""
    begun: float = 0.0
    told: float = 0.0
    mended: float = 0.0
    ended: float = 0.0
    messages: int = 0
    silent: set[str] = field(default_factory=set)

    def expects(self, at: float, title: str) -> bool:
        """Whether this message is the one that has to come, or its end."""
        return self.alert in title and self.about in title and at >= self.begun

    def tells(self, at: float, title: str) -> bool:
        """Whether a message is about this."""
        return self.expects(at, title) or any(re.search(one, title) for one in self.more)


class Bench:
    """All that runs, and what the inbox has got."""

    def __init__(self, home: Path, options: argparse.Namespace, cleanup: contextlib.ExitStack) -> None:
        self.wrong = home / "faults"
        self.wrong.mkdir()
        self.seen = 0
        self.titles: list[tuple[float, str]] = []
        self.firing: list[tuple[float, str]] = []
        self.session = requests.Session()
        self.session.trust_env = False
        self.postgres = Postgres()
        cleanup.callback(self.postgres.remove)
        # After what runs before: its history, of a week.
        self.due = (datetime.now(tz=timezone.utc) + HISTORY).replace(second=0, microsecond=0)
        (self.wrong / "due").write_text(self.due.isoformat())
        database = self.postgres.create("airflow")
        statsd = free_port(socket.SOCK_DGRAM)
        dags = {"dags.py": (ROOT / "benchmarks" / "faults_dags.py").read_text()}
        variables = {
            "FAULTS": str(self.wrong),
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
            "AIRFLOW__METRICS__STATSD_PORT": str(statsd),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
            "WINDSOCK__CALLBACKS__SPOOL__DIR": str(home / "spool"),
        }
        self.airflow = Airflow(NEWEST, dags, variables, database)
        cleanup.callback(self.airflow.remove)
        folder = Folder(home / "stack")
        folder.home.mkdir()
        config = home / "windsock.yaml"
        config.write_text(yaml.safe_dump(self._settings(statsd, late=any(word in LATE for word in options.only))))
        os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = database
        found = find()
        if options.current:
            found = Programs(
                str(programs.find("prometheus", PROMETHEUS.current)),
                str(programs.find("alertmanager", ALERTMANAGER.current)),
            )
        self.started: list[subprocess.Popen[bytes]] = []
        cleanup.callback(self._end)
        self.stack = stack.start(folder, found, sources.read(config), None, say)
        self._scrape_all(folder)
        self.airflow.variables["WINDSOCK_CONFIG"] = str(folder.settings)
        # Tasks that begin before the API answers fail.
        self.airflow.start("api")
        self.airflow.start("scheduler", "dag-processor", "triggerer")
        self.airflow.wait_for_dags("steady", "deferred", "shares", "crowded", "failing", "promised")
        pool = {"name": "narrow", "slots": 1, "include_deferred": False}
        self.airflow.wait(lambda: self.airflow.api("POST", "/pools", pool), 180, "the pool")
        threading.Thread(target=self._watch, daemon=True).start()

    def _settings(self, statsd: int, *, late: bool) -> dict[str, Any]:
        promised = (self.due + PROMISE).strftime("%H:%M UTC")
        return {
            "cluster": "prod",
            "defaults": {"slack": "#oncall"},
            "exporter": {
                "statsd": {"listen": [f"udp://127.0.0.1:{statsd}"]},
                "web": {"listen": f"127.0.0.1:{free_port()}"},
            },
            "callbacks": {"attach": [{"match": {"tag": "bench"}, "on": ["failure", "success"]}]},
            # Of a DAG that is new, and catches up, what was due yesterday is late as well.
            "slo": {"promised": {"finish_by": promised}} if late else {},
            "alerts": {"rules": TUNED},
        }

    def _scrape_all(self, folder: Folder) -> None:
        """Prometheus and Alertmanager as well, as docs/alerts.md has it."""
        file = folder.run / "prometheus.yml"
        content = yaml.safe_load(file.read_text())
        for job in ("prometheus", "alertmanager"):
            targets = [self.stack.addresses.url(job).removeprefix("http://")]
            content["scrape_configs"].append({"job_name": job, "static_configs": [{"targets": targets}]})
        file.write_text(yaml.safe_dump(content))
        self.session.post(f"{self.stack.addresses.url('prometheus')}/-/reload", timeout=30).raise_for_status()

    def _end(self) -> None:
        pids = [process.pid for process in self.stack.processes if process.death() is None]
        for pid in [*pids, *(one.pid for one in self.started if one.poll() is None)]:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGTERM)

    # -- what is broken ------------------------------------------------------------------------------------------------

    def flag(self, name: str) -> None:
        """Let that go wrong from now on."""
        (self.wrong / name).touch()

    def unflag(self, name: str) -> None:
        (self.wrong / name).unlink(missing_ok=True)

    def kill(self, component: str, number: int = signal.SIGKILL) -> None:
        self.airflow.stop(component, number=number)

    def kill_exporter(self) -> None:
        process = next(one for one in self.stack.processes if one.part.name == "exporter")
        os.kill(process.pid, signal.SIGKILL)

    def start_exporter(self) -> None:
        process = next(one for one in self.stack.processes if one.part.name == "exporter")
        with process.log.open("ab") as log:
            self.started.append(subprocess.Popen([process.script], stdout=log, stderr=log, start_new_session=True))

    def start_database(self) -> None:
        """And the components that ended without it, as whoever supervises them does."""
        self.postgres.up()
        for name, process in tuple(self.airflow.processes.items()):
            if process.poll() is not None:
                say(f"{name} had ended without its database")
                self.airflow.stop(name)
                self.airflow.start(name)

    def unpause(self) -> None:
        self.unflag("failing")
        self.airflow.pause("failing", paused=False)

    def pass_shares(self) -> None:
        """Twice as many that succeed: less than one try in twenty is left."""
        self.unflag("shares")
        for _ in range(2):
            self.airflow.trigger("shares")

    # -- what is told --------------------------------------------------------------------------------------------------

    def _watch(self) -> None:
        """Remember what fires, every five seconds."""
        while True:
            with contextlib.suppress(OSError, ValueError, KeyError):
                answer = self.session.get(f"{self.stack.addresses.url('prometheus')}/api/v1/alerts", timeout=5)
                for alert in answer.json()["data"]["alerts"]:
                    if alert["state"] == "firing" and alert["labels"]["severity"] != "info":
                        self.firing.append((time.time(), alert["labels"]["alertname"]))
            time.sleep(5)

    def look(self) -> list[tuple[float, str]]:
        """The messages that have come since the last look."""
        url = f"{self.stack.addresses.url('inbox')}/api/messages"
        answer = self.session.get(url, params={"since": self.seen, "platform": "slack"}, timeout=10).json()
        self.seen = answer["last"]
        found = [(one["received_at"], one["payload"]["attachments"][0]["title"]) for one in answer["messages"]]
        for at, title in found:
            say(f"{datetime.fromtimestamp(at, timezone.utc):%H:%M:%S}  {title}")
        self.titles += found
        return found


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def faults(bench: Bench) -> list[list[Fault]]:
    """In the order in which they come; those of one list at once."""
    # With the words by which Airflow knows a file that may hold DAGs.
    broken = "from airflow.sdk import DAG\nimport nothing_that_is_there\n"
    return [
        [
            Fault(
                LATE,
                "AirflowFinishMissed",
                "promised",
                lambda: bench.flag("promised"),
                lambda: bench.unflag("promised"),
                more=("AirflowFinishAtRisk promised", YESTERDAY.pattern),
                begun=bench.due.timestamp(),
            ),
            Fault(
                "a DAG file breaks",
                "AirflowDagImportError",
                "",
                lambda: bench.airflow.add("broken.py", broken),
                (bench.airflow.dags / "broken.py").unlink,
            ),
            Fault(
                "a pool is full",
                "AirflowPoolStarving",
                "",
                lambda: (bench.flag("crowded"), bench.airflow.trigger("crowded"), None)[-1],
                lambda: bench.unflag("crowded"),
            ),
            Fault(
                "Airflow pauses a DAG after failures",
                "AirflowDagPausedByFailures",
                "failing",
                lambda: bench.flag("failing"),
                bench.unpause,
                more=("^failing failed", "^Over: failing", "^\\[.*failing"),
            ),
            Fault(
                "6 % of the tasks fail, and are tried again",
                "AirflowFailureRateHigh",
                "shares",
                lambda: (bench.flag("shares"), bench.airflow.trigger("shares"), None)[-1],
                bench.pass_shares,
            ),
        ],
        [Fault("the exporter is killed", "WindsockExporterDown", "", bench.kill_exporter, bench.start_exporter)],
        [
            Fault(
                "the triggerer is killed",
                "AirflowTriggererDown",
                "",
                lambda: bench.kill("triggerer"),
                lambda: (bench.airflow.start("triggerer"), None)[-1],
            )
        ],
        [
            Fault(
                "the DAG processor is killed",
                "AirflowDagProcessorDown",
                "",
                lambda: bench.kill("dag-processor"),
                lambda: (bench.airflow.start("dag-processor"), None)[-1],
            )
        ],
        [
            Fault(
                "the scheduler stops",
                "AirflowSchedulerHeartbeatStopped",
                "",
                lambda: bench.kill("scheduler", signal.SIGTERM),
                lambda: (bench.airflow.start("scheduler"), None)[-1],
            )
        ],
        [
            Fault(
                "the database stops",
                "AirflowSchedulerHeartbeatStopped",
                "",
                bench.postgres.stop,
                bench.start_database,
            )
        ],
    ]


def is_end(title: str) -> bool:
    return title.startswith(("[RESOLVED]", "Over:"))


def run(bench: Bench, batch: list[Fault], hold: float) -> list[str]:
    """Break all of it, wait for each message, mend, wait for each end; returns what nobody expected."""
    first = len(bench.titles)
    for fault in batch:
        fault.begin()
        fault.begun = fault.begun or time.time()
        say(f"-- {fault.name}")
    begun = min(fault.begun for fault in batch)
    while any(not fault.ended for fault in batch) and time.time() < begun + PATIENCE + hold:
        for at, title in bench.look():
            for fault in batch:
                if fault.expects(at, title):
                    fault.told = fault.told or (0.0 if is_end(title) else at)
                    fault.ended = at if is_end(title) else 0.0
        for fault in batch:
            if fault.told and not fault.mended and time.time() > fault.told + hold:
                fault.mend()
                fault.mended = time.time()
                say(f"-- mended: {fault.name}")
        time.sleep(1)
    quiet = time.time() + QUIET
    while time.time() < quiet:
        bench.look()
        time.sleep(1)
    for fault in batch:
        fault.messages = sum(fault.tells(*one) and one[0] >= fault.begun for one in bench.titles[first:])
        told = " ".join(title for _, title in bench.titles[first:])
        fault.silent = {name for at, name in bench.firing if at > fault.begun and name not in told}
    return [title for at, title in bench.titles[first:] if not any(fault.tells(at, title) for fault in batch)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", default=[""], metavar="WORD", help="faults whose name has one of these")
    parser.add_argument("--current", action="store_true", help="the newest Prometheus and Alertmanager")
    parser.add_argument("--hold", type=float, default=0.0, help="seconds from a message to the repair")
    parser.add_argument("--home", type=Path, help="a folder that stays, for a look afterwards")
    options = parser.parse_args()
    wrong = False
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended"))
    with contextlib.ExitStack() as cleanup:
        home = options.home or Path(cleanup.enter_context(tempfile.TemporaryDirectory(prefix="windsock-faults-")))
        home.mkdir(exist_ok=True)
        bench = Bench(home, options, cleanup)
        say("a minute of quiet")
        time.sleep(60)
        early = [title for _, title in bench.look() if not YESTERDAY.search(title)]
        print(
            "| fault | alert | to its message | from the repair to its end | messages | fires, and is told to nobody |"
        )
        print("|---|---|--:|--:|--:|---|")
        for batch in faults(bench):
            chosen = [fault for fault in batch if any(word in fault.name for word in options.only)]
            if not chosen:
                continue
            early += run(bench, chosen, options.hold)
            for one in chosen:
                wrong |= not one.told or not one.ended
                told = f"{one.told - one.begun:.0f} s" if one.told else "**never**"
                ended = f"{one.ended - one.mended:.0f} s" if one.ended else "**never**"
                silent = ", ".join(f"`{name}`" for name in sorted(one.silent))
                print(f"| {one.name} | `{one.alert}` | {told} | {ended} | {one.messages} | {silent} |", flush=True)
        for title in early:
            print(f"nobody expected: {title}")
        (home / "titles.json").write_text(json.dumps(bench.titles, indent=1))
    sys.exit(bool(early) or wrong)


if __name__ == "__main__":
    main()
