"""The JSON lines of Airflow 2.11: Airflow 3's fields, whatever an author logs, and no secret."""

from __future__ import annotations

import json
import logging
import random
import tarfile

import pytest
from real.secrets import core, one

from windsock.logging.lines import JSONLines, _Fields

from .conftest import DATA


@pytest.fixture
def log():
    """Log as an author does; returns what the lines hold."""
    lines = []

    class Handler(logging.Handler):
        def emit(self, record):
            lines.append(json.loads(self.format(record)))

    handler = Handler()
    handler.setFormatter(JSONLines())
    plain = logging.Logger("mine")  # noqa: LOG001  of this test alone
    plain.addHandler(handler)
    return _Fields(plain, {}), plain, lines


def fail():
    try:
        {}["row"]
    except KeyError as error:
        raise ValueError("no price") from error


def test_the_fields_are_those_of_airflow_3(log):
    fields, _, lines = log
    try:
        fail()
    except ValueError:
        fields.exception("failed", rows=7)
    with tarfile.open(DATA / "airflow-3.3.2.tar.gz") as packed:
        texts = [packed.extractfile(file).read().decode() for file in packed if file.isfile()]
    theirs = next(line for text in texts for line in map(json.loads, text.splitlines()) if "error_detail" in line)
    (line,) = lines
    identity = {"dag_id", "run_id", "task_id", "map_index", "try_number", "ti_id"}
    assert set(theirs) - identity == set(line) - {"rows"}
    assert len(line["timestamp"]) == len(theirs["timestamp"])
    assert {name: type(value) for name, value in theirs["error_detail"][0].items()} == {
        name: type(value) for name, value in line["error_detail"][0].items()
    }
    assert [(one["exc_type"], one["is_cause"]) for one in line["error_detail"]] == [
        ("ValueError", False),
        ("KeyError", True),
    ]
    assert [frame["name"] for frame in line["error_detail"][0]["frames"]][-1] == "fail"


def test_keywords_and_extra_are_fields_and_can_not_hide_airflows_own(log):
    fields, plain, lines = log
    fields.info("loaded %s", "orders", rows=7, event="x")
    plain.info("loaded", extra={"rows": 8, "share": float("nan"), "level": "mine"})
    assert [(line["event"], line["level"], line["rows"]) for line in lines] == [
        ("loaded orders", "info", 7),
        ("loaded", "info", 8),
    ]
    assert (lines[0]["event_"], lines[1]["level_"], lines[1]["share"]) == ("x", "mine", "nan")


class Broken:
    def __str__(self):
        raise RuntimeError("no text")


def test_what_is_no_json_costs_no_line(log):
    fields, plain, lines = log
    cyclic = []
    cyclic.append(cyclic)
    fields.info("a", value=Broken(), cyclic=cyclic, bytes=b"\xff", set={1}, nested={"x": {1: Broken}})
    plain.info("%d rows", "many")
    plain.info("\ud800 and \x00")
    assert [line["event"][:1] for line in lines] == ["a", "%", "\ud800"]
    assert lines[0]["value"] == "<Broken>"


def test_no_secret_is_in_a_line(log):
    fields, plain, lines = log
    seed = random.SystemRandom().randrange(10**9)
    r = random.Random(seed)
    for _ in range(200):
        secret, text = one(r)
        lines.clear()
        fields.info(text, note=text, conf={"text": text, "list": [text]})
        try:
            raise RuntimeError(text)
        except RuntimeError:
            plain.exception("failed")
        written = json.dumps(lines, ensure_ascii=False)
        assert core(secret) not in written, f"seed {seed}: {text!r}"
