"""What is wrong with an installation, for tests of the doctor: settings, Prometheus' file, Alertmanager's."""

from __future__ import annotations

from typing import Any

from windsock.alerts import build

from .installation import settings

CLOSED = "http://127.0.0.1:1"

SETTINGS: dict[str, dict[str, Any]] = {
    "exporter.down": {"doctor": {"exporters": [CLOSED]}},
    "prometheus.down": {"prometheus": {"urls": [CLOSED]}},
    "prometheus.version": {"version": "3.0"},
    "prometheus.rules": {"links": {"exporter": "https://another.example.org"}},
    "prometheus.cluster": {"cluster": "test"},
    "prometheus.retention": {"slo": {"orders_load": {"success": "99%"}}},
    "alertmanager.down": {"alertmanager": {"urls": [CLOSED]}},
    "alertmanager.version": {"version": "0.35"},
    "alertmanager.receivers": {"teams": {"data": {"slack": "#data"}, "payments": {"slack": "#payments"}}},
    "alertmanager.routes": {"teams": {"data": {"match": {"dag": ["others_*"]}, "slack": "#data"}}},
    "database.unknown": {"metadata": {}},
    "logs.down": {"logs": {"elasticsearch": {"urls": [CLOSED]}, "folder": "/logs"}},
    "grafana.down": {"grafana": {"url": CLOSED}},
}
"""By the finding: sections of windsock.yaml that are wrong for the rest; of one section that has a server its key."""


BROKEN_RULE = """groups:
- name: windsock
  rules:
  - {record: many, expr: '{__name__=~"up|scrape_duration_seconds"} + on() {__name__=~"up|scrape_duration_seconds"}'}
- name: windsock-rules
  rules:
  - {record: windsock_rules_info, expr: vector(1), labels: {version: "0", digest: "0"}}
"""
# Millions of values a millisecond apart, which no machine adds up in the millisecond in which they are due.
SLOW_RULES = """groups:
- name: windsock
  interval: 1ms
  rules:
  - {record: many, expr: 'sum_over_time(vector(1)[2m:1ms])'}
- name: windsock-rules
  rules:
  - {record: windsock_rules_info, expr: vector(1), labels: {version: "0", digest: "0"}}
"""
# As a group that is looked at too seldom, and all that windsock has beside it taken out.
CUT_RULES = """groups:
- name: windsock
  interval: 2m
  rules: [{record: one, expr: vector(1)}]
- name: windsock-rules
  rules:
  - {record: windsock_rules_info, expr: vector(1), labels: {version: "0", digest: DIGEST}}
"""
DROPPED = {"source_labels": ["__name__"], "regex": "airflow_.*", "action": "drop"}


def scraping(*targets: str) -> dict[str, Any]:
    return {"static_configs": [{"targets": list(targets), "labels": {"cluster": "prod"}}]}


PROMETHEUS: dict[str, tuple[str, str, Any]] = {
    "another job": (
        "prometheus.targets",
        "the job airflow-metrics, which no rule reads",
        {"job_name": "airflow-metrics"},
    ),
    "another program": (
        "prometheus.targets",
        "is no exporter of windsock",
        lambda here: scraping(here.alertmanager.url.removeprefix("http://")),
    ),
    "one exporter twice": (
        "prometheus.twice",
        "is scraped as 127.0.0.1:",
        lambda here: scraping(f"127.0.0.1:{here.web}", f"localhost:{here.web}"),
    ),
    "some is dropped": (
        "prometheus.relabel",
        "metric_relabel_configs drop some",
        {"metric_relabel_configs": [DROPPED]},
    ),
    "no cluster": (
        "prometheus.cluster",
        "they have none",
        {"relabel_configs": [{"regex": "cluster", "action": "labeldrop"}]},
    ),
    "another path": ("prometheus.scrape", "It can't scrape", {"metrics_path": "/nothing"}),
    "seldom scraped": ("prometheus.interval", "every 120 s", {"scrape_interval": "2m"}),
    "no Alertmanager": ("prometheus.alertmanagers", "It knows no Alertmanager", {"alerting": False}),
    "no rules": ("prometheus.rules", "rules are not loaded", {"rules": "groups: []"}),
    "rules taken out": (
        "prometheus.rules",
        "these are not loaded: Airflow",
        lambda _: {"rules": CUT_RULES.replace("DIGEST", build.digest(settings()))},
    ),
    "a broken rule": ("prometheus.rule", "can't be evaluated", {"rules": BROKEN_RULE}),
    "a slow rule": ("prometheus.slow", "alerts come late", {"rules": SLOW_RULES}),
}
"""By the fault: the finding, some of its words, and what changes in prometheus.yml."""


def with_a_route_before(config: dict[str, Any]) -> None:
    config["route"]["routes"].insert(0, {"receiver": "recorded", "matchers": ['severity!="none"']})


def with_an_inhibition(config: dict[str, Any]) -> None:
    always = {"source_matchers": ['alertname="Watchdog"'], "target_matchers": ['severity=~"critical|warning"']}
    config["inhibit_rules"].append(always)


def without_inhibitions(config: dict[str, Any]) -> None:
    del config["inhibit_rules"]


def at_no_time(config: dict[str, Any]) -> None:
    config["time_intervals"] = [{"name": "always", "time_intervals": [{"months": ["1:12"]}]}]
    for route in config["route"]["routes"]:
        route["mute_time_intervals"] = ["always"]


CHANGED = {
    with_a_route_before: "alertmanager.routes",
    with_an_inhibition: "alertmanager.inhibitions",
    without_inhibitions: "alertmanager.inhibitions",
    at_no_time: "alertmanager.routes",
}
"""By what somebody does to alertmanager.yml: the finding."""
