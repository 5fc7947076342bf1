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
