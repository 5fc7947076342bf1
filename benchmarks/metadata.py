"""One pass of the metadata collector over a large database: statements, time and plan of each query.

    python benchmarks/metadata.py [--dags N] [--runs N] [--tasks N] [--passes N] [--plans] [--airflow PYTHON] [--json]
    python benchmarks/metadata.py --url URL [--passes N] [--plans] [--json]

Starts a PostgreSQL of its own in a temporary folder (as the user postgres where root starts it) and fills it, or takes
one that seed.py has filled; lets runs begin and finish between the passes, and prints what each query took. The first
pass stands apart, and so does what is read on after it, until the history of every DAG is known. With `--airflow`, the
Python of an environment that has Airflow 3.3 and airflow-exporter 2.1.0, that exporter's scrape of the same database is
timed beside it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import pwd
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from seed import seed

from windsock.airflow.versions import NEWEST
from windsock.exporter.commands import collect_less
from windsock.exporter.database.collector import Collector
from windsock.exporter.series.exposition import TEXT, render
from windsock.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parent.parent
SCHEMA = ROOT / "tests" / "data" / "schemas" / f"airflow-{NEWEST}-postgresql.sql"
SETTINGS = ("shared_buffers=1GB", "fsync=off", "max_wal_size=4GB", "listen_addresses=127.0.0.1")

# What happens between two passes: ten runs finish with their task instances, and ten begin.
LIVE = (
    """
    CREATE TEMP TABLE done ON COMMIT DROP AS
    SELECT id, dag_id, run_id FROM dag_run WHERE state = 'running' ORDER BY id LIMIT 10
    """,
    """
    UPDATE task_instance t SET state = 'success', end_date = now(), start_date = coalesce(start_date, now())
    FROM done WHERE t.dag_id = done.dag_id AND t.run_id = done.run_id AND state IS DISTINCT FROM 'success'
    """,
    "UPDATE dag_run SET state = 'success', end_date = now() FROM done WHERE dag_run.id = done.id",
    """
    INSERT INTO dag_run (dag_id, run_id, run_type, state, run_after, queued_at, start_date)
    SELECT dag_id, 'again__' || clock_timestamp(), 'manual', 'running', now(), now(), now() FROM done
    """,
    """
    INSERT INTO task_instance (id, dag_id, run_id, task_id, state, try_number, pool, pool_slots, queue)
    SELECT gen_random_uuid(), dag_id, run_id, 'task_' || t, 'queued', 1, 'default_pool', 1, 'default'
    FROM dag_run, generate_series(1, 20) t WHERE state = 'running' AND start_date = now()
    """,
)

PEER = """
import statistics, sys, time
from prometheus_client import CollectorRegistry, generate_latest
from sqlalchemy import event
from airflow import settings
settings.initialize() if hasattr(settings, "initialize") else settings.configure_orm()
from airflow_exporter.prometheus_exporter import MetricsCollector
statements = [0]
event.listen(settings.engine, "before_cursor_execute", lambda *a: statements.__setitem__(0, statements[0] + 1))
registry = CollectorRegistry()
registry.register(MetricsCollector())
times = []
for _ in range(5):
    statements[0] = 0
    begun = time.perf_counter()
    text = generate_latest(registry)
    times.append(time.perf_counter() - begun)
    settings.Session.remove()
