"""Where a click leads: to a dashboard with one DAG or task, into Airflow, to the log lines, to the runbook."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links

from .panels import Json, link

if TYPE_CHECKING:
    from windsock.settings import Links

KEPT = "${cluster:queryparam}&${datasource:queryparam}&${__url_time_range}"
"""What every board knows: a link to another one takes it along."""
SERIES = "${{__field.labels.{}:percentencode}}"
"""Grafana's expression for a label of a series, encoded for a URL."""
CELL = "${{__data.fields.{}:percentencode}}"
"""The same for another cell of a table's row, by the column's name."""


def dag_links(base: Links, dag: str = SERIES.format("dag_id")) -> list[Json]:
    """Return the links of a series or a cell; `dag` is Grafana's expression for the DAG id, encoded for a URL."""
    found = [link("This DAG", board_url(links.DAG_UID, f"var-dag_id={dag}"))]
    if base.airflow:
        found.append(link("Open in Airflow", f"{base.airflow}/dags/{dag}", new_tab=True))
    return [*found, link("Its log lines", _logs(f"var-dag_id={dag}"))]


def task_links(base: Links, dag: str = SERIES.format("dag_id"), task: str = SERIES.format("task_id")) -> list[Json]:
    """The same for a task of a DAG; Airflow's page of a task lists its tries with their logs."""
    chosen = f"var-dag_id={dag}&var-task_id={task}"
    found = [link("This task", board_url(links.TASK_UID, chosen))]
    if base.airflow:
        found.append(link("Open in Airflow", f"{base.airflow}/dags/{dag}/tasks/{task}", new_tab=True))
    return [*found, link("Its log lines", _logs(chosen))]


def runbook_links(base: Links, alertname: str) -> list[Json]:
    """The runbook of an alert; `alertname` is Grafana's expression for it."""
    url = links.runbook(base, alertname)
    return [link("Runbook", url, new_tab=True)] if url else []


def board_link(title: str, uid: str) -> Json:
    """A link to another board, about the same."""
    return link(title, board_url(uid, "${dag_id:queryparam}"))


def board_url(uid: str, chosen: str) -> str:
    """Another board's path with the variables `chosen`, and what every board knows."""
    return f"/d/{uid}?{chosen}&{KEPT}"


def _logs(chosen: str) -> str:
    """The board of the logs has another data source, and its lines say no cluster."""
    return f"/d/{links.LOGS_UID}?{chosen}&${{__url_time_range}}"
