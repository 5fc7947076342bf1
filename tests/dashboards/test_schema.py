"""Every key of every dashboard is one that Grafana's own types have, with a value of its type."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from windsock.dashboards import targets
from windsock.parts import GRAFANA

SCHEMA = json.loads((Path(__file__).parents[1] / "data" / "grafana" / "schema.json").read_text())
MADE_OF = SCHEMA.pop("made of")
SCHEMAS = {name: jsonschema.Draft7Validator(schema) for name, schema in SCHEMA.items()}
OF_THE_DATA_SOURCE = {"expr", "step", "tagKeys", "textFormat", "titleFormat"}
"""Of an annotation: Grafana's Prometheus data source reads them, and the types of dashboards do not know it."""


def problems(name: str, value) -> list[str]:
    return [f"{error.json_path}: {error.message[:200]}" for error in SCHEMAS[name].iter_errors(value)]


def of_board(board) -> list[str]:
    annotations = [
        {key: value for key, value in one.items() if key not in OF_THE_DATA_SOURCE}
        for one in board["annotations"]["list"]
    ]
    found = problems("dashboard", {**board, "panels": [], "annotations": {"list": annotations}})
    for panel in targets.panels(board):
        kind = panel["type"]
        parts = {"panel": panel, f"{kind}.options": panel.get("options", {})}
        if f"{kind}.custom" in SCHEMAS:
            parts[f"{kind}.custom"] = panel["fieldConfig"]["defaults"].get("custom", {})
        for name, part in parts.items():
            found += [f"{panel['title']}: {name}{line}" for line in problems(name, part)]
    return found


def test_the_types_are_those_of_the_grafana_that_is_shipped():
    assert MADE_OF.startswith(f"@grafana/schema {GRAFANA.current}, ")


def test_every_dashboard_is_what_grafanas_types_say(boards):
    assert [f"{name}: {line}" for name, board in boards.items() for line in of_board(board)] == []


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"maxDataPoints": "100"}, "panel$.maxDataPoints"),
        ({"nullPointMode": "null"}, "'nullPointMode' was unexpected"),
        ({"gridPos": {"h": 1, "w": 1, "x": "0", "y": 0}}, "panel$.gridPos.x"),
        ({"options": {"legend": {"displayMode": "tabel"}}}, "timeseries.options$.legend.displayMode"),
        ({"options": {"fieldOptions": {}}}, "'fieldOptions' was unexpected"),
        ({"fieldConfig": {"defaults": {"custom": {"lineWidth": "1"}}}}, "timeseries.custom$.lineWidth"),
        ({"fieldConfig": {"defaults": {"units": "s"}}}, "'units' was unexpected"),
        ({"transformations": [{"id": 3, "options": {}}]}, "panel$.transformations[0].id"),
    ],
)
def test_a_key_or_a_value_that_grafana_does_not_know_is_seen(boards, change, expected):
    board = boards["overview.json"]
    panel = next(one for one in targets.panels(board) if one["type"] == "timeseries")
    (line, *_) = of_board({**board, "panels": [{**panel, **change}]})
    assert line.startswith(f"{panel['title']}: ")
    assert expected in line
