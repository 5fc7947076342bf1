"""Every unit test of the rules in a real VictoriaMetrics, evaluated by vmalert: MetricsQL, its `for` and its templates.

And both as servers, where a rule reads its own alert. Minutes of a whole core: `make matrix` runs it, the usual suite
does not, so that no test_ stands before its name.
"""

from __future__ import annotations

import re
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
import yaml
from real import engines, programs
from real.server import Server

from windsock import parts
from windsock.alerts import build, coverage, formats
from windsock.alerts.rules import RULES
from windsock.alerts.unit_tests import needed
from windsock.settings import Settings

RULE_FILE = yaml.safe_load(build.files(Settings(exporter={"web": {"listen": "127.0.0.1:0"}}))[build.RULES])
"""Without links, as the unit tests are written."""


@pytest.fixture
def passes(tmp_path):
    """`passes(alert, right="", wrong="")`: what vmalert-tool says of its unit tests, where one part is wrong."""

    def run(alert, right="", wrong=""):
        test = yaml.safe_load((coverage.TESTS / f"{alert}.yml").read_text())
        rules, test = engines.for_victoriametrics(needed(RULE_FILE, alert), test)
        text = yaml.safe_dump(rules, width=10_000)
        assert right in text
        return engines.VICTORIA.run(engines.write(tmp_path, yaml.safe_load(text.replace(right, wrong)), test))

    return run


@pytest.mark.parametrize("alert", [rule.name for rule in RULES])
def test_every_unit_test_passes(passes, alert):
    done = passes(alert)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("alert", "right", "wrong"),
    [
        ("AirflowSchedulerHeartbeatStopped", "[2m30s]", "[1m30s]"),
        ("WindsockDatabaseDown", "airflow_db_up[5m30s]", "airflow_db_up[5m]"),
        ("WindsockKernelDrops", "14m59s", "15m59s"),
        ("WindsockLogsLate", "keep_firing_for: 5m", "keep_firing_for: 1m"),
        ("WindsockReconcilerStopped", "time() - 300", "time() - 360"),
    ],
)
def test_a_wrong_rule_fails_its_unit_tests(passes, alert, right, wrong):
    assert passes(alert, right, wrong).returncode == 1


def test_vmalert_takes_the_file_that_is_made_for_it(tmp_path):
    settings = Settings(prometheus={"version": "2.53", "query_offset": "30s"})
    (tmp_path / "rules.yml").write_text(formats.vmalert(build.files(settings)[build.RULES], settings)["rules.yml"])
    vmalert = programs.find("vmalert", parts.VICTORIAMETRICS.current)
    command = [vmalert, "-dryRun", "-rule.validateTemplates", f"-rule={tmp_path}/rules.yml"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


class Exporter:
    """What stands for the exporter: a heartbeat with each scrape, none, or no answer at all."""

    def __init__(self):
        self.beats, self.down, count = True, False, 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                nonlocal count
                count += outer.beats
                body = f"airflow_scheduler_heartbeat_total {count}\n".encode()
                self.send_response(503 if outer.down else 200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()


@pytest.fixture
def exporter():
    running = Exporter()
    yield running
    running.server.shutdown()
    running.server.server_close()


@pytest.fixture
def start():
    """`start(program, *flags)`: one of VictoriaMetrics' programs as a server; its URL."""
    running = []

    def run(program, *flags):
        server = Server("root")
        running.append(server)
        found = programs.find(program, parts.VICTORIAMETRICS.current)
        server.start(str(found), f"-httpListenAddr=127.0.0.1:{server.port}", *flags)
        return f"http://127.0.0.1:{server.port}"

    yield run
    for server in reversed(running):
        server.remove()


def ask(url, **parameters):
    answer = requests.get(url, params=parameters, timeout=60)
    answer.raise_for_status()
    return answer.json()["data"]


def until(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_a_running_vmalert_goes_on_with_its_alert_while_nobody_hears_the_exporter(exporter, start, tmp_path):
    """The rule reads its own alert, which vmalert writes into VictoriaMetrics. Each minute of the rules is a second."""
    job = {"job_name": "windsock", "static_configs": [{"targets": [f"127.0.0.1:{exporter.server.server_port}"]}]}
    job["static_configs"][0]["labels"] = {"cluster": "prod"}
    (tmp_path / "scrape.yml").write_text(yaml.safe_dump({"global": {"scrape_interval": "1s"}, "scrape_configs": [job]}))
    text = build.files(Settings())[build.RULES]
    (tmp_path / "rules.yml").write_text(re.sub(r"(offset |:|\[|for: )(\d)m(?:30s)?\b", r"\1\2s", text))
    storage = start(
        "victoria-metrics",
        f"-storageDataPath={tmp_path}/data",
        f"-promscrape.config={tmp_path}/scrape.yml",
        "-search.latencyOffset=0s",
    )
    vmalert = start(
        "vmalert",
        f"-rule={tmp_path}/rules.yml",
        *(f"-{flag}.url={storage}" for flag in ("datasource", "remoteWrite", "remoteRead")),
        "-notifier.blackhole",
        "-disableAlertgroupLabel",
        "-evaluationInterval=1s",
        # A sample is found a second or two after it was written.
        "-rule.evalDelay=5s",
        "-remoteWrite.flushInterval=100ms",
    )

    def firing():
        alerts = ask(f"{vmalert}/api/v1/alerts")["alerts"]
        return {alert["name"] for alert in alerts if alert["state"] == "firing"}

    def up():
        found = ask(f"{storage}/api/v1/query", query="last_over_time(up[1m])")["result"]
        return [one["value"][1] for one in found]

    stopped = "AirflowSchedulerHeartbeatStopped"
    until(lambda: up() == ["1"] and "Watchdog" in firing())
    exporter.beats = False
    until(lambda: stopped in firing())
    exporter.down = True
    until(lambda: up() == ["0"])
    # By then vmalert sees nothing but what it wrote.
    until(lambda: "WindsockExporterDown" in firing())
    end = time.monotonic() + 10
    while time.monotonic() < end:
        assert stopped in firing()
        time.sleep(0.5)
    exporter.down, exporter.beats = False, True
    until(lambda: stopped not in firing())
    groups = ask(f"{vmalert}/api/v1/rules")["groups"]
    assert {rule["lastError"] for group in groups for rule in group["rules"]} == {""}
