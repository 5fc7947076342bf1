"""Naming modes, mapping files and their import, as a user sets them: through the program."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
import yaml
from real import command

from windsock import settings

CHART = Path(__file__).parent / "data" / "helm-chart.yml"
LINE = b"airflow.pool.open_slots.default_pool:128|g"


def windsock(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return command.windsock("exporter", *arguments, cwd=folder, environ=command.without_settings())


def send(port: int, *lines: bytes, host: str = "127.0.0.1") -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for line in lines:
            sock.sendto(line, (host, port))


LISTEN = ("--statsd-listen", "udp://127.0.0.1:0", "--web-listen", "127.0.0.1:0")


@pytest.mark.parametrize(
    ("options", "series"),
    [
        ((), 'airflow_pool_open_slots{pool_name="default_pool"} 128'),
        (("--naming", "prometheus"), 'airflow_pool_open_slots{pool_name="default_pool"} 128'),
        (("--naming", "helm-chart"), 'airflow_pool_open_slots{pool="default_pool"} 128'),
        (("--naming", "statsd-exporter"), "airflow_pool_open_slots_default_pool 128"),
        (("--mapping-config", str(CHART)), 'airflow_pool_open_slots{pool="default_pool"} 128'),
    ],
)
def test_a_mode_is_chosen_on_the_command_line(options, series, program, eventually):
    exporter = program(*LISTEN, *options)
    send(exporter.port("udp"), LINE)
    eventually(lambda: f"\n{series}\n" in requests.get(exporter.metrics, timeout=60).text)


def test_a_gauge_has_one_value_whoever_sends_it(program, eventually):
    exporter = program(
        "--statsd-listen", "udp://0.0.0.0:0", "--web-listen", "127.0.0.1:0", "--naming", "statsd-exporter"
    )
    port = int(re.search(r"udp://\S+:(\d+)", exporter.greeting)[1])
    for sender, line in (("127.0.0.2", b"g:333|g"), ("127.0.0.3", b"g:-10|g"), ("127.0.0.4", b"g:+4|g")):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind((sender, 0))
            sock.sendto(line, ("127.0.0.1", port))
    eventually(lambda: "\ng 327\n" in requests.get(exporter.metrics, timeout=60).text)


def test_a_changed_file_is_taken_over_on_sighup(program, eventually, tmp_path):
    file = tmp_path / "mapping.yml"
    file.write_text("mappings:\n- {match: a.*, name: before, labels: {id: $1}}\n")
    exporter = program(*LISTEN, "--mapping-config", str(file))

    def shows(text: str) -> bool:
        send(exporter.port("udp"), b"a.x:1|c")
        return text in requests.get(exporter.metrics, timeout=60).text

    eventually(lambda: shows('before{id="x"}'))
    file.write_text("mappings:\n- {match: a.*, name: after, labels: {id: $1}}\n")
    os.kill(exporter.process.pid, signal.SIGHUP)
    eventually(lambda: shows('after{id="x"}'))

    file.write_text("mappings:\n- {match: '-', name: bad}\n")
    os.kill(exporter.process.pid, signal.SIGHUP)
    eventually(lambda: "mappings[0].match: expected parts" in exporter.log.read_text())
    send(exporter.port("udp"), b"a.y:1|c")
    eventually(lambda: 'after{id="y"} 1' in requests.get(exporter.metrics, timeout=60).text)


def test_a_name_that_almost_matches_stops_nothing(program, eventually, tmp_path):
    (tmp_path / "m.yml").write_text("mappings:\n- {match: '^((\\w+)*\\.)*end$', match_type: regex, name: found}\n")
    exporter = program(*LISTEN, "--mapping-config", "m.yml")
    send(exporter.port("udp"), b"a" * 37 + b"!:1|c", b"a." * 2000 + b"b:1|c", b"after.end:1|c")
    eventually(lambda: "\nfound 1\n" in requests.get(exporter.metrics, timeout=60).text)


def test_a_state_of_the_catalogue_does_no_harm(program, eventually, tmp_path):
    (tmp_path / "windsock.yaml").write_text(f"exporter: {{state_file: {tmp_path / 'state'}}}\n")
    before = program(*LISTEN)
    send(before.port("udp"), b"airflow.ti.start,dag_id=d,task_id=t:5|c")
    eventually(lambda: 'task_id="t"} 5' in requests.get(before.metrics, timeout=60).text)
    assert before.end() == 0
    assert "airflow_ti_start_total" in (tmp_path / "state").read_text()

    after = program(*LISTEN, "--naming", "statsd-exporter")
    send(after.port("udp"), b"airflow.ti.start.total:7|g")
    eventually(lambda: "\nairflow_ti_start_total 7\n" in requests.get(after.metrics, timeout=60).text)
    assert "windsock_ingest_errors_total 0" in requests.get(after.metrics, timeout=60).text


@pytest.mark.parametrize("option", ["--check-config", None])
def test_a_bad_file_ends_it_with_2(option, tmp_path):
    (tmp_path / "m.yml").write_text("mappings:\n- {match: a, name: b, ttl: 5}\n")
    ended = windsock("--mapping-config", "m.yml", *([option] if option else LISTEN), folder=tmp_path)
    assert ended.returncode == 2
    assert "windsock: m.yml:2: mappings[0].ttl: expected a duration with its unit" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_remarks_are_logged_at_the_start(program, tmp_path):
    (tmp_path / "m.yml").write_text("mappings:\n- {match: a, name: b, lables: {}}\n")
    exporter = program(*LISTEN, "--mapping-config", "m.yml")
    assert (
        "WARNING m.yml:2: mappings[0].lables: unknown key, left out; did you mean 'labels'?" in exporter.log.read_text()
    )


def test_an_unknown_mode_is_refused(tmp_path):
    ended = windsock("--naming", "graphite", folder=tmp_path)
    assert ended.returncode == 2
    assert "'graphite' is not one of 'prometheus', 'helm-chart', 'statsd-exporter'" in ended.stderr


CATALOGUED = """
defaults: {observer_type: histogram, buckets: [1, 60.5, 3600], ttl: 1h}
mappings:
- {match: airflow.dag.*.*.duration, name: task_duration, labels: {dag: $1, task: $2}}
- {match: airflow.dag.*.*.scheduled_duration, name: waited, scale: 1000, observer_type: summary}
- {match: airflow.ti_failures, name: failures, histogram_options: {native_histogram_max_buckets: 9}}
- {match: airflow.ti_successes, name: no, action: drop}
"""


def test_what_the_catalogue_knows_needs_no_file(tmp_path):
    (tmp_path / "m.yml").write_text(CATALOGUED)
    ended = windsock("import-mapping", "m.yml", folder=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout == (
        "# From m.yml: 4 mappings.\n"
        "exporter:\n"
        "  naming: prometheus\n"
        "  buckets:\n"
        "    airflow_task_duration_seconds: [1.0, 60.5, 3600.0]\n"
        "\n"
        "# The names change so:\n"
        "#   failures -> airflow_ti_failures_total{dag_id, task_id, run_type}\n"
        "#   task_duration{dag, task} -> airflow_task_duration_seconds{dag_id, task_id, run_type}\n"
        "#   waited -> airflow_task_scheduled_duration_seconds{dag_id, task_id, run_type, queue}\n"
        "\n"
        "# What can't be kept:\n"
        "#   m.yml:6: mappings[2].histogram_options.native_histogram_max_buckets: native histograms have no form in"
        " Prometheus' text formats\n"
        '#   summaries become histograms: x{quantile="0.9"} is histogram_quantile(0.9, rate(x_bucket[5m])) then\n'
        "#   ttl: gauges go after exporter.expiry.gauges, counters and histograms with their DAG\n"
        "#   scale of airflow.dag.*.*.scheduled_duration: the catalogue has each metric's unit\n"
        "#   what no mapping matches: names that the catalogue does not know, unless statsd.unmapped is keep\n"
        "#   what the mapping drops: airflow_ti_successes_total; Prometheus can drop them (metric_relabel_configs)\n"
    )
    (tmp_path / "windsock.yaml").write_text(ended.stdout)
    exporter = settings.load(tmp_path / "windsock.yaml").exporter
    assert exporter.buckets == {"airflow_task_duration_seconds": (1, 60.5, 3600)}


def test_what_the_catalogue_does_not_know_needs_the_file(tmp_path):
    (tmp_path / "m.yml").write_text(
        "mappings:\n- {match: airflow.my.*, name: my, labels: {x: $1}}\n- {match: airflow.ti_failures, name: f}\n"
    )
    ended = windsock("import-mapping", "m.yml", folder=tmp_path)
    assert ended.stdout == (
        "# From m.yml: 2 mappings.\n"
        "exporter: {mapping_config: m.yml}\n"
        "\n"
        "# The file stays, because the catalogue has no metric for these:\n"
        "#   airflow.my.*\n"
        "\n"
        "# With `naming: prometheus` the names would change so:\n"
        "#   f -> airflow_ti_failures_total{dag_id, task_id, run_type}\n"
    )
    facts = json.loads(windsock("import-mapping", "--json", "m.yml", folder=tmp_path).stdout)
    assert facts == {
        "exporter": {"mapping_config": "m.yml"},
        "known": [
            {"match": "airflow.ti_failures", "old": "f", "new": "airflow_ti_failures_total{dag_id, task_id, run_type}"}
        ],
        "unknown": ["airflow.my.*"],
        "lost": [],
    }


def test_the_charts_mapping_becomes_the_charts_naming_mode(tmp_path):
    ended = windsock("import-mapping", str(CHART), folder=tmp_path)
    assert yaml.safe_load(ended.stdout) == {"exporter": {"naming": "helm-chart"}}
    assert (
        "#   airflow_dagrun_failed{dag_id} -> airflow_dagrun_duration_failed_seconds{dag_id, run_type}\n"
        in ended.stdout
    )


def test_a_file_that_can_not_be_imported(tmp_path):
    ended = windsock("import-mapping", "missing.yml", folder=tmp_path)
    assert (ended.returncode, ended.stderr) == (2, "windsock: missing.yml: can't be read: No such file or directory\n")


def test_help_shows_options_command_and_example(tmp_path):
    text = windsock("--help", folder=tmp_path).stdout
    assert "exporter [OPTIONS] [COMMAND]" in text
    for part in (
        "--naming [prometheus|helm-chart|statsd-exporter]",
        "--mapping-config FILE",
        "import-mapping",
        "Example:",
    ):
        assert part in text
    assert "Example: windsock exporter import-mapping" in windsock("import-mapping", "--help", folder=tmp_path).stdout


def test_explain_follows_the_mode(tmp_path):
    (tmp_path / "windsock.yaml").write_text("exporter: {naming: helm-chart}\n")
    command = [sys.executable, "-m", "windsock", "explain", "--json", LINE.decode()]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60, cwd=tmp_path)
    assert json.loads(ended.stdout)["series"] == 'airflow_pool_open_slots{pool="default_pool"}'
