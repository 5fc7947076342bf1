"""The same failures with the reconciler and without it, on a real Airflow: who told what, once, and how fast.

    python benchmarks/reconciler.py [--airflow VERSION] [--tasks 30] [--interval 5] [--outages]

Real Airflow on PostgreSQL with the LocalExecutor, two Alertmanagers with the generated routes, the inbox for Slack.
The callbacks speak to both Alertmanagers, the reconciler to one of them: so one run shows both worlds. Tasks kill
themselves with SIGKILL, raise, fail after a retry, fail as mapped tasks, and one run hits its dagrun_timeout; all of it
in DAGs with windsock's callbacks attached and in DAGs with none. Then everything is repaired and cleared.

With `--outages` the reconciler is killed with SIGKILL meanwhile, and its Alertmanager is stopped for two minutes.
Prints a table, and the time from the database's `failed` to the alert. Exits 1 where a failure was not told exactly
once, or not resolved.
"""

from __future__ import annotations

import argparse
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
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
import yaml

sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))

from real.airflow import Airflow
from real.alertmanager import Alertmanager, Messages
from real.databases import Postgres

from windsock.airflow.versions import NEWEST, OLDEST
from windsock.alerts.routes import Timing
from windsock.demo.inbox import Inbox
from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

DAGS = """
import os, signal, time
from datetime import datetime, timedelta
try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow.decorators import task
    from airflow.models.dag import DAG
from windsock.callbacks import on_failure

MENDED = os.path.join(os.environ["AIRFLOW_HOME"], "mended")
COUNT = {tasks}

def killed():
    if not os.path.exists(MENDED):
        time.sleep(0.5)
        os.kill(os.getpid(), signal.SIGKILL)

def raises():
    if not os.path.exists(MENDED):
        raise ValueError("no price in row 17")

def one(index):
    raises()

def slow():
    if not os.path.exists(MENDED):
        time.sleep(300)

for attached in (True, False):
    given = {{"on_failure_callback": on_failure}} if attached else {{}}
    start = "callbacks" if attached else "plain"

    def make(kind, **more):
        return DAG(f"{{start}}_{{kind}}", schedule=None, start_date=datetime(2026, 1, 1), default_args=given,
                   max_active_tasks=16, **{{**given, **more}})

    with make("killed") as dag:
        for number in range(COUNT):
            task(killed, task_id=f"t{{number:02}}")()
    globals()[dag.dag_id] = dag
    with make("raises") as dag:
        for number in range(COUNT):
            task(raises, task_id=f"t{{number:02}}")()
    globals()[dag.dag_id] = dag
    with make("retries") as dag:
        for number in range(max(1, COUNT // 3)):
            task(raises, task_id=f"t{{number:02}}", retries=1, retry_delay=timedelta(seconds=2))()
    globals()[dag.dag_id] = dag
    with make("mapped") as dag:
        task(one, task_id="t").expand(index=list(range(max(2, COUNT * 2 // 3))))
    globals()[dag.dag_id] = dag
    with make("timeout", dagrun_timeout=timedelta(seconds=60)) as dag:
        task(slow, task_id="t")()
    globals()[dag.dag_id] = dag
"""
KINDS = ("killed", "raises", "retries", "mapped", "timeout")
EVENT = ("AirflowTaskFailed", "AirflowDagRunFailed")
NAMES = ("alertname", "dag_id", "run_id", "task_id")
SHARES = (("least", 0.0), ("median", 0.5), ("p95", 0.95), ("most", 1.0))
Key = tuple[str, str, str, str]


class Lines:
    """StatsD lines that arrive, by what they say and of which DAG."""

    def __init__(self) -> None:
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32 << 20)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.failures: Counter[str] = Counter()
        self.callbacks: Counter[str] = Counter()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            for line in self.sock.recv(65535).decode(errors="replace").splitlines():
                name, _, rest = line.partition(",")
                dag = re.search(r"dag_id=([\w.]+)", rest)
                if dag is None:
                    continue
                if name.endswith("ti.finish") and "state=failed" in rest and ":0|" not in rest:
                    self.failures[dag[1]] += 1
                elif ".callback.sent" in name or ".callback.failed" in name:
                    self.callbacks[dag[1]] += 1


class Watch:
    """When each alert was first seen in an Alertmanager."""

    def __init__(self, alertmanager: Alertmanager) -> None:
        self.alertmanager = alertmanager
        self.first: dict[Key, float] = {}
        self.firing: set[Key] = set()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                found = self.alertmanager.alerts()
            except OSError:
                time.sleep(0.2)
                continue
            labels = [alert["labels"] for alert in found if alert["labels"]["alertname"] in EVENT]
            self.firing = {tuple(one.get(name, "") for name in NAMES) for one in labels}
            for key in self.firing:
                self.first.setdefault(key, time.time())
            time.sleep(0.2)


