"""What no one should write into a log: it arrives as far as it can, and the rest of the file goes on."""

from __future__ import annotations

import json
import re

from windsock.logging.filebeat import SCRIPT

from .conftest import task_file

STAMP = "2026-11-22T05:28:53.{:06d}Z"
AFTER = "the next line"


def line(event, number=1, **more):
    return json.dumps({"timestamp": STAMP.format(number), "level": "info", "event": event, **more}) + "\n"


def nested(depth):
    return '{"a":' * depth + "1" + "}" * depth


HOSTILE = {
    "ten megabytes": line("x" * 10_000_000),
    "ten megabytes that are no JSON": "y" * 10_000_000 + "\n",
    "thirty megabytes": "z" * 30_000_000 + "\n",
    "NUL": line("a\0b", value="c\0d", **{"k\0": 1}),
    "NUL outside of JSON": b"raw\0text\n",
    "no UTF-8": b'{"timestamp":"2026-11-22T05:28:53.000001Z","level":"info","event":"caf\xe9 \xff\xfe"}\n',
    "no UTF-8, no JSON": b"\xff\xfe\x80 bytes\n",
    "nested 1,000 deep": line("deep").rstrip("}\n") + ',"tree":' + nested(1000) + "}\n",
    "an error nested 1,000 deep": line("deep error").rstrip("}\n") + ',"error_detail":[' + nested(990) + "]}\n",
    "10,000 keys": line("keys", **{f"key{number}": number for number in range(10_000)}),
    "long keys": line("long keys", **{"k" * 40_000: 1, "tree": {"k" * 40_000: {"x": 2}}}),
    "half a line of JSON": '{"timestamp":"2026-11-22T05:28:53.000001Z","ev\n',
    "a list": "[1, 2]\n",
    "a number": "42\n",
    "no event": '{"timestamp":"2026-11-22T05:28:53.000001Z","level":"info"}\n',
    "types": '{"timestamp":17,"level":["x"],"event":{"a":1},"lineno":"no","logger":3,"ti_id":{},"error_detail":"no"}\n',
    "Filebeat's own names": line(
        "names", **{"@timestamp": "x", "@metadata": {"_id": "1", "index": "evil"}, "log": 1, "host": 2}
    ),
    "keys with dots": line("dots", **{"a.b": 1, "a": 2, "": 3, ".": 4, "extra": {"x": 1}}),
    "far in time": '{"timestamp":"9999-11-22T05:28:53.000001Z","event":"far"}\n',
    "no time at all": '{"timestamp":"2026-99-99T99:99:99Z","event":"never"}\n',
    "ten thousand passwords": line("password=" * 10_000 + "x"),
    "a long word and a key": line("a" * 120_000 + " sk-" + "b" * 30),
    "a script": line("'; event.Delete('event'); //", constructor="x", __proto__={"y": 1}, toString="z"),
}


def test_no_loop_over_names_is_left_in_a_way_that_ends_the_callers():
    """What `return`, and `break` or `continue` with a label, do in a for-in of Filebeat 7.17.29, also within a `try`.

    Seen there: the caller's for-in goes on with the wrong names, or for ever. A plain `break` and a `throw` do no harm.
    """
    text = SCRIPT.read_text()
    loops = list(re.finditer(r"\bfor \((?:var )?\w+ in [^)]*\) \{", text))
    assert len(loops) > 4
    for loop in loops:
        end, depth = loop.end(), 1
        while depth:
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        assert not re.search(r"\breturn\b|\b(?:break|continue) \w", text[loop.end() : end]), loop[0]


