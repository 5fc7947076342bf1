"""Filebeat's configuration: identity from the path, nothing rejected for the name of a field."""

from __future__ import annotations

import fnmatch
import json
import re

import pytest
import yaml


@pytest.fixture(scope="module")
def filebeat(root):
    return yaml.safe_load((root / "deploy/filebeat/filebeat.yml").read_text())


@pytest.fixture(scope="module")
def source(filebeat):
    (one,) = filebeat["filebeat.inputs"]
    return one


@pytest.fixture(scope="module")
def identity(source):
    """The expression that reads the identity out of a path; the dialect is common to JavaScript and Python."""
    script = next(p["script"]["source"] for p in source["processors"] if "script" in p)
    return re.compile(re.search(r'new RegExp\(\s*"(.+?)"\)', script)[1])


RUN = "/var/log/airflow/dag_id=team.data/run_id=scheduled__2026-11-22T05:28:52.841238+00:00/task_id=load.a"


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{RUN}/attempt=1.log", (None, "1", None)),
        (f"{RUN}/map_index=0/attempt=12.log", ("0", "12", None)),
        (f"{RUN}/attempt=1.log.trigger.7.log", (None, "1", "7")),
    ],
)
def test_the_path_says_which_try_a_line_belongs_to(source, identity, path, expected):
    assert any(fnmatch.fnmatchcase(path, pattern) for pattern in source["paths"])
    dag, run, task, *rest = identity.search(path).groups()
    assert (dag, run, task) == ("team.data", "scheduled__2026-11-22T05:28:52.841238+00:00", "load.a")
    assert tuple(rest) == expected


@pytest.mark.parametrize("path", ["/var/log/airflow/dag_processor/latest/zoo.py.log", f"{RUN}/notes.txt"])
def test_other_files_are_not_read(source, path):
    assert not any(fnmatch.fnmatchcase(path, pattern) for pattern in source["paths"])


def test_files_keep_their_identity_and_short_ones_are_read(source):
    assert source["type"] == "filestream"
    assert source["id"]
    assert source["file_identity.path"] is None
    assert source["prospector.scanner.check_interval"] == "1s"


def test_no_field_of_the_line_takes_the_place_of_one_of_filebeats(source):
    (parser,) = source["parsers"]
    assert parser == {"ndjson": {"target": "", "overwrite_keys": False, "add_error_key": True}}


def test_a_line_sent_twice_is_one_document(source):
    fingerprint = next(p["fingerprint"] for p in source["processors"] if "fingerprint" in p)
    assert fingerprint["target_field"] == "@metadata._id"
    assert {"log.file.path", "log.offset"} <= set(fingerprint["fields"])


def test_the_template_covers_the_index_and_takes_any_line(root, filebeat, services, mounted):
    template = json.loads((root / "deploy/filebeat/airflow-logs.template.json").read_text())
    (pattern,) = template["index_patterns"]
    assert fnmatch.fnmatchcase(filebeat["output.elasticsearch"]["index"], pattern)
    assert filebeat["setup.template"]["pattern"] == pattern
    assert filebeat["setup.template"]["json"]["path"] in {t for _, t, _ in mounted(services["filebeat"])}
    mappings = template["template"]["mappings"]
    # Any keyword that an author logs becomes a field: none of them may grow the mapping or be rejected for its type.
    assert mappings["dynamic"] is False
    assert mappings["properties"]["event"] == {"type": "text"}


def test_what_the_script_sets_is_searchable(root, source):
    script = next(p["script"]["source"] for p in source["processors"] if "script" in p)
    template = json.loads((root / "deploy/filebeat/airflow-logs.template.json").read_text())
    fields = set(re.findall(r'event\.Put\("airflow\.(\w+)"', script))
    assert fields == set(template["template"]["mappings"]["properties"]["airflow"]["properties"])


def test_the_logs_of_the_volume_are_where_filebeat_looks(source, services, mounted):
    targets = {target: source for source, target, _ in mounted(services["filebeat"])}
    assert targets["/var/log/airflow"] == "airflow-logs"
    assert all(path.startswith("/var/log/airflow/") for path in source["paths"])