class Reconciler:
    """`windsock reconcile` in a process of its own."""

    def __init__(self, folder: Path, url: str, alertmanager: str, interval: float, logs: Path) -> None:
        settings = {
            "cluster": "prod",
            "metadata": {"interval": interval},
            "alertmanager": {"urls": [alertmanager]},
            "reconcile": {"store": str(folder / "store.db"), "logs": str(logs)},
        }
        (folder / "reconciler.yaml").write_text(yaml.safe_dump(settings))
        given = ["--config", str(folder / "reconciler.yaml"), "--url", url]
        self.command = [sys.executable, "-m", "windsock", "reconcile", *given]
        self.log = folder / "reconciler.log"
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, stdout=log, stderr=log, start_new_session=True)

    def kill(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(10)


def routed(inbox: Inbox, folder: Path) -> Settings:
    slack = {"api_url": inbox.addresses["slack_api"], "token": "${SLACK_TOKEN}"}
    (folder / "slack_token").write_text("xoxb-for-the-benchmark")
    return Settings.model_validate(
        {
            "cluster": "prod",
            "channels": {"slack": slack},
            "defaults": {"slack": "#data-alerts"},
            "alertmanager": {"secrets_dir": str(folder)},
        }
    )


def failed_in(engine: sa.engine.Engine) -> dict[Key, float]:
    """Every failure that the database has, by the alert that it should be, with its end."""
    tasks = "SELECT dag_id, run_id, task_id, min(end_date) FROM task_instance WHERE state = 'failed' GROUP BY 1, 2, 3"
    runs = "SELECT dag_id, run_id, end_date FROM dag_run WHERE state = 'failed'"
    with engine.connect() as connection:
        found = {(EVENT[0], *row[:3]): row[3].timestamp() for row in connection.execute(sa.text(tasks))}
        found |= {(EVENT[1], *row[:2], ""): row[2].timestamp() for row in connection.execute(sa.text(runs))}
    return found


def wait(what: str, ask: Any, seconds: float) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            if ask():
                return True
        except (OSError, sa.exc.SQLAlchemyError):
            pass
        time.sleep(0.5)
    print(f"not within {seconds:.0f} s: {what}")
    return False


def disturb(reconciler: Reconciler, alertmanager: Alertmanager, seconds: float) -> None:
    """Kill the reconciler, and stop its Alertmanager for a while: it comes back with no alerts."""
    reconciler.kill()
    time.sleep(seconds / 4)
    reconciler.start()
    time.sleep(seconds / 4)
    alertmanager.stop()
    time.sleep(seconds)
    alertmanager.up()
    reconciler.kill()
    reconciler.start()


def table(dags: list[str], failures: Mapping[Key, float], lines: Lines, sides: Sequence[Side]) -> None:
    """For each DAG: what the database has, what StatsD and callbacks said, and what people are told."""
    print("\n| DAG | failed: tasks, runs | StatsD lines | callbacks that ran | without: alerts, told | with |")
    print("|---|---|---|---|---|---|")
    total = [0] * 8
    for dag in dags:
        counts = [sum(key[:2] == (name, dag) for key in failures) for name in EVENT]
        counts += [lines.failures[dag], lines.callbacks[dag]]
        for side in sides:
            counts += [sum(key[1] == dag for key in side.watch.first), side.told()[0].get((dag,), 0)]
        total = [one + other for one, other in zip(total, counts, strict=True)]
        print(_row(dag, counts))
    print(_row("all", total))


def _row(name: str, counts: Sequence[int]) -> str:
    tasks, runs, lines, callbacks, *rest = counts
    cells = [f"{tasks}, {runs}", lines, callbacks, f"{rest[0]}, {rest[1]}", f"{rest[2]}, {rest[3]}"]
    return f"| {name} | " + " | ".join(map(str, cells)) + " |"


def distribution(failures: Mapping[Key, float], watch: Watch) -> None:
    """Seconds from the database's `failed` to the alert, of tasks that no callback told of, and of the others."""
    for start in ("plain", "callbacks"):
        found = sorted(
            watch.first[key] - ended
            for key, ended in failures.items()
            if key in watch.first and key[1].startswith(start)
        )
        if found:
            shown = ", ".join(
                f"{name} {found[min(len(found) - 1, int(share * len(found)))]:.1f} s" for name, share in SHARES
            )
            print(f"{start}: failed in the database to alert, {len(found)} failures: {shown}")


def problems(failures: Mapping[Key, float], side: Side) -> list[str]:
    """What was not told exactly once, or not resolved; a run is held back by its task."""
    firing, resolved = side.told(*NAMES)
    found = [f"no alert: {key}" for key in failures if key not in side.watch.first]
    found += [f"not a failure: {key}" for key in side.watch.first if key not in failures]
    with_tasks = {key[1:3] for key in failures if key[0] == EVENT[0]}
    for key in failures:
        wanted = int(key[0] == EVENT[0] or key[1:3] not in with_tasks)
        if (firing[key], min(1, resolved[key])) != (wanted, wanted):
            found.append(f"newly firing {firing[key]} times, resolved {resolved[key]}: {key}")
    return found + [f"still fires: {key}" for key in side.watch.firing]


@dataclass
class Side:
    """One of the two worlds."""

    alertmanager: Alertmanager
    messages: Messages
    watch: Watch

    def told(self, *names: str) -> tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]]:
        return self.messages.news(*(names or ("dag_id",)))