def test_every_hostile_line_arrives_and_the_file_goes_on(ship, elasticsearch):
    shipping = ship()
    for number, (what, text) in enumerate(HOSTILE.items()):
        path = task_file(shipping.logs, text, task=f"t{number}")
        task_file(shipping.logs, line(AFTER, 2), task=f"t{number}")
        assert path.exists(), what
    shipping.filebeat.up()

    hits = shipping.arrived(2 * len(HOSTILE))

    assert len(hits) == 2 * len(HOSTILE)
    by_task = {}
    for hit in hits:
        source = hit["_source"]
        by_task.setdefault(source["task_id"], []).append(source)
    for number, what in enumerate(HOSTILE):
        lines = by_task[f"t{number}"]
        assert sorted(part["event"] == AFTER for part in lines) == [False, True], what
        assert "_js_exception" not in str([part.get("tags") for part in lines]), what
        assert "not_understood" not in str([part.get("tags") for part in lines]), what

    def only(what, field):
        number = list(HOSTILE).index(what)
        return next(part.get(field) for part in by_task[f"t{number}"] if part["event"] != AFTER)

    # What can be kept of it is kept.
    assert only("ten megabytes", "event") == "x" * (1 << 17)
    assert only("ten megabytes", "tags") == ["cut"]
    assert only("thirty megabytes", "log")["flags"] == ["truncated"]
    assert only("NUL", "event") == "a\ufffdb"
    assert only("NUL", "extra") == {"value": "c\ufffdd", "k\ufffd": 1}
    assert only("no UTF-8", "event").startswith("caf")
    assert only("nested 1,000 deep", "extra")["tree"].startswith('{"a":{"a":')
    assert len(only("10,000 keys", "extra")) == 10_000
    assert only("long keys", "extra")["k" * 256] == 1
    assert only("long keys", "extra")["tree"].startswith('{"kkk')
    assert only("half a line of JSON", "event") == HOSTILE["half a line of JSON"].rstrip("\n")
    assert only("half a line of JSON", "tags") == ["not_json"]
    assert (only("types", "event"), only("types", "level"), only("types", "logger")) == ('{"a":1}', "x", "3")
    assert only("Filebeat's own names", "extra")["@metadata"] == {"_id": "1", "index": "evil"}
    assert only("keys with dots", "extra")["a.b"] == 1
    assert only("far in time", "tags") == ["out_of_time"]
    # None of it made a field.
    (index,) = [name for name in {hit["_index"] for hit in hits} if name.endswith("2026.11.22")]
    mapping = elasticsearch.ask("GET", f"{index}/_mapping")[index]["mappings"]
    assert mapping["dynamic"] == "false"
    assert str(mapping).count("'type'") < 60
    assert {hit["_index"].rpartition("-")[2] for hit in hits} == {"2026.11.22", "undated"}


def test_a_field_that_is_too_deep_costs_no_other(ship, elasticsearch):
    # In which order Filebeat meets a line's fields is random.
    shipping = ship()
    fields = {"deep": {"k" * 300: 1}, "one": 1, "two": {"x": {"y": 2}}, "three": "3"}
    task_file(shipping.logs, "".join(line("deep", number, **fields) for number in range(100)))
    shipping.filebeat.up()
    kept = {tuple(sorted(hit["_source"]["extra"])) for hit in shipping.arrived(100)}
    assert kept == {("deep", "one", "three", "two")}


def test_10000_keys_over_many_lines_are_one_field(ship, elasticsearch):
    shipping = ship()
    task_file(
        shipping.logs, "".join(line("k", n, **{f"key{n}": n, "mixed": n if n % 2 else {"a": n}}) for n in range(2000))
    )
    shipping.filebeat.up()
    shipping.arrived(2000)
    found = elasticsearch.ask("POST", f"{shipping.index}-*/_search", {"query": {"term": {"extra.key1234": "1234"}}})
    assert found["hits"]["total"]["value"] == 1
    (mapping,) = elasticsearch.ask("GET", f"{shipping.index}-*/_mapping").values()
    assert str(mapping).count("'type'") < 60


def test_any_dag_id_is_taken_as_it_is(ship):
    dags = ["with spaces", "ünïcode_日本", "glob[a-z]*?{x}", "..", "..%2F..", "quote'\"", "dag_id=twice", "a$1\\b"]
    shipping = ship()
    for dag in dags:
        task_file(shipping.logs, line(f"one {dag}"), dag=dag)
        task_file(shipping.logs, line(f"two {dag}"), dag=dag, map="map_index=7", attempt="attempt=12.log.trigger.3.log")
    shipping.filebeat.up()
    found = {hit["_source"]["event"]: hit["_source"] for hit in shipping.arrived(2 * len(dags))}
    for dag in dags:
        one, two = found[f"one {dag}"], found[f"two {dag}"]
        assert one["dag_id"] == two["dag_id"] == dag
        assert one["log_id"] == f"{dag}-load-manual__2026-11-22T05:00:00+00:00--1-1"
        assert two["log_id"] == f"{dag}-load-manual__2026-11-22T05:00:00+00:00-7-12"
        assert (two["source"], two["trigger_job"]) == ("trigger", 3)


def test_what_the_server_rejects_is_in_the_index_of_the_rejected_with_the_reason(ship, elasticsearch):
    shipping = ship()
    # Someone made the day's index by hand.
    mapping = {"mappings": {"dynamic": "strict", "properties": {"event": {"type": "date"}}}}
    elasticsearch.ask("PUT", f"{shipping.index}-2026.11.22", mapping)
    task_file(shipping.logs, line("no date", 1) + line("neither", 2))
    task_file(
        shipping.logs, '{"timestamp":"2026-11-23T00:00:00.000001Z","level":"info","event":"fine"}\n', task="other"
    )
    shipping.filebeat.up()
    hits = shipping.arrived(3)
    rejected = [hit["_source"] for hit in hits if hit["_index"] == f"{shipping.index}-rejected"]
    assert len(rejected) == 2
    assert all("strict" in part["error.message"] or "parse" in part["error.message"] for part in rejected)
    assert {"no date", "neither"} == {json.loads(part["message"])["event"] for part in rejected}
    assert [hit["_source"]["event"] for hit in hits if hit["_index"].endswith("11.23")] == ["fine"]
