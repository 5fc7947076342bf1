"""The JSON is what Grafana reads, no more and no less, and what lies in the tree is what the code makes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import windsock
from windsock.dashboards import build
from windsock.links import DAG_UID, LOGS_UID, OVERVIEW_UID, TASK_UID
from windsock.settings import Links, Settings

GENERATED = Path(windsock.__file__).parent / "dashboards" / "generated"
TYPES = {"row", "stat", "timeseries", "table", "bargauge", "state-timeline", "heatmap"}
"""What the dashboards use. Graph, singlestat and the other old ones are gone from Grafana, or going."""


def everything(board):
    """Panels and rows, also what is inside of closed ones."""
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", ())


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
        titles = [panel["title"] for panel in everything(board)]
        assert len(set(titles)) == len(titles)
        ids = [panel["id"] for panel in everything(board)]
        assert len(set(ids)) == len(ids)


def test_only_living_panel_types(boards):
    assert {panel["type"] for board in boards.values() for panel in everything(board)} <= TYPES


def test_nothing_is_left_of_old_shapes(boards):
    dead = {"intervalFactor", "step", "gnetId", "hideControls", "sharedCrosshair", "style", "rows"}
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


def test_every_panel_says_what_it_shows_in_which_unit_from_which_source_and_why_it_may_be_empty(panels):
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
        assert len(panel["fieldConfig"]["defaults"]["noValue"]) > 3, panel["title"]


def test_every_variable_of_a_query_can_be_chosen_and_each_board_takes_over_cluster_and_dag(boards):
    grafanas = {"__rate_interval", "__range", "__interval"}
    for name, board in boards.items():
        chosen = [choice["name"] for choice in board["templating"]["list"]]
        assert chosen[:3] == ["datasource", "cluster", "dag_id"], name
        asked = [target["expr"] for panel in everything(board) for target in panel.get("targets", ())]
        asked += [annotation["expr"] for annotation in board["annotations"]["list"]]
        asked += [choice["query"] for choice in board["templating"]["list"]]
        used = {variable for text in asked for variable in re.findall(r"\$(\w+)", text)} - grafanas
        assert used == set(chosen) - {"datasource"}, name


ON_FIRST = {("custom.json", name) for name in ("counter", "gauge", "timing")} | {
    ("dag.json", "dag_id"),
    ("task.json", "dag_id"),
    ("task.json", "task_id"),
}
"""Choices without "All": of a board that shows in full what each of them is."""


def test_all_is_one_pattern_however_many_values_there_are(boards):
    for name, board in boards.items():
        for choice in board["templating"]["list"]:
            if (name, choice["name"]) in ON_FIRST:
                assert not choice["includeAll"]
                assert "current" not in choice or choice["current"] == {}
            elif choice["type"] == "query":
                assert choice["allValue"] == ".*"
                assert choice["current"] == {"text": ["All"], "value": ["$__all"]}
                assert choice["includeAll"]
                assert choice["multi"]


def test_a_rate_looks_back_as_far_as_grafanas_step_needs(targets):
    for target in targets:
        windows = set(re.findall(r"\b(?:rate|irate)\([^[]*\[([^]]+)\]", target.json["expr"]))
        assert windows <= {"$__rate_interval"}, target.where
        grown = set(re.findall(r"\bincrease\([^[]*\[([^]]+)\]", target.json["expr"]))
        assert grown <= {"$__range", "$__rate_interval"}, target.where
        if "$__range]" in target.json["expr"] and "@ end()" not in target.json["expr"]:
            assert target.json["instant"], f"{target.where}: each point of a line would look over the whole range"


def test_counters_are_never_shown_as_they_are(targets):
    for target in targets:
        for name in re.findall(r"\b\w+_total\b", target.json["expr"]):
            assert re.search(rf"\b(rate|increase)\({name}\b", target.json["expr"]), f"{target.where}: {name}"


def test_panels_fill_the_width_and_none_covers_another(boards):
    for board in boards.values():
        taken = set()
        for panel in everything(board):
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
    assert "https://airflow.example.org/dags/${__data.fields.DAG:percentencode}" in text
    of_task = "https://airflow.example.org/dags/${__data.fields.DAG:percentencode}/tasks/${__data.fields.Task:"
    assert of_task in linked["task.json"]
    assert "https://rb.example.org/${__data.fields.Alert:percentencode}.md" in text
    assert {link["url"] for link in json.loads(text)["links"] if link["type"] == "link"} == {
        "https://airflow.example.org",
        "https://rb.example.org",
    }
    served = build.files(Settings(links=Links(exporter="https://windsock.example.org")))["overview.json"]
    assert "https://windsock.example.org/runbooks/" in [link.get("url") for link in json.loads(served)["links"]]


def test_links_between_dashboards_lead_to_one_that_is_there_and_keep_what_was_chosen(boards, panels):
    urls = [value for panel in panels for path, value in walk(panel["fieldConfig"]) if path.endswith(".url")]
    here = {url for url in urls if url.startswith("/d/")}
    variables = {board["uid"]: {choice["name"] for choice in board["templating"]["list"]} for board in boards.values()}
    logs = json.loads((GENERATED.parent.parent / "logging/generated/grafana.json").read_text())
    variables[logs["uid"]] = {choice["name"] for choice in logs["templating"]["list"]}
    reached = set()
    for url in here:
        uid, query = re.fullmatch(r"/d/([\w-]+)\?(.+)", url).groups()
        reached.add(uid)
        assert set(re.findall(r"\bvar-(\w+)=|\$\{(?!_)(\w+):queryparam\}", query)) <= {
            (name, "") for name in variables[uid]
        } | {("", name) for name in variables[uid]}, url
        assert query.endswith("${__url_time_range}"), url
        if uid != LOGS_UID:
            assert "${cluster:queryparam}&${datasource:queryparam}" in query, url
    assert reached >= {DAG_UID, TASK_UID, LOGS_UID}


def test_what_a_link_brings_along_has_one_meaning_on_every_dashboard(boards):
    # Grafana's own list of dashboards passes all variables on: a Prometheus is no data source for log lines.
    logs = json.loads((GENERATED.parent.parent / "logging/generated/grafana.json").read_text())
    kinds = {}
    for board in (*boards.values(), logs):
        for choice in board["templating"]["list"]:
            kind = (choice["type"], choice["query"]) if choice["type"] == "datasource" else choice["type"]
            assert kinds.setdefault(choice["name"], kind) == kind
    for board in boards.values():
        (others,) = (link for link in board["links"] if link["type"] == "dashboards")
        assert others["includeVars"]
        assert others["keepTime"]
        assert set(others["tags"]) <= set(logs["tags"])


def test_a_table_shows_its_columns_in_order_and_nothing_else(panels):
    table = next(panel for panel in panels if panel["title"] == "Failing DAGs")
    merge, organize = table["transformations"]
    assert merge["id"] == "merge"
    options = organize["options"]
    names = [options["renameByName"][field] for field in sorted(options["indexByName"], key=options["indexByName"].get)]
    assert names == ["DAG", "Failed runs in a row", "Failed tasks", "Last run ended", "Cluster"]
    assert options["excludeByName"] == {"Time": True}
    assert table["options"]["sortBy"] == [{"displayName": "Failed runs in a row", "desc": True}]
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
