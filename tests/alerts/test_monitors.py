"""What is watched of those who watch, by a real Prometheus: an Alertmanager whose messages do not arrive."""

from __future__ import annotations

import re

import pytest
import requests
import yaml

from windsock.settings import Settings

from .test_contract import MONITORS


def scraped(url):
    """The metrics of a server, each with the names of its labels."""
    found = {}
    for name, labels in re.findall(
        r"^(\w+)(?:{(.*)})? ", requests.get(f"{url}/metrics", timeout=60).text, re.MULTILINE
    ):
        found.setdefault(name, set()).update(re.findall(r'(\w+)="', labels))
    return found


@pytest.fixture
def watched(serve, alertmanagers, rules_in_seconds, tmp_path):
    """`with …`: a Prometheus with the generated rules, each second, that scrapes itself and an Alertmanager."""
    nobody = Settings(alertmanager={"watchdog": "http://127.0.0.1:1/"})
    for name in ("alertmanager", "prometheus"):
        (tmp_path / name).mkdir()
    with alertmanagers(tmp_path / "alertmanager", nobody) as alertmanager:
        (tmp_path / "prometheus" / "rules.yml").write_text(rules_in_seconds)
        address = alertmanager.url.removeprefix("http://")
        targets = {"targets": [address], "labels": {"cluster": "prod"}}
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yml"],
            "scrape_configs": [{"job_name": "alertmanager", "static_configs": [targets]}],
            # Nobody listens there.
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": ["127.0.0.1:1"]}]}]},
        }
        (tmp_path / "prometheus" / "prometheus.yml").write_text(yaml.safe_dump(config))
        flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"]
        with serve(("prometheus",), flags, tmp_path / "prometheus") as url:
            yield alertmanager, url


def test_they_have_the_metrics_that_rules_read(watched, eventually):
    alertmanager, url = watched

    def there():
        found = {**scraped(alertmanager.url), **scraped(url)}
        return {name for name, labels in MONITORS.items() if labels <= found.get(name, {"?"}) and name in found}

    eventually(lambda: there() == set(MONITORS), "all metrics")


def test_what_alertmanager_can_not_tell_is_an_alert(watched, eventually):
    alertmanager, url = watched

    def tried():
        query = {"query": 'alertmanager_notifications_total{integration="webhook"}'}
        return requests.get(f"{url}/api/v1/query", params=query, timeout=60).json()["data"]["result"]

    def waiting():
        answer = requests.get(f"{url}/api/v1/alerts", timeout=60).json()["data"]["alerts"]
        return [alert["labels"] for alert in answer if alert["labels"]["alertname"] == "WindsockNotificationsFailing"]

    eventually(tried, "a scrape before anything fails")
    alertmanager.post({"labels": {"alertname": "Watchdog", "severity": "info"}})
    labels = eventually(waiting, "an alert")[0]
    assert (labels["cluster"], labels["integration"], labels["severity"]) == ("prod", "webhook", "critical")
