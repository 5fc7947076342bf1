"""Airflow 2.11's button of a task instance."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from airflow.models.baseoperatorlink import BaseOperatorLink

from windsock.airflow import web


class DagLink(BaseOperatorLink):  # type: ignore[misc]  # noqa: AIR311  2.11's own base class
    """To the page of the task's DAG."""

    name = "Alerts"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the page's address."""
        del operator
        return f"{web.base_path()}/windsock/dags/{quote(ti_key.dag_id, safe='')}"
