"""Kibana's saved objects and Grafana's dashboard: each query of theirs, run on a real Airflow's lines."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from windsock.airflow.versions import NEWEST
from windsock.logging.mappings import FIELDS

from .conftest import task_file, unpack

TEAMS = {"pay": {"match": {"dag": ["pay_*"]}}, 'no "team"': {"match": {"dag": ["odd_*"]}}}
ERROR = '{"timestamp":"2026-11-22T05:00:00Z","level":"%s","event":"row 7 is bad","logger":"x"}\n'


@pytest.fixture(scope="module")
def shipped(tmp_path_factory, elasticsearch):
    """What `windsock logs build` made, and all lines of a real Airflow, with some of a team's."""
    from .conftest import Shipping  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("searches")
    component = {"components": {"files": {"scheduler": str(folder / "scheduler.log")}}}
    shipping = Shipping(folder, elasticsearch, "searches", component, teams=TEAMS)
    unpack(NEWEST, shipping.logs)
    for level in ("error", "critical", "info"):
        task_file(shipping.logs, ERROR % level, dag="pay_now")
    task_file(shipping.logs, "no json at all\n", dag="pay_now")
    task_file(shipping.logs, ERROR % "error", dag="odd_one")
    (folder / "scheduler.log").write_text(ERROR % "error")
    count = 1 + sum(len(file.read_text().splitlines()) for file in shipping.logs.rglob("*.log*"))
    shipping.filebeat.up()
    try:
        return shipping, [hit["_source"] for hit in shipping.arrived(count)]
    finally:
        shipping.filebeat.stop()


@pytest.fixture(scope="module")
def kibana(shipped):
    text = (shipped[0].folder / "built" / "kibana.ndjson").read_text()
    return {one["id"]: one for one in map(json.loads, text.splitlines())}


@pytest.fixture
def ask(shipped, kibana, elasticsearch):
    """Run a query in Lucene's syntax on the data view's indices; returns the answer."""

    def run(query, **body):
        asked = {"query_string": {"query": query}}
        indices = kibana["searches"]["attributes"]["title"]
        path = f"{indices}/_search?ignore_unavailable=true"
        found = elasticsearch.ask("POST", path, {"size": 1000, "track_total_hits": True, "query": asked, **body})
        assert "error" not in found, found
        return found

    return run


def source(one):
    return json.loads(one["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])


def wrong(line):
    return line.get("level") in ("error", "critical")


MEANT = {
    "errors": wrong,
    "errors-by-dag": wrong,
    "errors-by-team": wrong,
    "errors-of-pay": lambda line: wrong(line) and line.get("team") == "pay",
    "errors-of-no_20_22team_22": lambda line: wrong(line) and line.get("team") == 'no "team"',
    "exceptions": lambda line: "error" in line,
    "components": lambda line: wrong(line) and line["source"] not in ("task", "trigger"),
    "not-understood": lambda line: bool(set(line.get("tags", ())) & {"not_json", "cut", "out_of_time"}),
}


def test_each_saved_search_finds_what_it_says(shipped, kibana, ask):
    found = {name.removeprefix("searches-"): one for name, one in kibana.items() if one["type"] == "search"}
    assert set(found) == set(MEANT)
    for name, one in found.items():
        order = [{field: {"order": way, "unmapped_type": "keyword"}} for field, way in one["attributes"]["sort"]]
        answer = ask(source(one)["query"]["query"], sort=order)
        wanted = [line for line in shipped[1] if MEANT[name](line)]
        lines = [hit["_source"] for hit in answer["hits"]["hits"]]
        assert Counter(map(json.dumps, lines)) == Counter(map(json.dumps, wanted)), name
        assert wanted, name
        assert {column.partition(".")[0] for column in one["attributes"]["columns"]} <= set(FIELDS)


def test_each_table_counts_what_it_says(shipped, kibana, ask):
    tables = [one for one in kibana.values() if one["type"] == "visualization"]
    assert len(tables) == 4
    for one in tables:
        aggregations = json.loads(one["attributes"]["visState"])["aggs"]
        (terms,) = (part["params"] for part in aggregations if part["type"] == "terms")
        by = {"terms": {"field": terms["field"], "size": 100}}
        answer = ask(source(one)["query"]["query"], size=0, aggs={"by": by})
        counts = {bucket["key"]: bucket["doc_count"] for bucket in answer["aggregations"]["by"]["buckets"]}
        head, _, rest = terms["field"].partition(".")
        meant = shipped[1] if head in ("level", "error") else [line for line in shipped[1] if wrong(line)]
        values = [line[head][rest] if rest else line[head] for line in meant if head in line]
        assert counts == Counter(values), one["id"]
        assert counts


def test_every_reference_is_to_an_object_of_the_file(kibana):
    for one in kibana.values():
        for reference in one["references"]:
            assert kibana[reference["id"]]["type"] == reference["type"]
    (board,) = (one for one in kibana.values() if one["type"] == "dashboard")
    panels = json.loads(board["attributes"]["panelsJSON"])
    names = {reference["name"] for reference in board["references"]}
    assert {f"{panel['panelIndex']}:{panel['panelRefName']}" for panel in panels} == names


@pytest.mark.parametrize(
    ("version", "core", "form"), [("7.17", "7.17.0", "migrationVersion"), ("9.x", "8.8.0", "typeMigrationVersion")]
)
def test_each_generation_of_kibana_has_its_form(version, core, form, tmp_path, windsock):
    assert windsock("build", "--filebeat-version", version, "--out", "out", cwd=tmp_path).returncode == 0
    for line in (tmp_path / "out" / "kibana.ndjson").read_text().splitlines():
        one = json.loads(line)
        assert one["coreMigrationVersion"] == core
        assert form in one


def test_each_panel_of_grafana_finds_lines(shipped, ask):
    board = json.loads((shipped[0].folder / "built" / "grafana.json").read_text())
    chosen = {one["name"]: one["allValue"] for one in board["templating"]["list"] if one["type"] == "query"}
    counts = {}
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            query = target["query"]
            for name, value in chosen.items():
                query = query.replace(f"${name}", value)
            counts[panel["title"]] = ask(query, size=0)["hits"]["total"]["value"]
            assert all(part["field"] in FIELDS or "." in part["field"] for part in target["bucketAggs"]), panel["title"]
    lines = shipped[1]
    assert counts["Lines by level"] == len(lines), "a line without a DAG or a team is there too"
    titles = {"errors": "Errors", "exceptions": "Exceptions", "components": "Errors of Airflow itself"}
    titles["not-understood"] = "Lines that were cut, or not understood"
    for name, title in titles.items():
        assert counts[title] == sum(map(MEANT[name], lines)), title
    one_team = board["panels"][0]["targets"][0]["query"].replace("$task_id", chosen["task_id"])
    one_team = one_team.replace("$dag_id", '("pay_now")').replace("$team", '("pay")')
    assert ask(one_team)["hits"]["total"]["value"] == 4
