"""A storm in a real Airflow: DAGs that share a connection, before it is refused, while it is, and after the repair.

    python benchmarks/storm_airflow.py [--dags 40] [--parallelism 16] [--alertmanager PROGRAM]

Each DAG of an Airflow of the newest version opens the connection `orders_db`. Its port is open, then it is closed, then
open again; each time every DAG runs once, so many at a time. Callbacks are attached by windsock.yaml, Alertmanager has
the generated routes with their waits, and Slack is the inbox with its limit of one message a second.

Printed: what Slack has got by the end of each of the three, with the seconds since its beginning.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import json
import shutil
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from storm import Alertmanager

from windsock.airflow.versions import NEWEST
from windsock.demo.inbox import Inbox
from windsock.settings import Settings

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from real.airflow import Airflow  # noqa: E402  the servers that tests run
from real.databases import Postgres  # noqa: E402
from real.server import free_port  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator

QUIET = 75.0
"""Seconds without a message after which nothing more is waited for: more than a group's interval."""
_DAGS = """
import socket
from datetime import datetime, timezone
from airflow.sdk import DAG, BaseHook, task

made = dict(schedule=None, start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), tags=["team:data"])
for number in range({count}):
    with DAG(f"orders_{{number:02}}", **made):

        @task
        def load():
            database = BaseHook.get_connection("orders_db")
            socket.create_connection((database.host, database.port), 2).close()

        load()
"""


def run(airflow: Airflow, count: int) -> dict[str, int]:
    """Let every DAG run once; returns how many runs ended in which state."""
    runs = {f"orders_{number:02}": "" for number in range(count)}
    for dag_id in runs:
        # Tasks that start leave its API little time.
        runs[dag_id] = airflow.wait(functools.partial(airflow.trigger, dag_id), 300, f"a run of {dag_id}")
    ends = [airflow.finish(dag_id, run_id, 900) for dag_id, run_id in runs.items()]
    return {state: ends.count(state) for state in set(ends)}


def show(inbox: Inbox, since: float) -> None:
    """Wait until no more messages come, and print those that came."""
    last = time.time()
    while time.time() < last + QUIET:
        last = max([last, *(message.received_at for message in inbox.messages("slack"))])
        time.sleep(1)
    found = [message for message in inbox.messages("slack") if message.received_at >= since]
    refused = sum(attempt.status == 429 for attempt in inbox.attempts("slack"))
    print(f"  {len(found)} messages; so far {refused} were refused for Slack's rate")
    for message in found:
        attachment = message.payload["attachments"][0]
        print(f"  {message.received_at - since:6.1f} s  {attachment['title']}")
        for line in attachment["text"].splitlines()[:3]:
            print(f"            {line[:160]}")


@contextlib.contextmanager
def listening(port: int) -> Iterator[None]:
    """Something takes connections at this port."""
    with socket.create_server(("127.0.0.1", port), backlog=200):
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dags", type=int, default=40)
    parser.add_argument("--parallelism", type=int, default=16, help="tasks at a time")
    parser.add_argument("--alertmanager", default=shutil.which("prometheus-alertmanager"), help="path of the program")
    options = parser.parse_args()
    port = free_port()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="windsock-storm-")))
        inbox = stack.enter_context(Inbox(rate_limit=True))
        (folder / "slack_token").write_text("xoxb-for-the-benchmark")
        sections = {
            "cluster": "prod",
            "channels": {"slack": {"api_url": inbox.addresses["slack_api"], "token": "${SLACK_TOKEN}"}},
            "teams": {"data": {"match": {"tag": "team:data"}, "slack": "#data"}},
            "alertmanager": {"secrets_dir": str(folder)},
            "callbacks": {
                "spool": {"dir": str(folder / "spool")},
                "attach": [{"match": {"tag": "team:data"}, "on": ["failure", "success"]}],
            },
        }
        server = Alertmanager(options.alertmanager, Settings.model_validate(sections), grouped=True)
        stack.callback(server.remove)
        sections["alertmanager"] = {"secrets_dir": str(folder), "urls": [server.url]}
        (folder / "windsock.yaml").write_text(json.dumps(sections))
        variables = {
            "WINDSOCK_CONFIG": str(folder / "windsock.yaml"),
            "AIRFLOW__CORE__PARALLELISM": str(options.parallelism),
            "AIRFLOW_CONN_ORDERS_DB": f"postgres://someone@127.0.0.1:{port}/orders",
        }
        # On SQLite its API answers 500 while tasks write.
        postgres = Postgres()
        stack.callback(postgres.remove)
        dags = {"orders.py": _DAGS.format(count=options.dags)}
        airflow = Airflow(NEWEST, dags, variables, postgres.create("airflow"))
        stack.callback(airflow.remove)
        airflow.start()
        airflow.wait_for_dags(*(f"orders_{number:02}" for number in range(options.dags)))
        for phase, opened in (("healthy", True), ("refused", False), ("repaired", True)):
            since = time.time()
            with listening(port) if opened else contextlib.nullcontext():
                ends = run(airflow, options.dags)
            print(f"{phase}: {ends} within {time.time() - since:.0f} s", flush=True)
            show(inbox, since)


if __name__ == "__main__":
    main()
