"""Airflow's own OpenTelemetry, in processes that live for a second each as those of its tasks do."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest
from real import environments

from windsock.airflow.versions import NEWEST

TASK = """
from airflow.sdk._shared.observability.metrics import stats
from airflow.sdk.observability.metrics import stats_utils

stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)
tags = {"dag_id": "team.data", "task_id": "t", "state": "success"}
stats.incr("ti.finish", tags=tags)
stats.timing("task.duration", 1500.0, tags={"dag_id": "team.data", "task_id": "t"})
"""
FINISHED = 'airflow_ti_finish_total{dag_id="team.data",state="success",task_id="t"}'
TOOK = 'airflow_task_duration_seconds_{}{{dag_id="team.data",task_id="t"}}'


@pytest.fixture
def run(tmp_path):
    """Run a task's process of Airflow's, that sends by these variables."""
    python = environments.airflow(NEWEST) / "bin" / "python"

    def task(**variables: object) -> None:
        given = {f"AIRFLOW__METRICS__{name.upper()}": str(value) for name, value in variables.items()}
        sdk = {name: str(value) for name, value in variables.items() if name.startswith("OTEL_")}
        environ = {"AIRFLOW_HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), **given, **sdk}
        done = subprocess.run(
            [python, "-c", TASK], env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]

    return task


def test_each_process_counts_once_and_with_statsd_on_too_it_sends_statsd_alone(run, serve, scrape, eventually):
    service = serve("udp://127.0.0.1:0", otlp={"listen": "127.0.0.1:0", "grpc": "127.0.0.1:0"})
    otel = {
        "otel_on": True,
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": service.otlp.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    }
    grpc = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": service.grpc.url, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    port = service.addresses()[0].rpartition(":")[2]
    statsd = {"statsd_on": True, "statsd_host": "127.0.0.1", "statsd_port": port, "statsd_influxdb_enabled": True}
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda more: run(**{**otel, **more}), ({}, {}, grpc, statsd)))

    eventually(lambda: scrape(service).get(FINISHED) == 4)
    found = scrape(service)
    assert found[TOOK.format("count")] == 4
    assert found[TOOK.format("sum")] == 6
    assert found["windsock_otlp_instances"] == 3, "the fourth sent no OpenTelemetry"
    assert found['windsock_otlp_points_total{outcome="legacy"}'] >= 3 * 2
    assert found["windsock_lines_total"] >= 2
