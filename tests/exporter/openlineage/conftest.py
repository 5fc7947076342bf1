"""Events of a real Airflow 3.3.2, and those of others, made by the specification."""

from __future__ import annotations

import gzip
import json
from datetime import datetime, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from windsock.airflow.versions import NEWEST
from windsock.exporter.openlineage import event
from windsock.exporter.openlineage.lineage import Lineage
from windsock.exporter.series.own import OwnMetrics

CAPTURE = Path(__file__).parents[2] / "data" / "captures" / f"airflow-{NEWEST}-openlineage.jsonl.gz"
DBT = "https://github.com/OpenLineage/OpenLineage/tree/1.54.0/integration/dbt"


def at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat()


def named(text: str) -> dict[str, str]:
    """`s3://bucket|key` → a dataset, `dbt|model` → a job."""
    namespace, _, name = text.rpartition("|")
    return {"namespace": namespace, "name": name}


def made(
    job: str,
    reads: str = "",
    writes: str = "",
    kind: str = "COMPLETE",
    *,
    when: float,
    run: str = "r1",
    parent: str = "",
    airflow_run: str = "",
) -> dict[str, Any]:
    """A RunEvent; datasets are separated by blanks."""
    facets: dict[str, Any] = {}
    if parent:
        facets["parent"] = {"job": named(parent), "run": {"runId": f"parent-of-{run}"}}
    if airflow_run:
        facets["airflow"] = {"dagRun": {"run_id": airflow_run}}
    return {
        "eventTime": at(when),
        "eventType": kind,
        "producer": DBT,
        "schemaURL": "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent",
        "job": named(job),
        "run": {"runId": run, "facets": facets},
        "inputs": [named(one) for one in reads.split()],
        "outputs": [named(one) for one in writes.split()],
    }


@pytest.fixture(scope="session")
def capture() -> list[bytes]:
    """What two runs of two DAGs, of which one fails, and what hangs on them, told in a minute."""
    return gzip.decompress(CAPTURE.read_bytes()).splitlines()


class Receiving:
    """A lineage without sockets, at the time of the capture."""

    def __init__(self, captured: bytes) -> None:
        self.own = OwnMetrics()
        self.lineage = Lineage("prod", self.own)
        self.now = event.read(captured).at + 60
        self.lineage.clock = lambda: self.now

    def take(self, *bodies: bytes | dict[str, Any]) -> Receiving:
        for body in bodies:
            self.lineage.take(event.read(body if isinstance(body, bytes) else json.dumps(body).encode()))
        return self

    def tell(self, job: str, reads: str = "", writes: str = "", kind: str = "COMPLETE", **given: Any) -> Receiving:
        """Take an event of now, or so many seconds `ago`."""
        return self.take(made(job, reads, writes, kind, when=self.now - given.pop("ago", 0), **given))

    def stale(self, dag_id: str, task_id: str = "", run_id: str = "run_1") -> str:
        return self.lineage.stale(dag_id, task_id, run_id)

    def count(self, name: str, **labels: str) -> float:
        return self.own.counter(f"windsock_openlineage_{name}_total", **labels).value


@pytest.fixture
def receiving(capture) -> Receiving:
    return Receiving(capture[-1])


@pytest.fixture(scope="session")
def events() -> SimpleNamespace:
    return SimpleNamespace(made=made)
