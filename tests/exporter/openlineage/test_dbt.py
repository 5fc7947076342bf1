"""What a real dbt 1.10 tells (openlineage-dbt 1.54, DuckDB), which a task `etl.build` of Airflow ran.

`default`: two models, `dbt-ol run`, told of at its end. `structured`: `dbt-ol --consume-structured-logs build`, told of
while it runs: a seed, two models, two tests, a model that fails and one that is skipped for it.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

WAREHOUSE = "duckdb://warehouse.duckdb/warehouse.main."
CAPTURES = Path(__file__).parents[2] / "data" / "captures"
ORDERS, REPORT = f"{WAREHOUSE}orders", f"{WAREHOUSE}report"


def told(mode: str) -> list[bytes]:
    return gzip.decompress((CAPTURES / f"dbt-1.10-openlineage-{mode}.jsonl.gz").read_bytes()).splitlines()


@pytest.fixture
def warehouse(receiving, events):
    """Beside dbt: the task that runs it is of a DAG, and the report is read by another DAG."""

    def take(mode: str):
        for job, reads, dag in (
            ("etl.build", "", "etl"),
            ("mail.send", "duckdb://warehouse.duckdb|warehouse.main.report", "mail"),
        ):
            receiving.take(events.made(f"prod|{job}", reads, when=receiving.now - 60, parent=f"prod|{dag}"))
        return receiving.take(*told(mode))

    return take


@pytest.mark.parametrize("failed", [("etl", "build"), ("etl", "")])
def test_models_are_stale_with_the_task_that_runs_them(warehouse, failed):
    assert warehouse("default").stale(*failed) == f"stale: {ORDERS}, {REPORT}; read by mail"


def test_what_failed_and_what_was_skipped_for_it_is_stale_too_and_a_test_makes_nothing(warehouse):
    said = warehouse("structured").stale("etl", "build")
    assert said.endswith("; read by mail")
    found = {one.strip().removeprefix(WAREHOUSE) for one in said.removeprefix("stale: ").partition(";")[0].split(",")}
    assert found == {"after_broken", "broken", "orders", "raw_orders", "report"}


def test_what_it_built_in_this_run_is_not_stale(warehouse, receiving, events):
    (task,) = {
        parent["run"]["runId"]
        for one in map(json.loads, told("structured"))
        if (parent := one["run"]["facets"].get("parent")) and parent["job"]["name"] == "etl.build"
    }
    begun = {"kind": "START", "run": task, "parent": "prod|etl", "airflow_run": "run_1"}
    receiving.take(events.made("prod|etl.build", when=receiving.now - 60, **begun))
    said = warehouse("structured")
    assert said.stale("etl", "build", "run_1") == f"stale: {WAREHOUSE}after_broken, {WAREHOUSE}broken"
    assert said.stale("etl", "", "run_1") == f"stale: {WAREHOUSE}after_broken, {WAREHOUSE}broken"
    # The next run fails before dbt has told of anything.
    assert said.stale("etl", "build", "run_2").endswith("; read by mail")


def test_statements_take_no_place(warehouse):
    """Of 62 events 42 are of single SQL statements."""
    said = warehouse("structured")
    assert sum(b".sql." in one for one in told("structured")) > 40
    assert said.count("events", outcome="bare") > 40
    assert len(said.lineage._edges) < 25
    assert not [job for job in said.lineage._completed if ".sql." in job]


def test_one_that_hangs_on_no_task_is_a_reader_by_its_own_name(receiving, events):
    """Here of the task of another Airflow."""
    receiving.lineage._namespace = "here"
    receiving.take(*told("structured"))
    receiving.take(
        events.made("here|load.raw", writes="duckdb://warehouse.duckdb|warehouse.main.raw_orders", when=receiving.now)
    )
    said = receiving.stale("load", "raw")
    assert said.startswith(f"stale: {WAREHOUSE}raw_orders, ")
    assert said.endswith("; read by prod:etl.build")
