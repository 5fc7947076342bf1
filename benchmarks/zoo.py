"""What the metadata collector counts on a real Airflow, beside what the database and StatsD say.

    python benchmarks/zoo.py [--airflow VERSION] [--minutes N] [--otlp] [--celery FOLDER] [--kill] [--out FILE]

Makes an environment with that Airflow and a PostgreSQL of its own, and lets the DAGs of zoo_dags.py run while
`windsock exporter` reads both; the exporter is stopped half-way and started again. In the end Airflow is stopped, and
then, by DAG and state: what the database holds, how much of it ended while no exporter looked, what the collector's
counters grew by, and what StatsD's did; with --otlp, what those of OpenTelemetry's metrics did, which Airflow sends
instead. With --celery tasks are run by Celery, a Redis and one worker: FOLDER is an environment with that Airflow,
`apache-airflow-providers-celery[redis]` and psycopg2-binary. With --kill the exporter is not stopped but killed.
Prints a table; exits with 1 where the collector and the database (less that gap) differ.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from prometheus_client.parser import text_string_to_metric_families

if TYPE_CHECKING:
    from collections.abc import Iterator

from windsock.airflow.versions import NEWEST

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests"))

from real import environments  # noqa: E402  the servers that tests run
from real.airflow import COMPONENTS, Airflow  # noqa: E402
from real.databases import Postgres  # noqa: E402
from real.server import free_port  # noqa: E402

BIN = Path(sys.executable).parent
# What each release ran with when it was new: later packages break it.
RESOLVED = {"3.1.3": "2025-11-30T00:00:00Z"}
INTERVAL = 5
Counts = Counter[tuple[str, str]]
TASKS, RUNS = "airflow_db_task_instances_finished_total", "airflow_db_dag_runs_finished_total"


def place(version: str) -> Path | None:
    """An environment with a version that no test runs; None: the tests bring it."""
    if version in environments.VERSIONS:
        return None
    home = ROOT / ".windsock" / f"airflow-{version}"
    uv = str(BIN / "uv")
    if not (home / "bin" / "airflow").exists():
        subprocess.run([uv, "venv", "--quiet", "--python", sys.executable, str(home)], check=True)
    wanted = [f"apache-airflow=={version}", "apache-airflow-providers-standard", "statsd", "psycopg2-binary", "asyncpg"]
    pins = ["--exclude-newer", RESOLVED[version]] if version in RESOLVED else []
    subprocess.run([uv, "pip", "install", "--quiet", "--python", f"{home}/bin/python", *pins, *wanted], check=True)
    return home


def variables(statsd: int, otlp: int | None = None) -> dict[str, str]:
    metrics: dict[str, Any] = {"STATSD_ON": True, "STATSD_HOST": "127.0.0.1", "STATSD_PORT": statsd}
    metrics["STATSD_INFLUXDB_ENABLED"] = True
    sdk = {}
    if otlp is not None:
        metrics = {"OTEL_ON": True}
        sdk = {
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"http://127.0.0.1:{otlp}/v1/metrics",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_METRIC_EXPORT_INTERVAL": "10000",
        }
    # A killed task is noticed by its missing heartbeat: not only after five minutes.
    scheduler = {"TASK_INSTANCE_HEARTBEAT_TIMEOUT": 40, "TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": 5}
    options = {"METRICS": metrics, "SCHEDULER": scheduler}
    airflow = {f"AIRFLOW__{a}__{b}": str(value) for a, section in options.items() for b, value in section.items()}
    return {**airflow, **sdk}


class Exporter:
    """`windsock exporter`, and what its counters have grown by over all of its lives."""

    def __init__(self, home: Path, url: str, statsd: int, otlp: int | None, end: int) -> None:
        self._end = end
        self.web = free_port()
        self._log = home / "exporter.log"
        self._config = home / "windsock.yaml"
        self._config.write_text(f'metadata: {{url: "${{DATABASE}}", interval: {INTERVAL}s}}\n')
        listen = [f"--statsd-listen=udp://127.0.0.1:{statsd}", f"--web-listen=127.0.0.1:{self.web}"]
        self._command = [str(BIN / "windsock"), "exporter", "--config", str(self._config), *listen]
        self._environ = {**os.environ, "DATABASE": url}
        if otlp is not None:
            self._environ["WINDSOCK__EXPORTER__OTLP__LISTEN"] = f"127.0.0.1:{otlp}"
        self.grown: dict[str, Counts] = {}

    @contextlib.contextmanager
    def run(self) -> Iterator[None]:
        with (
            self._log.open("ab") as log,
            subprocess.Popen(
                self._command, env=self._environ, stdout=log, stderr=log, start_new_session=True
            ) as process,
        ):
            try:
                self.wait_for_pass(0)
                yield
                for name, found in self.scrape().items():
                    self.grown.setdefault(name, Counter()).update(found)
            finally:
                process.send_signal(self._end)

    def wait_for_pass(self, after: float) -> float:
        """Wait until the query of finished task instances has succeeded after that time; returns when it did."""
        end = time.monotonic() + 90
        while time.monotonic() < end:
            with contextlib.suppress(OSError, KeyError):
                looked = self.scrape()["windsock_metadata_last_success_timestamp_seconds"]["", "finished"]
                if looked > after:
                    return looked
            time.sleep(0.2)
        raise SystemExit(f"the exporter does not read the database: {self._log.read_text()[-2000:]}")

    def scrape(self) -> dict[str, Counts]:
        """By sample name: the sums by (dag_id, state or query)."""
        with urllib.request.urlopen(f"http://127.0.0.1:{self.web}/metrics", timeout=10) as answer:
            text = answer.read().decode()
        found: dict[str, Counts] = {}
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                said = [sample.labels[label] for label in ("state", "query", "outcome") if label in sample.labels]
                key = sample.labels.get("dag_id", ""), said[0] if said else ""
                found.setdefault(sample.name, Counter())[key] += sample.value  # type: ignore[assignment]
        return found


@contextlib.contextmanager
def redis(home: Path) -> Iterator[int]:
    """A Redis that keeps nothing; its port."""
    port = free_port()
    command = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(home)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, start_new_session=True) as process:
        try:
            yield port
        finally:
            process.terminate()


def finished(engine: sa.engine.Engine, table: str, states: str, gap: tuple[float, float] | None = None) -> Counts:
    """What the database holds by DAG and state; with `gap`, only what ended between those times."""
    within = "AND end_date > to_timestamp(:a) AND end_date <= to_timestamp(:b)" if gap else ""
    text = f"SELECT dag_id, state, count(*) FROM {table} WHERE state IN ({states}) {within} GROUP BY 1, 2"
    with engine.connect() as connection:
        rows = connection.execute(sa.text(text), {"a": gap[0], "b": gap[1]} if gap else {})
        return Counter({(dag_id, state): number for dag_id, state, number in rows})


def table(title: str, *, found: Counts, gap: Counts, counted: Counts, statsd: Counts) -> tuple[list[str], int]:
    lines = [f"| {title} | state | database | in the gap | collector | sent |", "|---|---|--:|--:|--:|--:|"]
    wrong = 0
    for key in sorted({*found, *counted}):
        # A pass takes some time: what ended during the last or the first one may have been counted.
        right = found[key] - gap[key] <= counted[key] <= found[key]
        wrong += not right
        sign = "" if right else " **≠**"
        said = f"{statsd[key]:.0f}" if statsd[key] else "-"
        lines.append(f"| {key[0]} | {key[1]} | {found[key]} | {gap[key]} | {counted[key]:.0f}{sign} | {said} |")
    total = [sum(one.values()) for one in (found, gap, counted)]
    lines.append(f"| all | | {total[0]} | {total[1]} | {total[2]:.0f} | {sum(statsd[key] for key in found):.0f} |")
    return lines, wrong


def measure(
    version: str,
    minutes: float,
    home: Path,
    server: Postgres,
    *,
    otlp: int | None,
    end: int,
    celery: tuple[Path, int] | None,
) -> tuple[list[str], int]:
    url = server.create("airflow")
    statsd = free_port()
    dags = {"zoo.py": (ROOT / "benchmarks" / "zoo_dags.py").read_text()}
    given, python = variables(statsd, otlp), place(version)
    if celery is not None:
        python, redis = celery
        COMPONENTS["3"]["worker"] = ("celery", "worker", "--concurrency", "8", "--skip-serve-logs")
        given |= {
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CELERY__BROKER_URL": f"redis://127.0.0.1:{redis}/0",
            "AIRFLOW__CELERY__RESULT_BACKEND": f"db+{url}",
        }
    airflow = Airflow(version, dags, given, url, python)
    exporter = Exporter(home, url, statsd, otlp, end)
    engine = server.admin("airflow")
    try:
        with exporter.run():
            airflow.start(*(["scheduler", "triggerer"] if airflow.major == "2" else []))
            time.sleep(minutes * 30)
            last = exporter.wait_for_pass(time.time())
        restarted = time.time()
        with exporter.run():
            first = exporter.wait_for_pass(restarted)
            time.sleep(minutes * 30)
            airflow.stop()
            for _ in range(3):
                exporter.wait_for_pass(time.time())
    finally:
        airflow.remove()
    # An end is written before it is committed: what ended just before the last pass may have been invisible to it.
    gap = (last - INTERVAL, first)
    tasks, wrong = table(
        "task instances of",
        found=finished(engine, "task_instance", "'success', 'failed', 'skipped', 'upstream_failed', 'removed'"),
        gap=finished(engine, "task_instance", "'success', 'failed', 'skipped', 'upstream_failed', 'removed'", gap),
        counted=exporter.grown.get(TASKS, Counter()),
        statsd=exporter.grown.get("airflow_ti_finish_total", Counter()),
    )
    said = Counter(
        {
            (dag_id, state): number
            for state in ("success", "failed")
            for (dag_id, _), number in exporter.grown.get(f"airflow_dagrun_duration_{state}_seconds_count", {}).items()
        }
    )
    runs, more = table(
        "runs of",
        found=finished(engine, "dag_run", "'success', 'failed'"),
        gap=finished(engine, "dag_run", "'success', 'failed'", gap),
        counted=exporter.grown.get(RUNS, Counter()),
        statsd=said,
    )
    head = f"Airflow {version}, {minutes:g} minutes, a pass every {INTERVAL} s, no exporter for {first - last:.1f} s:"
    points = exporter.grown.get("windsock_otlp_points_total", Counter())
    told = [f"OpenTelemetry's points: {', '.join(f'{n:.0f} {outcome}' for (_, outcome), n in points.items())}"]
    return [head, "", *tasks, "", *runs, *(["", *told] if otlp is not None else [])], wrong + more


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--airflow", metavar="VERSION", default=NEWEST)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--otlp", action="store_true")
    parser.add_argument("--celery", type=Path, metavar="FOLDER")
    parser.add_argument("--kill", action="store_true")
    parser.add_argument("--out", type=Path, help="also write the table there")
    options = parser.parse_args()
    server = Postgres()
    try:
        with tempfile.TemporaryDirectory(prefix="windsock-zoo-") as folder:
            otlp, end = free_port() if options.otlp else None, signal.SIGKILL if options.kill else signal.SIGTERM
            with redis(Path(folder)) if options.celery else contextlib.nullcontext() as port:
                celery = None if port is None else (options.celery, port)
                lines, wrong = measure(
                    options.airflow, options.minutes, Path(folder), server, otlp=otlp, end=end, celery=celery
                )
    finally:
        server.remove()
    print("\n".join(lines))
    if options.out:
        options.out.write_text("\n".join(lines) + "\n")
    raise SystemExit(int(bool(wrong)))


if __name__ == "__main__":
    main()
