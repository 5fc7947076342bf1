"""The generated rules in a real Prometheus, which scrapes an exporter and speaks to a real Alertmanager."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
import requests
import yaml

from windsock.settings import Settings

LABELS = 'dag_id="orders"'


class Exporter:
    """What stands for the exporter: an exposition that a test changes."""

    def __init__(self):
        self.failed: int | None = 0
        """None: it does not work."""
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = (
                    "# TYPE airflow_scheduler_heartbeat_total counter\nairflow_scheduler_heartbeat_total 7\n"
                    "# TYPE airflow_dag_tries_finished_total counter\n"
                    f'airflow_dag_tries_finished_total{{{LABELS},state="failed"}} {outer.failed}\n'
                ).encode()
                self.send_response(200 if outer.failed is not None else 503)
                self.send_header("Content-Type", "text/plain; version=0.0.4")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.address = f"127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def exporter():
    server = Exporter()
    yield server
    server.close()


@pytest.fixture
def prometheus(serve, rules_in_seconds, tmp_path):
    """`with prometheus({cluster: address}, alertmanager) as url`: the generated rules, each second."""

    def start(targets, alertmanager):
        folder = tmp_path / "prometheus"
        folder.mkdir()
        (folder / "rules.yml").write_text(rules_in_seconds)
        scraped = [{"targets": [address], "labels": {"cluster": cluster}} for cluster, address in targets.items()]
        peers = [{"targets": [alertmanager.url.removeprefix("http://")]}]
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "windsock", "static_configs": scraped}],
            "alerting": {"alertmanagers": [{"static_configs": peers}]},
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        # What fires before Alertmanager is discovered would be sent again after a minute.
        flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data", "--rules.alert.resend-delay=1s"]
        return serve(("prometheus",), flags, folder)

    return start


def query(url, expression):
    answer = requests.get(f"{url}/api/v1/query", params={"query": expression}, timeout=60).json()
    assert answer["status"] == "success", answer
    return [(series["metric"], float(series["value"][1])) for series in answer["data"]["result"]]


def pending(url):
    return {(alert["alertname"], alert["cluster"]) for alert, _ in query(url, 'ALERTS{alertstate="pending"}')}


def test_rules_read_what_is_scraped_and_reach_alertmanager(prometheus, alertmanagers, exporter, tmp_path, eventually):
    (tmp_path / "alertmanager").mkdir()
    targets = {"prod": exporter.address, "test": "127.0.0.1:1"}
    with (
        alertmanagers(tmp_path / "alertmanager", Settings()) as alertmanager,
        prometheus(targets, alertmanager) as url,
    ):
        eventually(lambda: alertmanager.alerts(alertname="Watchdog"), "the watchdog")
        seen = 'airflow_dag_tries_finished_total{cluster="prod",state="failed"} == 0'
        eventually(lambda: query(url, seen), "the first scrape")
        exporter.failed = 3
        failures = '{cluster="prod",dag_id="orders",state="failed"}'
        grown = f"cluster_dag_id_state:airflow_dag_tries_finished:growth1h{failures} == 3"
        eventually(lambda: query(url, grown), "three failures, counted without extrapolation")
        exporter.failed = None
        eventually(lambda: query(url, 'up{cluster="prod"} == 0'), "a scrape fails")
        exporter.failed = 0
        eventually(lambda: query(url, seen), "the exporter has started anew, at 0")
        exporter.failed = 2
        eventually(lambda: query(url, grown.replace("== 3", "== 5")), "three failures and two")
        # `for` takes minutes: that they wait shows that the expressions hold.
        expected = {
            ("AirflowTaskFailuresUnnotified", "prod"),
            ("AirflowSchedulerHeartbeatStopped", "prod"),
            ("AirflowSchedulerHeartbeatAbsent", "test"),
            ("WindsockExporterDown", "test"),
        }
        eventually(lambda: pending(url) == expected, f"these alerts wait: {expected}")

        def health():
            groups = requests.get(f"{url}/api/v1/rules", timeout=60).json()["data"]["groups"]
            return {rule["health"] for group in groups for rule in group["rules"]}

        eventually(lambda: "unknown" not in health(), "each rule is evaluated")
        assert health() == {"ok"}
