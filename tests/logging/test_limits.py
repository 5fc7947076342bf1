"""What is generated relies on no other program's default limit: each is said, and what is below it is all there."""

from __future__ import annotations

import json
from urllib.parse import unquote

import pytest
import yaml

from windsock.logging.filebeat import VERSIONS
from windsock.logging.reader import Reader
from windsock.settings import Settings

from .conftest import task_file

DAGS = 200
"""A day. Elasticsearch names ten values of a field where it is not told how many, Grafana 500."""


def found(value, name):
    """All dicts below a value that have that key."""
    if isinstance(value, dict):
        if name in value:
            yield value
        for item in value.values():
            yield from found(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from found(item, name)


@pytest.fixture(scope="module")
def built(tmp_path_factory, windsock):
    """The text of each generated file, by version and name."""
    texts = {}
    for form in ("text", "json"):
        for version in VERSIONS:
            folder = tmp_path_factory.mktemp("limits")
            (folder / "windsock.yaml").write_text(f"logs: {{format: {form}, components: {{containers: {{a: /a}}}}}}\n")
            done = windsock("build", "--filebeat-version", version, "--out", "out", cwd=folder)
            assert done.returncode == 0, done.stderr
            for file in (folder / "out").rglob("*.*"):
                texts[form, version, file.name] = file.read_text()
    return texts


def named(built, end):
    return {which: text for which, text in built.items() if which[2].endswith(end)}


def test_filebeat_is_told_each_limit(built):
    for which, text in named(built, "filebeat.yml").items():
        configuration = yaml.safe_load(text)
        for one in configuration["filebeat.inputs"]:
            assert one["harvester_limit"] == 0, which
            assert one["message_max_bytes"] == 10 << 20
        for one in found(configuration, "multiline"):
            assert one["multiline"]["max_lines"] == 100_000
        assert configuration["output.elasticsearch"]["bulk_max_size"] == 50
        assert configuration["queue.mem"]["events"] == 8192


def test_elasticsearch_is_told_each_limit(built):
    for text in named(built, "mappings.json").values():
        fields = [one for one in found(json.loads(text), "type") if one["type"] in ("keyword", "flattened")]
        assert len(fields) > 20
        for one in fields:
            # In UTF-8 a character has four bytes at most, and a term of Lucene 32,766.
            assert 1024 <= one["ignore_above"] <= 32_766 // 4
            assert one.get("depth_limit", 20) == 20
            assert ("depth_limit" in one) == (one["type"] == "flattened")
    for text in named(built, "rejected.json").values():
        assert all("ignore_above" in one for one in found(json.loads(text), "type") if one["type"] == "keyword")
    for text in named(built, "settings.json").values():
        (settings,) = (one["settings"] for one in found(json.loads(text), "settings"))
        assert settings["mapping.total_fields.limit"] == 200
        assert settings["max_result_window"] == 10_000
        assert settings["highlight.max_analyzed_offset"] > 1 << 17


def test_kibana_and_grafana_are_told_each_limit(built):
    for (_, version, _), text in named(built, "kibana.ndjson").items():
        for one in map(json.loads, text.splitlines()):
            if one["type"] == "search":
                assert one["attributes"].get("sampleSize") == (None if version == "7.17" else 500)
            if one["type"] == "visualization":
                for part in found(json.loads(one["attributes"]["visState"]), "aggs"):
                    assert all(a["params"]["size"] >= 6 for a in part["aggs"] if a["type"] == "terms")
    for text in named(built, "grafana.json").values():
        board = json.loads(text)
        choices = [json.loads(one["query"]) for one in board["templating"]["list"] if one["type"] == "query"]
        assert [(one["field"], one["size"]) for one in choices] == [
            (field, 10_000) for field in ("dag_id", "task_id", "team")
        ]
        for one in found(board["panels"], "bucketAggs"):
            assert all("size" in part["settings"] for part in one["bucketAggs"] if part["type"] == "terms")
            assert all("limit" in part["settings"] for part in one["metrics"] if part["type"] == "logs")


def test_every_dag_can_be_chosen_and_is_counted_right(ship, elasticsearch):
    shipping = ship()
    error = '{{"timestamp":"2026-11-{:02}T05:00:00.{:06}Z","level":"error","event":"bad"}}\n'
    days = (20, 21, 22)
    for day in days:
        for number in range(DAGS):
            task_file(shipping.logs, "".join(error.format(day, n) for n in range(3)), dag=f"dag_{day}_{number}")
        # Never among the first of a day, and yet the first of them all.
        task_file(shipping.logs, "".join(error.format(day, n) for n in range(2)), dag="every_day", run=f"on_{day}")
    shipping.filebeat.up()
    shipping.arrived(len(days) * (3 * DAGS + 2))

    board = json.loads((shipping.folder / "built" / "grafana.json").read_text())
    kibana = [json.loads(one) for one in (shipping.folder / "built" / "kibana.ndjson").read_text().splitlines()]
    choice = next(json.loads(one["query"]) for one in board["templating"]["list"] if one["name"] == "dag_id")
    tables = {one["title"]: one["targets"][0]["bucketAggs"] for one in board["panels"] if one["type"] == "table"}
    visual = next(one for one in kibana if one["id"].endswith("errors-per-dag"))
    (params,) = (a["params"] for a in json.loads(visual["attributes"]["visState"])["aggs"] if a["type"] == "terms")

    def terms(field, size):
        body = {"size": 0, "aggs": {"by": {"terms": {"field": field, "size": int(size)}}}}
        answer = elasticsearch.ask("POST", f"{shipping.index}-2*/_search", body)
        return {one["key"]: one["doc_count"] for one in answer["aggregations"]["by"]["buckets"]}

    assert len(terms(choice["field"], choice["size"])) == 3 * DAGS + 1
    for size in (tables["Errors per DAG"][0]["settings"]["size"], params["size"]):
        assert next(iter(terms("dag_id", size).items())) == ("every_day", 6)


def test_a_dag_file_of_any_depth_is_read(ship):
    shipping = ship()
    depths = (0, 1, 7, 8, 9, 12, 16)
    for depth in depths:
        path = shipping.logs / "dag_processor" / "2026-11-22" / "bundle"
        path = path.joinpath(*(f"f{n}" for n in range(depth))) / f"dag{depth}.py.log"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'{{"timestamp":"2026-11-22T05:00:00Z","level":"info","event":"{depth} deep"}}\n')
    shipping.filebeat.up()
    hits = shipping.arrived(len(depths))
    assert {hit["_source"]["event"] for hit in hits} == {f"{depth} deep" for depth in depths}
    assert {hit["_source"]["bundle"] for hit in hits} == {"bundle"}


