"""The JSON is what Grafana reads, no more and no less, and what lies in the tree is what the code makes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import windsock
from windsock.dashboards import build
from windsock.links import OVERVIEW_UID
from windsock.settings import Links, Settings

GENERATED = Path(windsock.__file__).parent / "dashboards" / "generated"
TYPES = {"row", "stat", "timeseries", "table", "bargauge"}
"""What the dashboards use. Graph, singlestat and the other old ones are gone from Grafana, or going."""


def walk(value, path=""):
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from walk(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from walk(inner, f"{path}[{index}]")


def test_the_files_in_the_tree_are_what_the_code_makes():
    assert build.differing(build.files(), GENERATED) == [], "run `windsock dashboards build`"


def test_the_same_settings_give_the_same_text():
    assert build.files() == build.files()
    for text in build.files().values():
        assert text == json.dumps(json.loads(text), indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def test_uids_and_titles_are_unique(boards):
    # Two files with one uid or title lock Grafana's whole provider.
    assert len({board["uid"] for board in boards.values()}) == len(boards)
    assert len({board["title"] for board in boards.values()}) == len(boards)
    assert all(len(board["uid"]) <= 40 for board in boards.values())
    assert OVERVIEW_UID in {board["uid"] for board in boards.values()}
    for board in boards.values():
        titles = [panel["title"] for panel in board["panels"]]
        assert len(set(titles)) == len(titles)
        ids = [panel["id"] for panel in board["panels"]]
        assert len(set(ids)) == len(ids)


def test_only_living_panel_types(boards):
    assert {panel["type"] for board in boards.values() for panel in board["panels"]} <= TYPES


def test_nothing_is_left_of_old_shapes(boards):
    dead = {"maxDataPoints", "intervalFactor", "step", "gnetId", "hideControls", "sharedCrosshair", "style", "rows"}
    dead |= {"fieldOptions", "nullPointMode", "valueMaps", "sparkline", "span", "editable"}
    for board in boards.values():
        assert board["schemaVersion"] == 39
        assert "version" not in board
        assert "id" not in board
        for panel in board["panels"]:
            for path, value in walk(panel):
                assert path.rsplit(".", 1)[-1] not in dead, f"{panel['title']}{path}"
                assert value is not None or path.endswith(".value"), f"{panel['title']}{path} is null"
                assert value != "null", f"{panel['title']}{path}"


def test_the_first_step_of_a_threshold_holds_from_minus_infinity_and_the_others_rise(panels):
    for panel in panels:
        for path, value in walk(panel["fieldConfig"]):
            if path.endswith(".steps") and value:
                rest = [step["value"] for step in value[1:]]
                assert value[0]["value"] is None, panel["title"]
                assert rest == sorted(set(rest)), panel["title"]


def test_every_panel_says_what_it_shows_in_which_unit_from_which_source(boards, panels):
    source = {"type": "prometheus", "uid": "${datasource}"}
    for panel in panels:
        assert panel["title"]
        assert len(panel["description"]) > 20, panel["title"]
        assert panel["datasource"] == source
        assert all(target["datasource"] == source for target in panel["targets"])
        assert panel["targets"]
        assert [target["refId"] for target in panel["targets"]] == list("ABCDEFGHIJ"[: len(panel["targets"])])
        if panel["type"] != "table":
            assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
    assert {"datasource", "cluster", "dag_id"} == {
        choice["name"] for board in boards.values() for choice in board["templating"]["list"]
    }


def test_all_is_one_pattern_however_many_values_there_are(boards):
    for board in boards.values():
        for choice in board["templating"]["list"]:
            if choice["type"] == "query":
                assert choice["allValue"] == ".*"
                assert choice["current"] == {"text": ["All"], "value": ["$__all"]}
                assert choice["includeAll"]
                assert choice["multi"]


def test_a_rate_looks_back_as_far_as_grafanas_step_needs(targets):
    for target in targets:
        windows = set(re.findall(r"\b(?:rate|irate)\([^[]*\[([^]]+)\]", target.json["expr"]))
        assert windows <= {"$__rate_interval"}, target.where
        assert set(re.findall(r"\bincrease\([^[]*\[([^]]+)\]", target.json["expr"])) <= {"$__range"}, target.where
        if "$__range]" in target.json["expr"] and "@ end()" not in target.json["expr"]:
            assert target.json["instant"], f"{target.where}: each point of a line would look over the whole range"


def test_counters_are_never_shown_as_they_are(targets):
    for target in targets:
        for name in re.findall(r"\b\w+_total\b", target.json["expr"]):
            assert re.search(rf"\b(rate|increase)\({name}\b", target.json["expr"]), f"{target.where}: {name}"


def test_panels_fill_the_width_and_none_covers_another(boards):
    for board in boards.values():
        taken = set()
        for panel in board["panels"]:
            place = panel["gridPos"]
            assert place["x"] + place["w"] <= 24, panel["title"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert not cells & taken, panel["title"]
            taken |= cells
        widths = {y: sum(1 for cell in taken if cell[1] == y) for _, y in taken}
        assert set(widths.values()) == {24}, "a gap"


def test_links_into_airflow_appear_where_it_is_known():
    plain = build.files()["overview.json"]
    linked = build.files(
        Settings(links=Links(airflow="https://airflow.example.org", runbooks="https://rb.example.org"))
    )
    text = linked["overview.json"]
    assert "Open in Airflow" not in plain
    assert text.count("https://airflow.example.org/dags/${__data.fields.DAG:percentencode}") == 1
    assert {link["url"] for link in json.loads(text)["links"] if link["type"] == "link"} == {
        "https://airflow.example.org",
        "https://rb.example.org",
    }
    served = build.files(Settings(links=Links(exporter="https://windsock.example.org")))["overview.json"]
    assert "https://windsock.example.org/runbooks/" in [link.get("url") for link in json.loads(served)["links"]]


def test_links_to_this_dashboard_keep_what_was_chosen(panels):
    urls = [value for panel in panels for path, value in walk(panel["fieldConfig"]) if path.endswith(".url")]
    here = [url for url in urls if url.startswith(f"/d/{OVERVIEW_UID}?")]
    assert here
    for url in here:
        assert re.search(r"var-dag_id=\$\{__(data\.fields\.DAG|field\.labels\.dag_id):percentencode\}", url)
        assert "${cluster:queryparam}&${datasource:queryparam}&${__url_time_range}" in url


def test_a_table_shows_its_columns_in_order_and_nothing_else(panels):
    table = next(panel for panel in panels if panel["title"] == "Failing DAGs")
    merge, organize = table["transformations"]
    assert merge["id"] == "merge"
    options = organize["options"]
    names = [options["renameByName"][field] for field in sorted(options["indexByName"], key=options["indexByName"].get)]
    assert names == ["DAG", "Failed tries", "Success rate", "Failed runs"]
    assert options["excludeByName"] == {"Time": True}
    assert table["options"]["sortBy"] == [{"displayName": "Failed tries", "desc": True}]
    assert {target["format"] for target in table["targets"]} == {"table"}


def test_what_has_a_row_for_each_dag_says_how_many(panels, targets):
    for target in targets:
        if re.search(r"sum by \([^)]*\bdag_id\b", target.json["expr"]) and "ALERTS" not in target.json["expr"]:
            assert re.search(r"\btopk\(\d+, ", target.json["expr"]), f"{target.where}: as many as Grafana would draw"
    for panel in panels:
        reduce = panel.get("options", {}).get("reduceOptions")
        if panel["type"] in ("stat", "bargauge"):
            # One value of each series: Grafana's limit is for all values of one.
            assert reduce["values"] is False, panel["title"]
