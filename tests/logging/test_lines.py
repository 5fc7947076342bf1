"""The JSON lines of Airflow 2.11: Airflow 3's fields, whatever an author logs, and no secret."""

from __future__ import annotations

import json
import logging
import os
import random
import subprocess
import tarfile

import pytest
from real import environments
from real.secrets import core, one

from windsock.airflow.versions import NEWEST, OLDEST
from windsock.logging.lines import JSONLines, _Fields

from .conftest import DATA


@pytest.fixture
def log():
    """Log as an author does; returns what the lines hold."""
    lines = []

    class Handler(logging.Handler):
        def emit(self, record):
            lines.append(json.loads(self.format(record).encode()))

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
    with tarfile.open(DATA / f"airflow-{NEWEST}.tar.gz") as packed:
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
    plain.info("\ud800 and \x00", extra={("no", "name"): 1}, stack_info=True)
    assert [line["event"][:1] for line in lines] == ["a", "%", "\ud800"]
    assert lines[0]["value"] == "<Broken>"
    assert "test_what_is_no_json_costs_no_line" in lines[2]["stack"]


def test_a_cause_that_compares_as_equal_to_all_is_followed(log):
    fields, _, lines = log

    class EqualError(Exception):
        __notes__ = None

        def __eq__(self, other):
            raise RuntimeError("not comparable")

        __hash__ = None

    try:
        try:
            raise EqualError("one")
        except EqualError as error:
            raise EqualError("two") from error
    except EqualError:
        fields.exception("failed")
    assert [one["exc_value"] for one in lines[0]["error_detail"]] == ["two", "one"]


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


REMOTE = """
import copy
from airflow.config_templates.airflow_local_settings import DEFAULT_LOGGING_CONFIG
from airflow.utils.log.file_task_handler import FileTaskHandler

FRAMES = '[7, {"filename": "x.py", "lineno": 7, "name": "f"}]'
ERROR = '[{"exc_type": "ValueError", "exc_value": "no price", "frames": ' + FRAMES + "}]"
LINE = '{"timestamp": "2026-11-22T05:00:00.123456Z", "level": "error", "event": "bad", "filename": "x.py", "lineno": 7'
LINE += ', "error_detail": ' + ERROR + "}"

class Remote(FileTaskHandler):
    def _render_filename(self, ti, try_number):
        return "dag_id=a/run_id=b/task_id=c/attempt=1.log"

    def _read_remote_logs(self, ti, try_number, metadata=None):
        return ["the store"], [LINE + "\\nno json"]

CONFIG = copy.deepcopy(DEFAULT_LOGGING_CONFIG)
CONFIG["handlers"]["task"] = {"class": "mine.Remote", "base_log_folder": "."}
del CONFIG["formatters"]
"""
ASK = """
import json
from types import SimpleNamespace
from windsock.logging import airflow2

handler = airflow2.TaskHandler(".")
said, texts = handler._read_remote_logs(SimpleNamespace(state="success", end_date=None), 1)
print(json.dumps([said, texts, airflow2.LOGGING_CONFIG["formatters"]]))
"""


def test_2_11_shows_json_lines_of_a_remote_store_as_text(tmp_path):
    (tmp_path / "mine.py").write_text(REMOTE)
    variables = {
        "AIRFLOW_HOME": str(tmp_path),
        "PYTHONPATH": str(tmp_path),
        "PATH": os.environ["PATH"],
        "WINDSOCK__LOGS__AIRFLOW_LOGGING": "mine.CONFIG",
        "WINDSOCK__LOGS__ELASTICSEARCH__URLS": '["http://127.0.0.1:1"]',
    }
    command = [environments.airflow(OLDEST) / "bin" / "python", "-c", ASK]
    done = subprocess.run(command, env=variables, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    said, (text,), formatters = json.loads(done.stdout.splitlines()[-1])
    assert said[-1] == "the store"
    assert text == (
        "[2026-11-22T05:00:00.123+0000] {x.py:7} ERROR - bad\nTraceback (most recent call last):\n"
        '  File "x.py", line 7, in f\nValueError: no price\nno json'
    )
    assert formatters == {"windsock": {"class": "windsock.logging.lines.JSONLines"}}
