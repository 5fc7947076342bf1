"""The real Airflow of each version, an Alertmanager for the plugin's pages, an exporter for its lines."""

from __future__ import annotations

import contextlib
import re
import time
import urllib.error
import urllib.request
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests
from real.shared import TEAMS, Place

DOCS = Path(__file__).parents[3] / "docs" / "custom-metrics.md"
DAGS = {
    "orders.py": """
from datetime import datetime
try:
    from airflow.sdk import DAG, Asset, task
except ImportError:
    from airflow import DAG
    from airflow.datasets import Dataset as Asset
    from airflow.decorators import task

start = dict(schedule=None, start_date=datetime(2026, 1, 1))
with DAG("team.orders", tags=["tier:1"], default_args={"owner": "data"}, **start):
    @task(outlets=[Asset("s3://lake/orders")])
    def load():
        from windsock import metrics
        metrics.gauge("orders_loaded", 1234, unit="rows")
        metrics.gauge("balance", -3)
        metrics.count("orders_rejected", 2)
        metrics.timing("api_call", 0.25)
        with metrics.timed("inner"):
            pass
        metrics.gauge("Bad Name", 1)
        metrics.count("orders_rejected", -1)
        metrics.gauge("orders_loaded", "many")
    load()
with DAG("fails", **start):
    @task
    def breaks():
        raise ValueError("no such table")
    breaks()
""",
    "broken.py": "import nothing_there  # so that Airflow takes this for a file with a dag, airflow\n",
}


@pytest.fixture(scope="session")
def alertmanager(shared) -> Place:
    """The one of the Airflow, where three alerts fire."""
    place = shared.place
    place.fire("team.orders", "AirflowTaskFailed", "load failed: <b>no such table</b>", task_id="load")
    place.fire("fails", "AirflowTaskFailed", "breaks failed")
    place.fire("", "WindsockFailing", "")
    return place


@pytest.fixture(scope="session")
def here(shared, alertmanager) -> SimpleNamespace:
    """`airflow`, `get(path, **headers)` that returns status and text, and `exposed()` of the exporter."""
    version, airflow, exporter = shared.version, shared.airflow, shared.exporter
    example = re.search(r"<!-- dag -->\n```python\n(.*?)```", DOCS.read_text(), re.DOTALL)[1]
    if version[0] == "2":
        example = "from airflow import DAG\nfrom airflow.decorators import task\n" + re.sub(
            ".*airflow.sdk.*\n", "", example
        )
    for name, text in {**DAGS, "docs.py": example}.items():
        airflow.add(name, text, TEAMS)

    def get(path: str, **headers: str) -> tuple[int, str]:
        request = urllib.request.Request(airflow.url + path, headers=headers)
        try:
            with urllib.request.build_opener(Stay()).open(request, timeout=60) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def known(user: str) -> dict[str, str]:
        if version[0] == "2":
            name = {"ada": "admin"}.get(user, user)
            return {"Authorization": requests.auth._basic_auth_str(name, "admin")}
        return {"Authorization": f"Bearer {airflow.token(user)}"}

    def exposed() -> str:
        return requests.get(f"http://{exporter.web.address}/metrics", timeout=60).text

    return SimpleNamespace(version=version, airflow=airflow, get=get, known=known, exposed=exposed)


class Stay(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer."""

    def redirect_request(self, *_: Any) -> None:
        return None


@pytest.fixture
def eventually() -> Any:
    def ask(question: Any, seconds: float = 180) -> Any:
        end = time.monotonic() + seconds
        while True:
            with contextlib.suppress(AssertionError):
                return question()
            if time.monotonic() > end:
                return question()
            time.sleep(0.3)

    return ask