print(statistics.median(times), statements[0], len([l for l in text.splitlines() if l[:1] != b"#"]))
"""


@contextlib.contextmanager
def postgres() -> Iterator[str]:
    """A server of our own; yields the URL of its empty database `bench`."""
    places = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not places:
        raise SystemExit("PostgreSQL is not installed: apt-get install -y postgresql")
    folder = Path(tempfile.mkdtemp(prefix="windsock-bench-"))
    become: list[str] = []
    if os.geteuid() == 0:
        account = pwd.getpwnam("postgres")
        os.chown(folder, account.pw_uid, account.pw_gid)
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
    initdb = [*become, str(places[-1] / "initdb"), "-D", "data", "-A", "trust", "-U", "postgres", "--locale=C.UTF-8"]
    subprocess.run(initdb, check=True, cwd=folder, stdout=subprocess.DEVNULL)
    options = [text for one in (*SETTINGS, f"port={port}", f"unix_socket_directories={folder}") for text in ("-c", one)]
    with (folder / "log").open("wb") as log:
        command = [*become, str(places[-1] / "postgres"), "-D", "data", *options]
        process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
    url = f"postgresql+psycopg2://postgres@127.0.0.1:{port}/"
    try:
        admin = sa.create_engine(
            f"{url}postgres", isolation_level="AUTOCOMMIT", future=True, poolclass=sa.pool.NullPool
        )
        for _ in range(200):
            with contextlib.suppress(sa.exc.OperationalError):
                with admin.connect() as connection:
                    connection.execute(sa.text("CREATE DATABASE bench"))
                break
            time.sleep(0.1)
        yield f"{url}bench"
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def migrate(url: str, airflow: str | None, home: str) -> None:
    """The tables: those of a real Airflow where there is one, else those that the collector reads."""
    if airflow is None:
        with sa.create_engine(url, future=True).begin() as connection:
            connection.exec_driver_sql(SCHEMA.read_text())
        return
    command = [airflow, "-m", "airflow", "db", "migrate"]
    subprocess.run(
        command, check=True, env=environment(url, home), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def environment(url: str, home: str) -> dict[str, str]:
    given = {"AIRFLOW_HOME": home, "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": url, "AIRFLOW__CORE__LOAD_EXAMPLES": "False"}
    return {**os.environ, **given}


def measure(url: str, passes: int, *, plans: bool) -> dict[str, Any]:
    settings = Settings()
    collector = Collector(settings, url)
    seen: dict[str, Any] = {}

    def note(connection: Any, cursor: Any, statement: str, parameters: Any, *rest: Any) -> None:
        del connection, cursor, rest
        seen[statement] = parameters

    sa.event.listen(collector.session.engine, "before_cursor_execute", note)
    collect_less()  # as the exporter does
    engine = sa.create_engine(url, future=True)
    whole: list[float] = []
    cpu: list[float] = []
    statements: list[int] = []
    queries: dict[str, list[float]] = {}
    steps: list[float] = []
    while len(whole) < passes + 1:
        with engine.begin() as connection:
            for statement in LIVE:
                connection.execute(sa.text(statement))
        before, used, begun = collector.session.statements, time.thread_time(), time.perf_counter()
        collector.look()
        whole.append(time.perf_counter() - begun)
        cpu.append(time.thread_time() - used)
        statements.append(collector.session.statements - before)
        for name, seconds in collector.times.items() if len(whole) > 1 else ():
            queries.setdefault(name, []).append(seconds)
        more = collector.status() == "starts"
        while more:
            begun = time.perf_counter()
            more = collector.read_on()
            steps.append(time.perf_counter() - begun)
    found = {}
    with engine.connect() as connection:
        for statement, parameters in seen.items():
            if "task_instance" in statement or plans:
                rows = connection.exec_driver_sql(f"EXPLAIN (ANALYZE) {statement}", parameters).fetchall()
                found[statement] = [row[0] for row in rows]
    begun = time.perf_counter()
    text = render(list(collector.stores()), TEXT)
    rendered = time.perf_counter() - begun
    collector.session.close()
    return {
        "first_ms": whole[0] * 1000,
        "read_on_ms": {"steps": len(steps), "most": max(steps, default=0) * 1000, "all": sum(steps) * 1000},
        "pass_ms": {
            "median": statistics.median(whole[1:]) * 1000,
            "p95": sorted(whole[1:])[int(0.95 * passes)] * 1000,
            "most": max(whole[1:]) * 1000,
        },
        "cpu_ms": {"median": statistics.median(cpu[1:]) * 1000, "mean": statistics.mean(cpu[1:]) * 1000},
        "statements": {
            "first": statements[0],
            "median": statistics.median(statements[1:]),
            "most": max(statements[1:]),
        },
        "queries_ms": {name: [statistics.median(times) * 1000, max(times) * 1000] for name, times in queries.items()},
        "sequential_scans_of_task_instance": sum(
            "Seq Scan on task_instance" in line for plan in found.values() for line in plan
        ),
        "series": collector.own.gauge("windsock_metadata_series").value,
        "exposition_bytes": len(text),
        "render_ms": rendered * 1000,
        "failed": collector.failing(),
        "plans": found,
    }


def peer(airflow: str, url: str, home: str) -> dict[str, Any]:
    done = subprocess.run(
        [airflow, "-c", PEER], capture_output=True, text=True, env=environment(url, home), check=False
    )
    if done.returncode:
        raise SystemExit(f"airflow-exporter does not run in {airflow}: {done.stderr[-2000:]}")
    seconds, statements, series = done.stdout.split()[-3:]
    return {"scrape_ms": float(seconds) * 1000, "statements": int(statements), "series": int(series)}


def show(result: dict[str, Any], *, plans: bool) -> None:
    times, number = result["pass_ms"], result["statements"]
    first, steps = result["first_ms"], result["read_on_ms"]
    print(f"the first pass  {first:8.1f} ms  {first / times['median']:.1f} times one of the others")
    print(f"the history     {steps['all']:8.1f} ms  in {steps['steps']} steps after it, {steps['most']:.1f} at most")
    cpu = f"CPU {result['cpu_ms']['median']:.1f} ms, on average {result['cpu_ms']['mean']:.1f} ms"
    print(f"pass, median    {times['median']:8.1f} ms  {number['median']:.0f} statements, {cpu}")
    print(f"pass, p95       {times['p95']:8.1f} ms")
    print(f"pass, most      {times['most']:8.1f} ms  {number['most']} statements")
    size = f"{result['series']:,.0f} series, {result['exposition_bytes']:,} bytes"
    print(f"exposition      {result['render_ms']:8.1f} ms  {size}")
    print(f"sequential scans of task_instance: {result['sequential_scans_of_task_instance']}")
    print("\nquery              median      most")
    for name, (median, most) in sorted(result["queries_ms"].items(), key=lambda item: -item[1][0]):
        print(f"{name:16} {median:8.1f}  {most:8.1f} ms")
    for name, text in result["failed"].items():
        print(f"FAILED {name}: {text}")
    for statement, plan in result["plans"].items() if plans else ():
        print(f"\n{statement}")
        print("\n".join(f"    {line}" for line in plan))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", help="of a database that is filled already, and has no password")
    parser.add_argument("--dags", type=int, default=500)
    parser.add_argument("--runs", type=int, default=200, help="of each DAG")
    parser.add_argument("--tasks", type=int, default=20, help="of each run")
    parser.add_argument("--passes", type=int, default=60)
    parser.add_argument("--plans", action="store_true", help="print every statement with its plan")
    parser.add_argument("--airflow", metavar="PYTHON", help="an environment with Airflow 3.3 and airflow-exporter")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as home, contextlib.ExitStack() as stack:
        url = options.url or stack.enter_context(postgres())
        if options.url is None:
            migrate(url, options.airflow, home)
            seed(url, options.dags, options.runs, options.tasks)
        total = options.dags * options.runs
        if not options.json:
            size = f"{options.dags:,} DAGs, {total:,} runs, {total * options.tasks:,} task instances"
            print(f"{options.url or size}; load {os.getloadavg()[0]:.1f}\n")
        result = measure(url, options.passes, plans=options.plans)
        if options.airflow:
            result["airflow_exporter"] = peer(options.airflow, url, home)
    if options.json:
        print(json.dumps(result, indent=2))
        return
    show(result, plans=options.plans)
    if "airflow_exporter" in result:
        other = result["airflow_exporter"]
        print(
            f"\nairflow-exporter, one scrape: {other['scrape_ms']:,.0f} ms, {other['statements']:,} statements, "
            f"{other['series']:,} series"
        )


if __name__ == "__main__":
    main()