def test_a_request_of_the_largest_documents_is_one_that_elasticsearch_takes(ship):
    """One above 100 MiB is refused with 413, and Filebeat tries it for ever; in JSON such a character has six bytes."""
    shipping = ship()
    long = "\x01" * (1 << 18)
    fields = dict.fromkeys(("event", "logger", "filename", "chan", "ti_id", "log_id", "note"), long)
    error = [{"exc_type": long, "exc_value": long, "frames": []}]
    line = {"timestamp": "2026-11-22T05:00:00.000001Z", "level": "error", **fields, "error_detail": error}
    task_file(shipping.logs, json.dumps(line) + "\n")
    task_file(shipping.logs, json.dumps({**line, "note": {long: 1}, "event": "short"}) + "\n")
    plain = f"[2026-11-22T05:00:00.000+0000] {{x.py:7}} ERROR - {long}Traceback (most recent call last):\nE: {long}\n"
    task_file(shipping.logs, plain, task="plain")
    shipping.filebeat.up()
    most = yaml.safe_load((shipping.folder / "built" / "filebeat.yml").read_text())["output.elasticsearch"]
    hits = [hit["_source"] for hit in shipping.arrived(4)]
    assert max(len(json.dumps(hit)) for hit in hits) * most["bulk_max_size"] < 100 << 20
    assert all("cut" in hit["tags"] for hit in hits)


def test_a_link_to_kibana_goes_as_far_back_as_lines_are_kept():
    settings = Settings.model_validate({"logs": {"retention": "365d", "kibana": "http://kibana.test"}})
    link = unquote(Reader(settings).link("dag_id=a/run_id=b/task_id=c/attempt=1.log"))
    assert "from:now-367d" in link
