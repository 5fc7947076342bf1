"""Whose a line is: its path says so, else the line; what an author calls by such a name stays the author's."""

from __future__ import annotations

import json

import pytest

from windsock.logging import pods

from .conftest import task_file

STAMP = "2026-11-22T05:28:53.{:06d}Z"
RUN = "manual__2026-11-22T05:00:00+00:00"
IDENTITY = {"dag_id": "orders", "task_id": "load", "run_id": RUN, "map_index": 3, "try_number": 2}
LOG_ID = f"orders-load-{RUN}-3-2"


def line(event, number=1, **more):
    return json.dumps({"timestamp": STAMP.format(number), "level": "info", "event": event, **more}) + "\n"


def carried(source):
    return {name: source.get(name) for name in (*IDENTITY, "log_id")}


@pytest.fixture
def printed(ship, tmp_path):
    """Ship what components print: `printed(2, files={name: text})`, or containers; returns that many documents."""

    def run(count, rest=None, **kinds):
        components = {}
        for kind, texts in kinds.items():
            folder = tmp_path / kind
            folder.mkdir()
            for name, text in texts.items():
                (folder / name).write_text(text)
            components[kind] = {"scheduler": f"{folder}/*"}
        shipping = ship(components=components, rest=rest)
        shipping.filebeat.up()
        return [hit["_source"] for hit in shipping.arrived(count)]

    return run


def test_what_a_component_prints_keeps_the_identity_that_it_carries(printed):
    teams = {"teams": {"sales": {"match": {"dag": ["ord*"]}}}}
    text = line("whole", **IDENTITY) + line("part", 2, dag_id="orders", map_index=-1) + line("none", 3)
    # 2.11's provider, `[elasticsearch] write_stdout` with `json_format`.
    text += line("with an id", 4, dag_id="orders", task_id="load", try_number="2", log_id=LOG_ID, offset=1795) + line(
        "an author's", 5, dag_id=["a"], task_id="", map_index="many", try_number={"n": 1}, run_id=None, ti_id="77"
    )
    found = {one["event"]: one for one in printed(5, teams, files={"scheduler.log": text})}

    empty = dict.fromkeys((*IDENTITY, "log_id"))
    assert carried(found["whole"]) == {**empty, **IDENTITY}
    assert carried(found["part"]) == {**empty, "dag_id": "orders", "map_index": -1}
    assert carried(found["none"]) == empty
    assert carried(found["with an id"]) == {
        **empty, "dag_id": "orders", "task_id": "load", "try_number": 2, "log_id": LOG_ID
    }  # fmt: skip
    assert carried(found["an author's"]) == empty
    assert found["an author's"]["extra"] == {
        "dag_id": ["a"], "task_id": "", "map_index": "many", "try_number": {"n": 1}
    }  # fmt: skip
    assert found["an author's"]["ti_id"] == "77"
    assert "extra" not in found["whole"]
    assert found["with an id"]["extra"] == {"offset": 1795}
    assert {event: one.get("team") for event, one in found.items() if "team" in one} == dict.fromkeys(
        ("whole", "part", "with an id"), "sales"
    )
    # Only what is a task's log is read by Airflow's pages, and is no line of Airflow itself.
    assert {event: one["source"] for event, one in found.items()} == {
        **dict.fromkeys(found, "scheduler"), "with an id": "task"
    }  # fmt: skip


def test_an_authors_field_of_such_a_name_stays_beside_what_the_path_says(ship):
    shipping = ship()
    own = {"dag_id": "other", "try_number": 7, "log_id": "mine", "offset": 5, "lineno": "twelve", "map_index": "3"}
    strange = {"constructor": 1, "toString": "z", "valueOf": {"hasOwnProperty": 2}}
    text = line("own", **own) + line("same", 2, **IDENTITY, log_id=LOG_ID) + line("strange", 3, **strange)
    text += '{"timestamp":"9999-11-22T05:28:53.000001Z","event":"far"}\n'
    text += '{"timestamp":17,"event":"no time","level":"constructor"}\n'
    task_file(shipping.logs, text, map="map_index=3", attempt="attempt=2.log")
    shipping.filebeat.up()
    found = {hit["_source"]["event"]: hit["_source"] for hit in shipping.arrived(5)}

    for one in found.values():
        assert carried(one) == {**IDENTITY, "log_id": LOG_ID}
        assert one["source"] == "task"
    assert found["own"]["extra"] == {name: value for name, value in own.items() if name != "map_index"}
    assert "extra" not in found["same"]
    assert found["strange"]["extra"] == strange
    assert found["far"]["extra"] == {"timestamp": "9999-11-22T05:28:53.000001Z"}
    assert (found["no time"]["extra"], found["no time"]["level"]) == ({"timestamp": 17}, "constructor")


