"""Where an alert points to; a link whose base URL is not configured is an empty string."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from windsock.exceptions import SettingsError
from windsock.settings import document

if TYPE_CHECKING:
    from windsock.settings import Links, Settings
    from windsock.settings.exporter import Web

OVERVIEW_UID = "windsock-overview"
DAG_UID = "windsock-dag"
TASK_UID = "windsock-task"
SCHEDULER_UID = "windsock-scheduler"
PROCESSING_UID = "windsock-processing"
POOLS_UID = "windsock-pools"
TRIGGERER_UID = "windsock-triggerer"
OBJECTIVES_UID = "windsock-objectives"
TEAMS_UID = "windsock-teams"
LOGS_UID = "windsock-logs"
CUSTOM_UID = "windsock-custom"
OWN_UID = "windsock-itself"

BEFORE = 6 * 3600
"""Seconds before a failure that its dashboard shows: some runs of a DAG that runs by the hour."""


def runbook(links: Links, alertname: str) -> str:
    """The page that says what to do about this alert: one of the installation's own, else the exporter's."""
    if links.runbooks:
        return f"{links.runbooks}/{alertname}.md"
    return f"{links.exporter}/runbooks/{alertname}" if links.exporter else ""


def runbooks(links: Links) -> str:
    """Where all of them are."""
    return links.runbooks or runbook(links, "")


def complete(settings: Settings) -> Links:
    """The links, with the exporter's address made of `exporter.web` where `links.exporter` does not say it.

    Only for those whose settings are the exporter's own: what a worker knows of `exporter.web` is a default.
    """
    base = settings.links
    return base if base.exporter else base.model_copy(update={"exporter": _exporter(settings.exporter.web)})


def _exporter(web: Web) -> str | None:
    """How a browser reaches what listens there; None where the port is not known before it listens."""
    host, _, port = web.listen.rpartition(":")
    if not int(port):
        return None
    try:
        everywhere = not host or ipaddress.ip_address(host.strip("[]")).is_unspecified
    except ValueError:
        everywhere = False
    return f"{'https' if _has_tls(web.config_file) else 'http'}://{socket.gethostname() if everywhere else host}:{port}"


def _has_tls(config_file: str | None) -> bool:
    """Whether the web configuration file names a certificate; one that is on another machine can't say."""
    try:
        content, _ = document.read(Path(config_file)) if config_file else (None, None)
    except SettingsError:
        return False
    tls = content.get("tls_server_config") if isinstance(content, dict) else None
    return isinstance(tls, dict) and bool(tls.get("cert_file"))


def dashboard(links: Links, dag_id: str, at: float | None = None) -> str:
    """The Grafana dashboard of this DAG, from some hours before what happened `at` (Unix time) until it is looked at.

    It ends now, not soon after: who reads it at once sees what becomes of it, and what Grafana asks for the end
    of the time range is never asked for a time that is still to come.
    """
    if not links.grafana:
        return ""
    times = "" if at is None else f"&from={int((at - BEFORE) * 1000)}&to=now"
    return f"{links.grafana}/d/{DAG_UID}?var-dag_id={quote(dag_id, safe='')}{times}"


def overview(links: Links) -> str:
    """The Grafana dashboard to look at first."""
    return f"{links.grafana}/d/{OVERVIEW_UID}" if links.grafana else ""


def run(links: Links, dag_id: str, run_id: str, *, modern: bool = True) -> str:
    """The run's page in Airflow's UI; `modern`: of Airflow 3."""
    if not links.airflow:
        return ""
    dag, name = quote(dag_id, safe=""), quote(run_id, safe="")
    return f"{links.airflow}/dags/{dag}/{'runs/' if modern else 'grid?dag_run_id='}{name}"


def log(
    links: Links, task: tuple[str, str, str], *, map_index: int | None, try_number: int, modern: bool = True
) -> str:
    """The log's page of one try of a task (DAG, run, task); of one that is not mapped the `map_index` is None."""
    page, name = run(links, *task[:2], modern=modern), quote(task[2], safe="")
    if not page:
        return ""
    if modern:
        mapped = "" if map_index is None else f"/mapped/{map_index}"
        return f"{page}/tasks/{name}{mapped}?try_number={try_number}"
    mapped = "" if map_index is None else f"&map_index={map_index}"
    return f"{page}&task_id={name}{mapped}&tab=logs"
