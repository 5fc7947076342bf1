"""What can be wrong with the servers beside windsock: Prometheus, Alertmanager, Elasticsearch."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

import requests
import yaml
from doctor_faults import CLOSED, each, fault
from real.alertmanager import Alertmanager
from real.installation import settings

from windsock.alerts import build
from windsock.events import rfc3339

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from doctor_stack import Stack


def prometheus(stack: Stack, given: Callable[[Stack], dict[str, Any]] | dict[str, Any]) -> Iterator[dict[str, Any]]:
    stack.installation.prometheus.change(**(given(stack) if callable(given) else given))
    yield {}
    stack.installation.prometheus.change()


def without_a_group(_: Stack) -> dict[str, Any]:
    content = yaml.safe_load(build.files(settings())[build.RULES])
    return {"rules": yaml.safe_dump({"groups": content["groups"][1:]})}


def targets(*addresses: str) -> list[dict[str, Any]]:
    return [{"targets": list(addresses), "labels": {"cluster": "prod"}}]


def alerting(address: str, **more: Any) -> dict[str, Any]:
    return {"config": {"alerting": {"alertmanagers": [{"static_configs": [{"targets": [address]}]}], **more}}}


each(
    {
        "a job of another name": ("prometheus.targets", {"job_name": "airflow"}),
        "a job that scrapes another program": (
            "prometheus.targets",
            lambda stack: {"static_configs": targets(stack.installation.alertmanager.url.removeprefix("http://"))},
        ),
        "a job that scrapes one exporter twice": (
            "prometheus.twice",
            lambda stack: {
                "static_configs": targets(f"127.0.0.1:{stack.installation.web}", f"localhost:{stack.installation.web}")
            },
        ),
        "a job that drops what rules read": (
            "prometheus.relabel",
            {"metric_relabel_configs": [{"source_labels": ["__name__"], "regex": "airflow_.*", "action": "drop"}]},
        ),
        "targets without a cluster": (
            "prometheus.cluster",
            {"relabel_configs": [{"regex": "cluster", "action": "labeldrop"}]},
        ),
        "a path where there are no metrics": ("prometheus.scrape", {"metrics_path": "/nothing"}),
        "a limit of samples": ("prometheus.scrape", {"sample_limit": 3}),
        "a scrape every two minutes": ("prometheus.interval", {"scrape_interval": "2m"}),
        "no Alertmanager in prometheus.yml": ("prometheus.alertmanagers", {"alerting": False}),
        "another Alertmanager in prometheus.yml": ("alertmanager.watchdog", alerting("127.0.0.1:1")),
        "alerts that prometheus.yml drops": (
            "alertmanager.watchdog",
            lambda stack: alerting(
                stack.installation.alertmanager.url.removeprefix("http://"),
                alert_relabel_configs=[{"regex": ".*", "action": "drop"}],
            ),
        ),
        "no rules": ("prometheus.rules", {"rules": "groups: []"}),
        "rules of another windsock.yaml": (
            "prometheus.rules",
            {"rules": build.files(settings(links={"exporter": "https://another.example.org"}))[build.RULES]},
        ),
        "rules of which some were taken out": ("prometheus.rules", without_a_group),
        # The last of them: Alertmanager believes for four of these intervals that what fired fires.
        "rules that are looked at every 90 s": (
            "prometheus.interval",
            {"config": {"global": {"scrape_interval": "1s", "evaluation_interval": "90s"}}},
        ),
    },
    prometheus,
)


@fault("a prometheus.yml that can't be read", "prometheus.reload")
def broken_prometheus(stack: Stack) -> Iterator[dict[str, Any]]:
    server = stack.installation.prometheus
    (server.folder / "prometheus.yml").write_text("rule_files: [\n")
    server.reload()
    yield {}
    server.change()


@fault("an alertmanager.yml that can't be read", "alertmanager.reload")
def broken_alertmanager(stack: Stack) -> Iterator[dict[str, Any]]:
    before = stack.alertmanager("receivers: [\n")
    yield {}
    stack.alertmanager(before)


@fault("a route before windsock's that takes everything", "alertmanager.routes")
def swallowed(stack: Stack) -> Iterator[dict[str, Any]]:
    route = yaml.safe_load((stack.installation.alertmanager.folder / "alertmanager.yml").read_text())["route"]
    before = stack.alertmanager(route={**route, "routes": [{"receiver": "recorded"}, *route["routes"]]})
    yield {}
    stack.alertmanager(before)


@fault("an inhibition by what always fires", "alertmanager.inhibitions")
def inhibited_always(stack: Stack) -> Iterator[dict[str, Any]]:
    rules = yaml.safe_load((stack.installation.alertmanager.folder / "alertmanager.yml").read_text())["inhibit_rules"]
    always = {"source_matchers": ['alertname="Watchdog"'], "target_matchers": ['severity=~"critical|warning"']}
    before = stack.alertmanager(inhibit_rules=[*rules, always])
    yield {}
    stack.alertmanager(before)


@fault("an alert that fires for hours and keeps others back", "alertmanager.inhibited")
def inhibited_long(stack: Stack) -> Iterator[dict[str, Any]]:
    now = datetime.now(timezone.utc)
    labels = {"severity": "critical", "cluster": "prod"}
    alerts = [
        {"labels": {"alertname": name, **labels}, "startsAt": rfc3339(now - timedelta(hours=3))}
        for name in ("WindsockExporterDown", "AirflowSchedulerHeartbeatAbsent")
    ]
    stack.installation.alertmanager.post(*alerts)
    yield {}
    stack.installation.alertmanager.post(*({**one, "endsAt": rfc3339(now)} for one in alerts))


def silence(stack: Stack, matcher: dict[str, Any]) -> Iterator[dict[str, Any]]:
    url, now = f"{stack.installation.alertmanager.url}/api/v2/silence", datetime.now(timezone.utc)
    body = {"matchers": [matcher], "startsAt": rfc3339(now - timedelta(minutes=1)), "createdBy": "erin", "comment": ""}
    body |= {"endsAt": rfc3339(now + timedelta(hours=1)), "comment": "deploy"}
    named = requests.post(f"{url}s", json=body, timeout=60).json()["silenceID"]
    yield {}
    requests.delete(f"{url}/{named}", timeout=60).raise_for_status()


each(
    {
        "a silence of what pages": (
            "alertmanager.silence",
            {"name": "severity", "value": "critical", "isRegex": False},
        ),
        "a silence of each DAG": ("alertmanager.silence", {"name": "dag_id", "value": ".+", "isRegex": True}),
    },
    silence,
)


@fault("a channel that takes nothing", "alertmanager.delivery")
def refusing(stack: Stack) -> Iterator[dict[str, Any]]:
    with another(stack) as server:
        file = server.folder / "alertmanager.yml"
        file.write_text(file.read_text().replace(stack.installation.messages.url, CLOSED))
        server.reload()
        server.post({"labels": {"alertname": "A", "severity": "warning", "cluster": "prod"}})
        yield {"alertmanager": {"urls": [server.url]}}


@fault("Alertmanagers that don't know each other", "alertmanager.peers")
def apart(stack: Stack) -> Iterator[dict[str, Any]]:
    with another(stack) as server:
        yield {"alertmanager": {"urls": [stack.installation.alertmanager.url, server.url]}}


@contextlib.contextmanager
def another(stack: Stack) -> Iterator[Alertmanager]:
    server = Alertmanager(settings(), stack.installation.messages)
    try:
        yield server
    finally:
        server.remove()


@fault("no line has arrived in Elasticsearch", "logs.late")
def nothing(stack: Stack) -> Iterator[dict[str, Any]]:
    yield {"logs": stack.logs()}


def logs(stack: Stack, given: tuple[tuple[str, str, Any], ...]) -> Iterator[dict[str, Any]]:
    """Lines arrive; then the first of `given` is asked of Elasticsearch, and the others mend it."""
    line = {"@timestamp": rfc3339(datetime.now(timezone.utc)), "event": "one"}
    stack.elasticsearch.ask("POST", "airflow-2026.11.01/_doc?refresh=true", line)
    stack.elasticsearch.ask(*given[0])
    yield {"logs": stack.logs()}
    for one in given[1:]:
        stack.elasticsearch.ask(*one)
    stack.templates()


BLOCK = "airflow-2026.11.01/_settings"
OTHER = {"index_patterns": ["airflow-*"], "priority": 900, "template": {"mappings": {"properties": {}}}}
each(
    {
        "an Elasticsearch without windsock's template": (
            "logs.template",
            (("DELETE", "_index_template/airflow", None),),
        ),
        "an Elasticsearch where another template goes first": (
            "logs.template",
            (("PUT", "_index_template/other", OTHER), ("DELETE", "_index_template/other", None)),
        ),
        "an Elasticsearch that has blocked its indices": (
            "logs.blocked",
            (
                ("PUT", BLOCK, {"index.blocks.read_only_allow_delete": True}),
                ("PUT", BLOCK, {"index.blocks.read_only_allow_delete": None}),
            ),
        ),
        "lines that Elasticsearch did not take": (
            "logs.rejected",
            (("POST", "airflow-rejected/_doc?refresh=true", {"message": "one"}), ("DELETE", "airflow-rejected", None)),
        ),
    },
    logs,
)


@fault("logs by another name", "logs.path")
def names(stack: Stack) -> Iterator[dict[str, Any]]:
    stack.schedule(LOGGING__LOG_FILENAME_TEMPLATE="{{ ti.dag_id }}/{{ ti.task_id }}/{{ try_number }}.log")
    yield from logs(stack, (("GET", "", None),))
    stack.schedule()
