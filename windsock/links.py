"""Where an alert points to; a link whose base URL is not configured is an empty string."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

if TYPE_CHECKING:
    from windsock.settings import Links

OVERVIEW_UID = "windsock-overview"


def runbook(links: Links, alertname: str) -> str:
    """The page that says what to do about this alert."""
    return f"{links.runbooks}/{alertname}.md" if links.runbooks else ""


def dashboard(links: Links, dag_id: str, uid: str = OVERVIEW_UID) -> str:
    """The Grafana dashboard with this DAG chosen."""
    return f"{links.grafana}/d/{uid}?var-dag_id={quote(dag_id, safe='')}" if links.grafana else ""


def run(links: Links, dag_id: str, run_id: str) -> str:
    """The run's page in Airflow 3's UI."""
    base = f"{links.airflow}/dags/{quote(dag_id, safe='')}/runs/" if links.airflow else ""
    return base and base + quote(run_id, safe="")
