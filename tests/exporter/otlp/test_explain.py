"""`windsock explain --otlp`, and that the outcomes stand in the documentation."""

from __future__ import annotations

import gzip
import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner
from google.protobuf import json_format

from windsock import cli
from windsock.exceptions import WindsockError
from windsock.exporter.otlp.outcomes import OUTCOMES, REFUSALS

ROOT = Path(__file__).parents[3]


@pytest.fixture
def explain(tmp_path):
    def run(content: bytes, *options: str):
        file = tmp_path / "exports"
        file.write_bytes(content)
        return CliRunner().invoke(cli.windsock, ["explain", "--otlp", str(file), *options])

    return run


@pytest.fixture
def some(exports):
    request = exports.sum(3)
    for more in (
        exports.sum(3, name="airflow.ti.finish.d.t.success", tags={}),
        exports.sum(3, tags={"dag_id": "d", "run_id": "r"}),
        exports.exponential({5: 1}, 3, name="airflow.dag_processing.last_duration"),
        exports.exponential({5: 1}, 3, unit="furlong"),
        exports.sum(1, name="somebody.elses"),
        exports.sum(-1, tags={"dag_id": "negative"}),
    ):
        request.MergeFrom(more)
    return request


def test_each_metric_and_what_became_of_all_points(explain, some):
    done = explain(some.SerializeToString())
    assert done.exit_code == 0
    assert 'series:      airflow_ti_finish_total{dag_id="d",state="success",task_id="t"}' in done.output
    assert "airflow.ti.finish.d.t.success{}" in done.output
    assert f"reason:      {OUTCOMES['legacy']}" in done.output
    assert "the attribute run_id: unbounded" in done.output
    assert re.search(r"airflow\.task\.duration\{.*\n.*\n.*\n  reason: +a histogram in another unit", done.output)
    assert "1 negative: a counter can't fall" in done.output
    assert "3 stored: it said more than before" in done.output


@pytest.mark.parametrize("form", ["protobuf", "gzip", "json", "lines"])
def test_the_forms_of_a_file(form, explain, some):
    body = some.SerializeToString()
    content = {
        "protobuf": body,
        "gzip": gzip.compress(body),
        "json": json_format.MessageToJson(some, indent=2).encode(),
        "lines": b"\n".join([json_format.MessageToJson(some, indent=None).encode()] * 2),
    }[form]
    entries = [json.loads(line) for line in explain(content, "--json").output.splitlines()]
    assert len(entries) == 8
    assert entries[-1]["exports"] == (2 if form == "lines" else 1)
    assert entries[-1]["series"] == 3


def test_what_is_no_export(explain):
    for content in (b"\xff\xff", b"{", b'{"resourceMetrics": 1}'):
        error = explain(content).exception
        assert isinstance(error, WindsockError)
        assert str(error).endswith("expected OTLP's protobuf, or JSON, one export a line")


def test_a_file_that_is_not_there():
    done = CliRunner().invoke(cli.windsock, ["explain", "--otlp", "/nowhere"])
    assert str(done.exception).startswith("/nowhere: No such file")


def test_a_terminal_is_not_told_what_to_do(explain, exports):
    done = explain(exports.sum(1, tags={"dag_id": "\x1b[2J"}).SerializeToString())
    assert "\x1b" not in done.output


def test_the_documentation_has_each_outcome():
    text = (ROOT / "docs" / "otlp.md").read_text()
    said = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert said == {**OUTCOMES, **{outcome: f"{meaning} (refused)" for outcome, meaning in REFUSALS.items()}}
