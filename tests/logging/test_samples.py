"""Every line that a real Airflow wrote arrives once, as the one that it is: they are read a second time here."""

from __future__ import annotations

import json
import re
from collections import Counter

import pytest

from windsock.airflow.versions import NEWEST, OLDEST

from .conftest import Shipping, unpack

TASK = re.compile(
    r"dag_id=(?P<dag_id>[^/]+)/run_id=(?P<run_id>[^/]+)/task_id=(?P<task_id>[^/]+)/(map_index=(?P<map_index>\d+)/)?"
    r"attempt=(?P<try_number>\d+)\.log(\.trigger\.(?P<trigger_job>\d+)\.log)?"
)
STAMP = re.compile(r"\[(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.(\d{3})\+0000\] \{(.+?):(\d+)\} ([A-Z]+) - (.*)", re.DOTALL)
FIELDS = ("dag_id", "run_id", "task_id", "map_index", "try_number", "log_id", "source", "timestamp", "level", "event")


def identity(path: str) -> dict[str, object]:
    found = TASK.search(path)
    if found is None:
        return {"source": "dag-processor-manager" if "_manager/" in path else "dag-processor"}
    part = found.groupdict()
    known = {
        "dag_id": part["dag_id"],
        "run_id": part["run_id"],
        "task_id": part["task_id"],
        "map_index": int(part["map_index"] or -1) if part["map_index"] else -1,
        "try_number": int(part["try_number"]),
        "source": "trigger" if part["trigger_job"] else "task",
    }
    known["log_id"] = "{dag_id}-{task_id}-{run_id}-{map_index}-{try_number}".format(**known)
    return known


def json_lines(path, text):
    for line in filter(None, text.split("\n")):
        value = json.loads(line)
        # A file of the dag processor is of no task: there a line is whose it says.
        yield {**{field: value[field] for field in FIELDS if value.get(field) is not None}, **identity(path)}


def plain_lines(path, text):
    for record in re.split(r"\n(?=\[\d{4}-)", text.rstrip("\n")):
        date, fine, _file, _line, level, event = STAMP.fullmatch(record).groups()
        yield {**identity(path), "timestamp": f"{date}.{fine}000Z", "level": level.lower(), "event": event}


@pytest.fixture(scope="module")
def shipped(tmp_path_factory, elasticsearch):
    """`shipped(version)`: that Airflow's lines, on their way once for all tests."""
    made = {}

    def ship(version):
        if version not in made:
            form = "json" if version == NEWEST else "text"
            folder = tmp_path_factory.mktemp("ship")
            made[version] = Shipping(folder, elasticsearch, f"samples-{form}", {"format": form})
            unpack(version, made[version].logs)
            made[version].filebeat.up()
        return made[version]

    yield ship
    for one in made.values():
        one.filebeat.stop()


@pytest.mark.parametrize(("version", "read"), [(NEWEST, json_lines), (OLDEST, plain_lines)])
def test_every_line_arrives_once_as_the_one_that_it_is(version, read, shipped):
    shipping = shipped(version)
    expected = []
    for file in sorted(shipping.logs.rglob("*.log*")):
        expected += list(read(str(file.relative_to(shipping.logs)), file.read_text()))
    assert len(expected) > 500

    found = [hit["_source"] for hit in shipping.arrived(len(expected))]

    def key(line):
        return tuple(line.get(field) for field in FIELDS)

    assert Counter(map(key, found)) == Counter(map(key, expected))
    assert all(
        hit["_index"].endswith(hit["_source"]["timestamp"][:10].replace("-", ".")) for hit in shipping.arrived(1)
    )


def test_the_order_of_one_field_is_the_order_of_the_file(shipped):
    shipping = shipped(NEWEST)
    files = sorted(shipping.logs.glob("dag_id=*/**/attempt=*.log"))
    hits = shipping.arrived(sum(len(file.read_text().splitlines()) for file in shipping.logs.rglob("*.log*")) - 1)
    offsets = [hit["_source"]["offset"] for hit in hits]
    assert len(set(offsets)) == len(offsets)
    for file in files:
        lines = [hit["_source"] for hit in hits if hit["_source"]["log"]["file"]["path"] == str(file)]
        by_offset = sorted(lines, key=lambda line: int(line["offset"]))
        assert [line["timestamp"] for line in by_offset] == sorted(line["timestamp"] for line in lines)


def test_an_exception_can_be_searched_by_type_message_and_frame(shipped, elasticsearch):
    for version in (NEWEST, OLDEST):
        shipping = shipped(version)
        shipping.arrived(500)
        query = {
            "query": {
                "bool": {
                    "filter": [
                        {"term": {"dag_id": "flaky"}},
                        {"term": {"error.type": "ValueError"}},
                        {"match": {"error.message": "boom"}},
                        {"prefix": {"error.frame": "/opt/airflow/dags/demo.py:"}},
                    ]
                }
            }
        }
        found = elasticsearch.ask("POST", f"{shipping.index}-*/_search", query)["hits"]["hits"]
        assert len(found) >= 4
        assert all(hit["_source"]["level"] == "error" for hit in found)
