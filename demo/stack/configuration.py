"""The files that the parts of one run read."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from windsock import settings
from windsock.settings.sources import Source

if TYPE_CHECKING:
    from .addresses import Addresses
    from .folder import Folder

SLACK_TOKEN = "WINDSOCK_SLACK_TOKEN"  # noqa: S105  the variable's name
HERE = Path(__file__).parent
ELSEWHERE = ("webhook", "msteams", "opsgenie", "apprise")
"""Channels that the inbox does not stand in for behind the demo's Alertmanager: left out, they would tell someone."""
SCRAPE = "5s"
"""Also how often rules are evaluated: on one machine the demo need not wait."""
WATCHED = "watched.json"
"""Prometheus's targets for `windsock logs watch`, written once it runs: what is still being built is not down."""


def write(folder: Folder, source: Source, addresses: Addresses, *, own_airflow: bool = True) -> settings.Settings:
    """Write the run's windsock.yaml, secrets, DAGs and Prometheus' configuration; returns the settings in force.

    Raises SettingsError where what `source` says does not fit the rest.
    """
    values = _over(yaml.safe_load((HERE / "demo.yaml").read_text()), source.values)
    values = {**values, **_places(values, folder, addresses, own_airflow=own_airflow), **_people(values)}
    if addresses.elasticsearch:
        values["logs"] = _logs(values.get("logs") or {}, folder, addresses, own_airflow=own_airflow)
    effective = settings.validate(Source(values=values, file=str(folder.settings)))
    _dump(folder.settings, values)
    for name, token in _credentials(effective).items():
        (folder.secrets / name).write_text(token)
    shutil.copytree(HERE / "dags", folder.run / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    _dump(folder.run / "prometheus.yml", _prometheus(effective.cluster, addresses))
    return effective


def _places(values: dict[str, Any], folder: Folder, addresses: Addresses, *, own_airflow: bool) -> dict[str, Any]:
    """The sections that say where things are: all of it is here, and no message reaches the real world."""
    inbox = addresses.url("inbox")
    exporter = values.get("exporter") or {}
    links = values.get("links") or {}
    return {
        "exporter": {
            **exporter,
            "web": {**(exporter.get("web") or {}), "listen": addresses.exporter, "config_file": None},
            "statsd": {**(exporter.get("statsd") or {}), "listen": list(addresses.statsd)},
        },
        "alertmanager": {"urls": [addresses.url("alertmanager")], "secrets_dir": str(folder.secrets)},
        "prometheus": {"urls": [addresses.url("prometheus")]},
        # Which one it is, the exporter's environment says.
        "metadata": {**(values.get("metadata") or {}), "url": None},
        "reconcile": {
            **_section(values.get("reconcile")),
            "store": str(folder.run / "reconciler.db"),
            # Why a task was killed stands in its log alone.
            **({"logs": str(folder.run / "airflow-home" / "logs")} if own_airflow else {}),
        },
        "links": {**links, **{part: addresses.url(part) for part in ("airflow", "grafana", "exporter")}},
        "channels": {
            "slack": {"api_url": f"{inbox}/slack/api", "token": f"${{{SLACK_TOKEN}}}"},
            "pagerduty": {"url": f"{inbox}/pagerduty/v2/enqueue"},
            "email": {"smarthost": addresses.smtp, "sender": "windsock@localhost", "tls": False},
        },
    }


def _people(values: dict[str, Any]) -> dict[str, Any]:
    """The sections that say who is told, without what would reach anyone."""
    teams = values.get("teams")
    if isinstance(teams, dict):
        teams = {name: _here(team) for name, team in teams.items()}
    return {"teams": teams, "defaults": _here(values.get("defaults"))}


def _here(place: Any) -> Any:
    return {key: to for key, to in place.items() if key not in ELSEWHERE} if isinstance(place, dict) else place


def _logs(logs: dict[str, Any], folder: Folder, addresses: Addresses, *, own_airflow: bool) -> dict[str, Any]:
    """An Airflow of the user's keeps its logs where the user says; the demo's has a form and a place of its own."""
    demo = {"folder": str(folder.run / "airflow-home" / "logs"), "format": "json", "airflow_logging": None}
    return {
        **logs,
        **(demo if own_airflow else {}),
        "elasticsearch": {"urls": [addresses.url("elasticsearch")]},
        "stats": addresses.filebeat,
        "template": None,
        "replicas": 0,
        # Maven's Elasticsearch has none.
        "lifecycle": False,
    }


def _section(value: Any) -> dict[str, Any]:
    """`reconcile` may be the one word that is its `enabled`."""
    return dict(value) if isinstance(value, dict) else {} if value is None else {"enabled": value}


def _prometheus(cluster: str, addresses: Addresses) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": SCRAPE, "evaluation_interval": SCRAPE},
        "rule_files": ["alerts/rules.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [addresses.alertmanager]}]}]},
        "scrape_configs": [
            {
                "job_name": "windsock",
                # A label of the target, not an external one: rules and panels read it.
                "static_configs": [
                    {"targets": [addresses.url("exporter").removeprefix("http://")], "labels": {"cluster": cluster}}
                ],
            },
            *([_watched(cluster)] if addresses.log_watch else []),
        ],
    }


def _watched(cluster: str) -> dict[str, Any]:
    return {
        "job_name": "windsock-logs",
        "file_sd_configs": [{"files": [WATCHED]}],
        "relabel_configs": [{"target_label": "cluster", "replacement": cluster}],
    }


def _over(base: dict[str, Any], top: dict[str, Any]) -> dict[str, Any]:
    """`top`, and what only `base` has after it: the order of teams is the order in which they are tried."""
    merged = dict(top)
    for key, value in base.items():
        if key not in top:
            merged[key] = value
        elif isinstance(value, dict) and isinstance(top[key], dict):
            merged[key] = _over(value, top[key])
    return merged


def _credentials(effective: settings.Settings) -> dict[str, str]:
    """The files that Alertmanager reads, by name: the inbox takes any credential of the right shape."""
    references = [effective.defaults.pagerduty, *(team.pagerduty for team in effective.teams.values())]
    keys = [reference.removeprefix("${").removesuffix("}").lower() for reference in references if reference]
    return {**{key: f"{key:0<32.32}" for key in keys}, SLACK_TOKEN.lower(): "xoxb-demo"}


def _dump(file: Path, value: dict[str, Any]) -> None:
    file.write_text(yaml.safe_dump(value, sort_keys=False))
