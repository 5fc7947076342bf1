"""One mapped task of which every instance fails, on a real Airflow: who is told, how often, when.

    python benchmarks/burst.py [--airflow VERSION] [--instances 500] [--direct]

Real Airflow with the LocalExecutor and 16 processes, a callback on the task, the inbox in Slack's place, and an
Alertmanager with the generated routes; with `--direct` there is none, and a timer flushes the spool. Prints each
message with the seconds since the run began, what is left in the spool, and how many callbacks could not deliver.
Exits with 1 where something is left, or where there is more than one alert, or two messages within a minute.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import subprocess
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from typing import Any

from windsock.airflow.versions import NEWEST, OLDEST
from windsock.alerts.routes import Timing
from windsock.demo.inbox import Inbox
from windsock.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from real.airflow import Airflow  # noqa: E402  the servers that tests run
from real.alertmanager import Alertmanager  # noqa: E402
from real.databases import Postgres  # noqa: E402

DAG = """
from datetime import datetime

try:
    from airflow.sdk import DAG, task
except ImportError:
    from airflow import DAG
    from airflow.decorators import task

from windsock.callbacks import on_failure

with DAG("burst", schedule=None, start_date=datetime(2026, 1, 1), default_args={{"on_failure_callback": on_failure}}):

    @task
    def each(number):
        raise ValueError(f"account {{number}} is closed")

    each.expand(number=list(range({instances})))
"""
TOKEN = "xoxb-for-the-benchmark"
AFTER = 75.0
"""Seconds after the run's end in which what waits is told: a minute and a timer's turn."""


def settings(inbox: Inbox, folder: Path, *, direct: bool) -> dict[str, Any]:
    """The sections of windsock.yaml: Slack's token is a file for Alertmanager, a connection for callbacks."""
    (folder / "slack_token").write_text(TOKEN)
    slack = {"api_url": inbox.addresses["slack_api"], "token": "slack_bot" if direct else "${SLACK_TOKEN}"}
    return {
        "channels": {"slack": slack},
        "defaults": {"slack": "#data-alerts"},
        "alertmanager": {"secrets_dir": str(folder)},
        "callbacks": {"spool": {"dir": str(folder / "spool")}},
    }


def measure(options: argparse.Namespace, folder: Path, servers: contextlib.ExitStack) -> int:
    inbox = servers.enter_context(Inbox())
    sections = settings(inbox, folder, direct=options.direct)
    alertmanager = None
    if not options.direct:
        alertmanager = Alertmanager(Settings.model_validate(sections), timing=Timing())
        servers.callback(alertmanager.remove)
        sections["alertmanager"]["urls"] = [alertmanager.url]
    config = folder / "windsock.yaml"
    config.write_text(json.dumps(sections))
    variables = {
        "WINDSOCK_CONFIG": str(config),
        "AIRFLOW_CONN_SLACK_BOT": json.dumps({"conn_type": "slack", "password": TOKEN}),
    }
    database = None
    if options.airflow[0] == "2":
        postgres = Postgres()
        servers.callback(postgres.remove)
        database = postgres.create("burst")
    airflow = Airflow(options.airflow, {"burst.py": DAG.format(instances=options.instances)}, variables, database)
    servers.callback(airflow.remove)
    airflow.start().wait_for_dags("burst")
    started = time.time()
    run = airflow.trigger("burst")
    airflow.finish("burst", run, 30 + 3 * options.instances)
    print(f"Airflow {options.airflow}, {options.instances} instances failed within {time.time() - started:.0f} s")
    end = time.monotonic() + AFTER
    while time.monotonic() < end:
        command: list[str | Path] = [airflow.place / "bin" / "windsock", "notify", "flush"]
        subprocess.run(command, env=variables, capture_output=True, check=False)
        time.sleep(5)
    messages = sorted(inbox.messages(), key=lambda message: message.received_at)
    for message in messages:
        print(f"{message.received_at - started:6.1f} s  {message.channel}  {message.text.split(' (')[0]}")
    left = {name: len(list((folder / "spool").glob(f"*/{name}/*.json"))) for name in ("queue", "dead")}
    logs = "".join(file.read_text(errors="replace") for file in airflow.logs.rglob("*.log"))
    failed = logs.count(" not delivered (")
    print(f"left in the spool: {left['queue']}, dead: {left['dead']}, callbacks that could not deliver: {failed}")
    early = sum(two.received_at - one.received_at < 59 for one, two in pairwise(messages))
    wrong = any(left.values()) or bool(early) or not messages
    if alertmanager is not None:
        alerts = len(alertmanager.alerts(dag_id="burst"))
        print(f"alerts: {alerts}")
        wrong = wrong or alerts != 1 or len(messages) != 1
    return int(wrong)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--airflow", choices=(NEWEST, OLDEST), default=NEWEST)
    parser.add_argument("--instances", type=int, default=500)
    parser.add_argument("--direct", action="store_true", help="no Alertmanager")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="windsock-burst-") as folder, contextlib.ExitStack() as servers:
        code = measure(options, Path(folder), servers)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