def measure(options: argparse.Namespace, folder: Path, inbox: Inbox, postgres: Postgres) -> list[str]:
    lines = Lines()
    settings = routed(inbox, folder)
    sides = []
    for with_inbox in (False, True):
        messages = Messages()
        alertmanager = Alertmanager(settings if with_inbox else Settings(cluster="prod"), messages, timing=Timing())
        sides.append(Side(alertmanager, messages, Watch(alertmanager)))
    without, reconciled = sides
    url = postgres.create(f"airflow_{options.airflow.replace('.', '_')}")
    urls = json.dumps([side.alertmanager.url for side in sides])
    variables = {
        "WINDSOCK__CLUSTER": "prod",
        "WINDSOCK__ALERTMANAGER__URLS": urls,
        "WINDSOCK__CALLBACKS__SPOOL__DIR": str(folder / "spool"),
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "127.0.0.1",
        "AIRFLOW__METRICS__STATSD_PORT": str(lines.port),
        "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
    }
    airflow = Airflow(options.airflow, {"failures.py": DAGS.format(tasks=options.tasks)}, variables, url)
    reconciler = None
    dags = [f"{start}_{kind}" for start in ("callbacks", "plain") for kind in KINDS]
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg2:"), future=True, pool_pre_ping=True)
    try:
        airflow.start()
        airflow.wait_for_dags(*dags)
        plain = url.replace("postgresql+psycopg2:", "postgresql:")
        reconciler = Reconciler(folder, plain, reconciled.alertmanager.url, options.interval, airflow.logs)
        runs = {dag: airflow.trigger(dag) for dag in dags}
        if options.outages:
            time.sleep(20)
            disturb(reconciler, reconciled.alertmanager, 120)
        for dag, run in runs.items():
            airflow.finish(dag, run, 600)
        failures = failed_in(engine)
        wait("all alerts", lambda: failures.keys() <= reconciled.watch.first.keys(), 120)
        time.sleep(90)  # a group's further members come after its interval of a minute
        table(dags, failures, lines, sides)
        distribution(failures, reconciled.watch)
        told = [message for message in inbox.messages("slack") if "data-alerts" in message.channel]
        print(f"messages in Slack so far: {len(told)}")
        (airflow.folder / "mended").touch()
        for dag, run in runs.items():
            if dag.endswith("timeout"):
                # A run that is cleared keeps its start, so that it would be over its dagrun_timeout at once.
                airflow.mark(dag, run, "success")
            else:
                airflow.clear(dag, run)
        for dag, run in runs.items():
            state = airflow.finish(dag, run, 600)
            if state != "success":
                print(f"{dag} ended as {state} when it was repaired")
        wait("all resolved", lambda: not reconciled.watch.firing, 60)
        time.sleep(75)
        left = sum(key[0] == EVENT[0] for key in without.watch.firing)
        print(f"still firing after the repair: {left} without the reconciler, {len(reconciled.watch.firing)} with it")
        return problems(failures, reconciled)
    finally:
        if reconciler is not None:
            reconciler.kill()
            print(reconciler.log.read_text()[-1500:])
        airflow.remove()
        engine.dispose()
        for side in sides:
            side.alertmanager.remove()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--airflow", choices=(NEWEST, OLDEST), default=NEWEST)
    parser.add_argument("--tasks", type=int, default=30, help="killed, and as many raise; others in proportion")
    parser.add_argument("--interval", type=float, default=5.0, help="seconds between two passes of the reconciler")
    parser.add_argument("--outages", action="store_true", help="kill the reconciler, stop its Alertmanager")
    options = parser.parse_args()
    postgres = Postgres()
    try:
        with tempfile.TemporaryDirectory() as folder, Inbox(listen="127.0.0.1:0", smtp_listen="127.0.0.1:0") as inbox:
            found = measure(options, Path(folder), inbox, postgres)
    finally:
        postgres.remove()
    print(*found, sep="\n")
    print("each failure was told once and resolved" if not found else f"{len(found)} problems")
    sys.exit(bool(found))


if __name__ == "__main__":
    main()
