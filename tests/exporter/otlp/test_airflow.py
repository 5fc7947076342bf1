"""Airflow's own OpenTelemetry, in processes that live for a second each as those of its tasks do."""

from __future__ import annotations

import json
import subprocess

import pytest
from real import environments

from windsock.airflow.versions import NEWEST

TASKS = """
import json, os, sys
from airflow.sdk._shared.observability.metrics import stats
from airflow.sdk.observability.metrics import stats_utils

# Each is forked by one that has imported Airflow, as those of tasks are.
for environ in json.loads(sys.argv[1]):
    if not os.fork():
        os.environ.update(environ)
        break
else:
    ends = [os.wait()[1] for _ in json.loads(sys.argv[1])]
    os._exit(any(ends))

stats.initialize(factory=stats_utils.get_stats_factory(), export_legacy_names=True)
tags = {"dag_id": "team.data", "task_id": "t", "state": "success"}
stats.incr("ti.finish", tags=tags)
stats.timing("task.duration", 1500.0, tags={"dag_id": "team.data", "task_id": "t"})
"""
FINISHED = 'airflow_ti_finish_total{dag_id="team.data",state="success",task_id="t"}'
TOOK = 'airflow_task_duration_seconds_{}{{dag_id="team.data",task_id="t"}}'


@pytest.fixture
def run(tmp_path):
    """Run tasks' processes of Airflow's, each of which sends by its variables."""
    python = environments.airflow(NEWEST) / "bin" / "python"

    def variables(given: dict[str, object]) -> dict[str, str]:
        options = {name: value for name, value in given.items() if not name.startswith("OTEL_")}
        sdk = {name: str(value) for name, value in given.items() if name not in options}
        return sdk | {f"AIRFLOW__METRICS__{name.upper()}": str(value) for name, value in options.items()}

    def tasks(*each: dict[str, object]) -> None:
        environ = {"AIRFLOW_HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
        command = [python, "-c", TASKS, json.dumps([variables(one) for one in each])]
        done = subprocess.run(
            command, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=200, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]

    return tasks


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
    run(*({**otel, **more} for more in ({}, {}, grpc, statsd)))

    eventually(lambda: scrape(service).get(FINISHED) == 4)
    found = scrape(service)
    assert found[TOOK.format("count")] == 4
    assert found[TOOK.format("sum")] == 6
    assert found["windsock_otlp_instances"] == 3, "the fourth sent no OpenTelemetry"
    assert found['windsock_otlp_points_total{outcome="legacy"}'] >= 3 * 2
    assert found["windsock_lines_total"] >= 2