CRI = "2026-11-22T05:28:53.000000001Z stdout {} {}\n"


def docker(text):
    return json.dumps({"log": text, "stream": "stdout", "time": "2026-11-22T05:28:53.000000001Z"}) + "\n"


def test_containers_keep_it_whoever_wraps_their_lines_and_none_is_taken_for_anothers(printed):
    long = line("x" * 40_000, **IDENTITY)
    pods = {
        # The engine cuts what is longer than 16 KiB.
        "one_ns_base-0a.log": CRI.format("P", long[:16_384])
        + CRI.format("P", long[16_384:32_768])
        + CRI.format("F", long[32_768:-1]),
        "two_ns_base-0b.log": docker(long[:16_384]) + docker(long[16_384:32_768]) + docker(long[32_768:]),
        # All of them begin with the same line at the same place, at the same moment.
        **{f"pod{n}_ns_base-1{n}.log": CRI.format("F", "a banner") for n in range(3)},
        **{f"pod{n}_ns_base-2{n}.log": docker(line("dated", dag_id="orders")) for n in range(3)},
    }
    found = printed(8, containers=pods)
    assert sorted(one["event"][:8] for one in found) == ["a banner"] * 3 + ["dated"] * 3 + ["x" * 8] * 2
    for one in found:
        if one["event"][0] == "x":
            assert carried(one) == {**IDENTITY, "log_id": None}
            assert one["event"] == "x" * 40_000
        elif one["event"] == "dated":
            assert one["dag_id"] == "orders"


def test_a_pods_line_says_in_which_file_it_would_stand(printed):
    path = f"dag_id=orders/run_id={RUN}/task_id=load/map_index=3/attempt=2.log"
    text = line("printed", windsock_path=path) + line("own", 2, windsock_path=path, dag_id="other", rows=7)
    text += line("elsewhere", 3, windsock_path="x/y.log") + line("of no kind", 4, windsock_path={"a": 1})
    found = {one["event"]: one for one in printed(4, containers={"pod_ns_base-1.log": docker_lines(text)})}
    for event in ("printed", "own"):
        assert carried(found[event]) == {**IDENTITY, "log_id": LOG_ID}
        assert found[event]["source"] == "task"
    assert "extra" not in found["printed"]
    assert found["own"]["extra"] == {"dag_id": "other", "rows": 7}
    for event in ("elsewhere", "of no kind"):
        assert (found[event]["source"], found[event].get("log_id")) == ("scheduler", None)


def docker_lines(text):
    return "".join(map(docker, text.splitlines(keepends=True)))


WORKLOAD = "/airflow/sdk/execution_time/execute_workload.py"


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        ((WORKLOAD, "--json-string", '{"log_path": "dag_id=a/attempt=1.log"}'), "dag_id=a/attempt=1.log"),
        ((WORKLOAD, "--json-path", "task.json"), "dag_id=b/attempt=1.log"),
        ((WORKLOAD, "--json-string", '{"log_path": null}'), None),
        ((WORKLOAD, "--json-string", "[]"), None),
        ((WORKLOAD, "--json-path", "none.json"), None),
        ((WORKLOAD, "--json-path"), None),
        (("/bin/airflow", "--json-string", '{"log_path": "x"}'), None),
    ],
)
def test_a_pod_knows_its_tasks_file_by_the_workload_that_it_is_given(arguments, path, tmp_path, monkeypatch):
    (tmp_path / "task.json").write_text('{"log_path": "dag_id=b/attempt=1.log"}')
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", list(arguments))
    assert pods.path.__wrapped__() == path
