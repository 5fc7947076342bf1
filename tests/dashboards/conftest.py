"""The dashboards as Grafana would read them, and a Prometheus that holds a sample of every catalogued metric."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import requests
from real import programs
from real.server import free_port
from real.waiting import until

from windsock import catalog
from windsock.dashboards import build
from windsock.dashboards.targets import panels as panels_of
from windsock.parts import PROMETHEUS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

RANGE = 600
STEP = 30
SAMPLES = 41
END = 1_790_000_000 // STEP * STEP

GRAFANA = {
    "$__rate_interval": "1m",
    "$__range": f"{RANGE}s",
    "$__interval": "1m",
    **dict.fromkeys(("$cluster", "$dag_id", "$task_id", "$team", "$owner", "$tags", "$pool_name", "$queue"), ".*"),
    "$counter": "airflow_custom_rows_total",
    "$gauge": "airflow_custom_lag",
    "$timing": "airflow_custom_step_seconds_bucket",
}
CUSTOM = (catalog.custom("rows", "counter"), catalog.custom("lag", "gauge"), catalog.custom("step", "histogram"))
"""What DAG authors send."""


@dataclass(frozen=True)
class Target:
    """One query of one panel, as Grafana sends it with "All" chosen."""

    board: str
    panel: dict[str, Any]
    json: dict[str, Any]

    @property
    def where(self) -> str:
        return f"{self.board}: {self.panel['title']} {self.json['refId']}"

    @property
    def query(self) -> str:
        return interpolate(self.json["expr"])


def interpolate(expr: str) -> str:
    for name, value in GRAFANA.items():
        expr = expr.replace(name, value)
    assert "$" not in expr, f"a variable that Grafana would not know: {expr}"
    return expr


@pytest.fixture(scope="session")
def boards() -> dict[str, dict[str, Any]]:
    return {name: json.loads(text) for name, text in build.files().items()}


@pytest.fixture(scope="session")
def panels(boards) -> list[dict[str, Any]]:
    return [panel for board in boards.values() for panel in panels_of(board)]


@pytest.fixture(scope="session")
def targets(boards) -> list[Target]:
    return [
        Target(name.removesuffix(".json"), panel, target)
        for name, board in boards.items()
        for panel in panels_of(board)
        for target in panel["targets"]
    ]


@pytest.fixture(scope="session")
def data(tmp_path_factory) -> Path:
    """Blocks with twenty minutes of every metric, up to END."""
    folder = tmp_path_factory.mktemp("prometheus")
    (folder / "data.txt").write_text("\n".join([*_samples(), "# EOF"]) + "\n")
    promtool = programs.find("promtool", PROMETHEUS.oldest)
    subprocess.run(
        [promtool, "tsdb", "create-blocks-from", "openmetrics", folder / "data.txt", folder / "data"],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return folder / "data"


@pytest.fixture(scope="session")
def prometheus(data) -> Iterator[str]:
    """The URL of the oldest Prometheus that is supported, with `data`."""
    with _running(PROMETHEUS.oldest, data) as url:
        yield url


@pytest.fixture(scope="session")
def newest(data) -> Iterator[str]:
    """The same of the newest one."""
    with _running(PROMETHEUS.current, data) as url:
        yield url


@contextmanager
def _running(version: str, data: Path) -> Iterator[str]:
    folder = data.parent / version
    shutil.copytree(data, folder / "data")
    (folder / "prometheus.yml").write_text("global: {}\n")
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                programs.find("prometheus", version),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--storage.tsdb.retention.time=100y",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        _await(f"{url}/-/ready", process, folder / "log")
        yield url
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)


def _await(url: str, process: subprocess.Popen[bytes], log) -> None:
    def up() -> bool:
        assert process.poll() is None, log.read_text()[-2000:]
        return requests.get(url, timeout=60).ok

    until(up, why=log.read_text)


VALUES = {
    "dag_id": ("orders", "billing"),
    "state": ("success", "failed", "up_for_retry"),
    "major": ("3",),
    "job_type": ("SchedulerJob", "DagProcessorJob", "TriggererJob"),
    "airflow_db_dag_runs state": ("queued", "running"),
    "airflow_db_dag_run_oldest_age_seconds state": ("queued", "running"),
    "airflow_db_task_instances state": ("scheduled", "queued", "running", "deferred"),
    "airflow_db_task_instance_oldest_age_seconds state": ("scheduled", "queued", "running"),
    "airflow_db_executor_task_instances state": ("queued", "running"),
    "airflow_db_pool_used_slots state": ("running", "queued", "deferred", "scheduled"),
    "airflow_db_triggers state": ("assigned", "waiting"),
    "airflow_db_deadlines state": ("pending", "missed"),
    "quantile": ("0.5", "0.9"),
}
"""By label; for one metric alone by `FAMILY LABEL`. Any other label has one value that says its name."""
TRIES = {"success": 4, "failed": 1, "up_for_retry": 1}
LEVELS = {
    "airflow_db_dag_schedule_lag_seconds": 600,
    "airflow_db_dag_run_usual_ratio": 3,
    "airflow_db_dag_fresh": 0,
    "airflow_db_task_instance_oldest_age_seconds": 60,
    "airflow_db_dag_consecutive_failures": 2,
    "airflow_db_pool_open_slots": 0,
    "airflow_db_pool_slots": 4,
}
"""What a gauge is, other than 1: an incident, so that what lists only what is wrong has something to list."""
BUDGET = {"broken28d": 0.5, "budget": 0.01, "burn3d": 50, "budget_left28d": -49}
"""What rules record of an objective: half of the runs fail, fifty times as many as the one in a hundred that may."""
SUCCEEDED = ("airflow_db_dag_last_run_state", {"dag_id": "billing", "state": "failed"})
"""What is not so: the last run of one DAG failed, that of the other did not."""
LATELY = {"airflow_db_dag_paused_with_schedule", "airflow_db_dag_stale"}
"""What is so since a few minutes."""


def growth(family: str, labels: dict[str, str]) -> int:
    """What a counter grows by in each step."""
    tries = ("airflow_dag_tries_finished_total", "airflow_ti_finish_total", "airflow_db_task_instances_finished_total")
    if family not in tries:
        return 1
    return 3 if labels["dag_id"] == "orders" and labels["state"] == "failed" else TRIES[labels["state"]]


def _samples() -> Iterator[str]:
    common = 'cluster="prod",instance="exporter:9102",job="windsock"'
    for metric in (*catalog.by_family().values(), *CUSTOM):
        for labels in _combinations(metric.family, metric.labels):
            if (metric.family, labels) == SUCCEEDED:
                continue
            text = ",".join([common, *(f'{name}="{value}"' for name, value in labels.items())])
            for index in range(SAMPLES - 10 if metric.family in LATELY else 0, SAMPLES):
                at = END - (SAMPLES - 1 - index) * STEP
                yield from _lines(metric, text, index * growth(metric.family, labels), at)
    for index in range(SAMPLES):
        at = END - (SAMPLES - 1 - index) * STEP
        yield f"up{{{common}}} 1 {at}"
        for name, severity in (("AirflowSchedulerSilent", "critical"), ("Watchdog", "info")):
            yield f'ALERTS{{{common},alertname="{name}",alertstate="firing",severity="{severity}"}} 1 {at}'
        for name, value in BUDGET.items():
            of = 'cluster="prod",dag_id="orders",objective="success"'
            yield f"cluster_dag_id_objective:airflow_db_dag_objective_ratio:{name}{{{of}}} {value} {at}"


def _lines(metric: catalog.Metric, labels: str, count: int, at: int) -> Iterator[str]:
    if metric.kind == "counter":
        yield f"{metric.family}{{{labels}}} {count} {at}"
    elif metric.kind == "gauge":
        yield f"{metric.family}{{{labels}}} {LEVELS.get(metric.family, 1)} {at}"
    else:
        # Every observation is just under the third bound.
        value = metric.buckets[2]
        for bound in (*metric.buckets, "+Inf"):
            inside = count if bound == "+Inf" or bound >= value else 0
            yield f'{metric.family}_bucket{{{labels},le="{bound}"}} {inside} {at}'
        yield f"{metric.family}_sum{{{labels}}} {count * value} {at}"
        yield f"{metric.family}_count{{{labels}}} {count} {at}"


def _combinations(family: str, names: tuple[str, ...]) -> Iterator[dict[str, str]]:
    if not names:
        yield {}
        return
    for value in VALUES.get(f"{family} {names[0]}") or VALUES.get(names[0], (f"a-{names[0]}",)):
        for rest in _combinations(family, names[1:]):
            yield {names[0]: value, **rest}
