"""What a new version of Airflow changes: `make airflow VERSION=…` says it, with what reads it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import pytest

from windsock.airflow.versions import DATA, NEWEST, OLDEST, REGISTRIES

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("catalog_script", ROOT / "scripts" / "catalog.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def rows():
    return json.loads((DATA / f"airflow-{NEWEST}.json").read_text())


def test_the_same_registry_has_no_difference(script, rows):
    assert list(script.differences(NEWEST, rows)) == []


def test_what_is_gone_names_each_rule_panel_and_line_that_reads_it(script, rows):
    said = list(script.differences(NEWEST, [row for row in rows if row["name"] != "ti.finish"]))
    assert said[0] == "- ti.finish"
    assert "    record cluster_dag_id_state:airflow_dag_tries_finished:growth1m" in said
    assert any(line.startswith("    panel overview: ") for line in said)
    assert any(line.startswith("    docs/exporter.md:") for line in said)


def test_what_is_new_or_other_is_told(script, rows):
    for row in rows:
        if row["name"] == "pool.open_slots":
            row["type"] = "counter"
    new = {"name": "scheduler.dreams", "type": "timer", "legacy": [], "labels": []}
    said = list(script.differences("9.9.9", [*rows, new]))
    assert "~ pool.open_slots: type: gauge -> counter" in said
    assert f"+ scheduler.dreams: {json.dumps(new)}" in said
    assert said[-2].startswith("next: a line for airflow-9.9.9.json in windsock/airflow/versions.py")


def test_every_registry_is_there_and_every_file_is_one():
    files = {file for _, file in REGISTRIES}
    assert files == {path.name for path in DATA.iterdir()}
    assert {f"airflow-{OLDEST}.json", f"airflow-{NEWEST}.json"} <= files
