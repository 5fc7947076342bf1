"""What a clean stop keeps, and files that are none of it."""

from __future__ import annotations

import hashlib
import json

import pytest

from windsock.exporter.state import State

LINE = "airflow.ti_failures,dag_id=d,task_id=t:1|c"
FAILED = 'airflow_ti_failures_total{dag_id="d",task_id="t"}'
TIMER = "airflow.task.duration,dag_id=d,task_id=t:1500|ms"
COUNT = 'airflow_task_duration_seconds_count{dag_id="d",task_id="t"}'


@pytest.fixture
def run(make_pipeline, tmp_path):
    """One life of an exporter with a state file: `with run() as pipeline:`."""
    file = tmp_path / "state.json"

    class Run:
        def __enter__(self):
            self.pipeline = make_pipeline()
            service = self.pipeline.service
            self.state = State(str(file))
            self.state.load(service.store, service.translator, service._metrics)
            return self.pipeline

        def __exit__(self, *_):
            self.state.save(self.pipeline.service.store, self.pipeline.service.translator)
            self.state.close()

    Run.file = file
    return Run


def test_counters_and_histograms_go_on(run):
    with run() as pipeline:
        pipeline.feed(LINE, LINE, TIMER)
    with run() as pipeline:
        pipeline.feed(LINE, TIMER)
        found = pipeline.airflow()
    assert found[FAILED] == 3
    assert found[COUNT] == 2
    assert found[COUNT.replace("count", "sum")] == 3


def test_metrics_of_dag_authors_go_on(run):
    lines = ("airflow.custom.rejected,dag_id=d:3|c", "airflow.custom.call,dag_id=d:1500|ms")
    for lived in (1, 2):
        with run() as pipeline:
            found = pipeline.feed(*lines).airflow()
            assert found['airflow_custom_rejected_total{dag_id="d"}'] == 3 * lived
            assert found['airflow_custom_call_seconds_count{dag_id="d"}'] == lived


def test_gauges_are_forgotten(run):
    with run() as pipeline:
        pipeline.feed("airflow.pool.open_slots,pool_name=p:5|g")
    with run() as pipeline:
        assert pipeline.airflow() == {}


def test_what_was_learned_is_kept(run):
    """A legacy line after the restart is known to be a duplicate's form, a mangled id is known to be dotted."""
    with run() as pipeline:
        pipeline.feed("airflow.ti.start.a__b.t:1|c", "airflow.ti.start:1|c").wait()
        pipeline.feed("airflow.dagrun.dependency-check.a.b:5|ms").wait()
    with run() as pipeline:
        pipeline.feed("airflow.ti.start.a__b.t2:1|c")
        assert pipeline.airflow()['airflow_ti_start_total{dag_id="a.b",task_id="t2"}'] == 1


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": "other"}', '{"format": "windsock exporter state 3"}', "\x00" * 100]
)
def test_a_torn_or_foreign_file_is_set_aside(run, text, caplog):
    run.file.write_text(text)
    with run() as pipeline:
        pipeline.feed(LINE)
        assert pipeline.airflow()[FAILED] == 1
        assert "set aside as state.json.bad" in caplog.text
        assert run.file.with_name("state.json.bad").read_text() == text


def sealed(body: str) -> str:
    """A file as the exporter writes it, of any body: whoever can write the file can make a checksum."""
    digest = hashlib.sha256(body.encode()).hexdigest()
    return f"{json.dumps({'format': 'windsock exporter state 3', 'sha256': digest})}\n{body}"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("series", ["airflow_ti_failures_total", [["dag_id", "e"]], True, "many"]),
        ("series", ["airflow_ti_failures_total", [["dag_id", "e"]], True, -1]),
        ("series", ["airflow_ti_failures_total", [["dag_id", "e"]], True, float("nan")]),
        ("series", ["airflow_ti_failures_total", [["dag_id", "e"]], True, 10**400]),
        ("series", ["airflow_ti_failures_total", [["dag-id", "e"]], True, 1]),
        ("series", ["airflow_ti_failures_total", [["le", "e"]], True, 1]),
        ("series", ["airflow_ti_failures_total", [["a", "e"], ["a", "f"]], True, 1]),
        ("series", ["airflow_ti_failures_total", [["a", "\ud800"]], True, 1]),
        ("series", ["airflow_ti_failures_total", [["dag_id", "d"], ["task_id", "t"]], True, 1]),
        ("series", ["airflow_ti_failures_total", [["overflow", "dag"], ["task_id", "t"]], True, 1]),
        ("series", [["airflow_ti_failures_total"], [], True, 1]),
        ("series", []),
        ("series", None),
        ("custom", ["custom.x", "mystery"]),
        ("custom", [5, "counter"]),
    ],
)
def test_a_file_with_wrong_values_changes_nothing(key, value, run):
    with run() as pipeline:
        pipeline.feed(LINE)
    content = json.loads(run.file.read_text().split("\n")[1])
    content[key].append(value)
    run.file.write_text(sealed(json.dumps(content)))
    with run() as pipeline:
        assert pipeline.airflow() == {}
        assert run.file.with_name("state.json.bad").exists()


def test_a_folder_that_can_not_be_written_is_only_logged(run, caplog):
    run.file.mkdir()
    with run() as pipeline:
        pipeline.feed(LINE)
    assert "can't be kept, counters will start at 0" in caplog.text
