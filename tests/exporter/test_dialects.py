"""The same tags are the same labels in every dialect, and what can be no label is counted and explained.

data/dialects.jsonl is what the loggers of Airflow 3.3.2 and 3.4.0b2 made of tags, with statsd 4.0.1 and datadog 0.56.0;
null where Airflow refused the line. `influxdb` and `datadog` write as they do.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from windsock import catalog, cli
from windsock.exporter.compat.mapping import Mapping
from windsock.exporter.compat.translate import MappedTranslator
from windsock.exporter.statsd.line import parse

VALUES = {"job_name": "schedulerjob", "state": "success", "return_code": "0", "job_id": "7", "status": "success"}
TYPES = {"counter": "c", "gauge": "g", "histogram": "ms"}


def influxdb(name: str, tags: dict[str, str], rest: str = "1|c", *, airflow: str = "3.4") -> str:
    """Airflow's own: nothing for a value with a comma or an equals sign."""
    written = ((key, "true" if value == "" and airflow == "3.4" else value) for key, value in tags.items())
    pairs = (f",{key}={value}" for key, value in written if not set(f"{key}{value}") & set(",="))
    return f"airflow.{name}{''.join(pairs)}:{rest}"


def datadog(name: str, tags: dict[str, str], rest: str = "1|c", *, airflow: str = "3.4", constant: str = "") -> str:
    """Datadog's client: it replaces what it does not allow, and puts constant tags last."""
    pairs = [key if value == "" and airflow == "3.4" else f"{key}:{value}" for key, value in tags.items()]
    pairs = [re.sub(r"[^\w\d_\-:/.]", "_", pair) for pair in pairs] + [constant] * bool(constant)
    return f"airflow.{name}:{rest}" + (f"|#{','.join(pairs)}" if pairs else "") + "\n"


ROWS = [json.loads(line) for line in (Path(__file__).parent.parent / "data" / "dialects.jsonl").open(encoding="utf-8")]
DIALECTS = pytest.mark.parametrize("write", [influxdb, datadog])
BY = {"dag_id": "team.data", "task_id": "grp.load", "state": "failed"}
FINISHED = 'airflow_ti_finish_total{dag_id="team.data",%sstate="failed",task_id="grp.load"}'


@pytest.fixture(scope="module")
def sent() -> list[tuple[str, dict[str, str], str]]:
    """Each metric of the catalogue with a value for each of its labels."""
    found = []
    for metric in catalog.statsd():
        tags = {label: VALUES.get(label, f"{label}.1") for label in metric.labels}
        for variable in re.findall(r"{(\w+)}", metric.name):
            tags[variable] = VALUES.get(variable, "x")
        found.append((metric.name.format_map(tags), tags, f"1|{TYPES[metric.sent or metric.kind]}"))
    assert len(found) > 150
    return found


class TestRealLines:
    @pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['airflow']} {next(iter(row['tags'].items()))}")
    def test_both_dialects_give_one_series(self, make_pipeline, row):
        exposed = [
            list(make_pipeline().feed(row[dialect]).airflow()) for dialect in ("influxdb", "datadog") if row[dialect]
        ]
        assert all(len(series) == 1 for series in exposed)
        if any(set(f"{key}{value}") & set(",=") for key, value in row["tags"].items()):
            # Airflow left the tag out itself, in one of the two.
            exposed[1][0] = re.sub(r'(owner|a_b)="\w+",', "", exposed[1][0])
        assert exposed[0] == exposed[-1]

    @pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row['airflow']} {next(iter(row['tags'].items()))}")
    def test_are_written_here_as_airflow_writes_them(self, row):
        tags = {key: value for key, value in row["tags"].items() if key not in ("run_id", "job_id")}
        airflow = row["airflow"][:3]
        assert datadog("ti.finish", tags, airflow=airflow) == row["datadog"]
        assert row["influxdb"] in (None, influxdb("ti.finish", tags, airflow=airflow))


class TestEveryMetric:
    def test_has_the_same_series_in_both_dialects_with_tags(self, make_pipeline, sent):
        exposed = [
            make_pipeline().feed(*(write(*line) for line in sent)).wait().airflow() for write in (influxdb, datadog)
        ]
        # Datadog's timers are in seconds where Airflow measured them with its stopwatch.
        assert set(exposed[0]) == set(exposed[1])
        families = {metric.sample for metric in catalog.statsd() if metric.family.startswith("airflow_")}
        assert {name.partition("{")[0].removesuffix("_sum") for name in exposed[0]} >= families

    def test_has_every_label_that_the_catalogue_names(self, make_pipeline, sent):
        pipeline = make_pipeline().feed(*(influxdb(*line) for line in sent)).wait()
        text = "\n".join(pipeline.airflow())
        for metric in catalog.airflow():
            labels = re.search(rf"^{metric.sample}(?:\{{(.*)\}})?$", text, re.MULTILINE)[1] or ""
            dropped = {"job_id", *metric.note.drop}
            assert set(re.findall(r"(\w+)=", labels)) == set(metric.labels) - dropped, metric.name


class TestTags:
    @DIALECTS
    @pytest.mark.parametrize(
        ("tags", "labels"),
        [
            ({"production": ""}, 'production="true",'),
            ({"env": "prod", "finance-eu": ""}, 'env="prod",finance_eu="true",'),
            ({"production": "", "env": "prod"}, 'env="prod",production="true",'),
        ],
    )
    def test_those_of_a_dag_are_labels(self, write, tags, labels, pipeline):
        """`dag_tags_in_metrics` of Airflow 3.4: `env:prod` is a pair, `production` stands alone."""
        pipeline.feed(write("ti.finish", {**tags, **BY}))
        assert pipeline.airflow() == {FINISHED % labels: 1}

    @DIALECTS
    @pytest.mark.parametrize("name", ["le", "quantile", "overflow"])
    def test_one_named_like_what_the_exposition_adds(self, write, name, pipeline):
        pipeline.feed(write("ti.finish", {name: "x", **BY}))
        (found,) = pipeline.airflow()
        assert re.findall(r'(\w+)="x"', found) == [f"tag_{name}"]

    def test_one_alone_is_no_label_where_statsd_exporters_names_are_wanted(self):
        head = parse(b"a.b:1|c|#production,env:prod").head
        assert MappedTranslator(Mapping([])).translate(head).labels == (("env", "prod"),)

    @DIALECTS
    def test_before_3_4_an_empty_one_is_no_label(self, write, pipeline):
        pipeline.feed(write("ti.finish", {"production": "", **BY}, airflow="3.3"))
        assert pipeline.airflow() == {FINISHED % "": 1}

    @DIALECTS
    def test_a_dags_tag_does_not_hide_airflows_own(self, write, pipeline):
        pipeline.feed(write("ti.finish", {"dag-id": "mine", **BY}))
        assert pipeline.airflow() == {FINISHED % "": 1}
        assert pipeline.own()['windsock_tags_left_out_total{reason="same_label"}'] == 1

    def test_nor_does_a_constant_one_of_datadogs_client(self, pipeline):
        pipeline.feed(datadog("ti.finish", BY, constant="state:mine,env:prod"))
        assert pipeline.airflow() == {FINISHED % 'env="prod",': 1}

    @DIALECTS
    def test_what_differs_by_run_is_counted_and_not_kept(self, write, pipeline):
        pipeline.feed(*(write("ti.finish", {**BY, "run_id": f"manual__{i}", "job_id": f"{i}"}) for i in range(3)))
        assert pipeline.airflow() == {FINISHED % "": 3}
        assert pipeline.own()['windsock_tags_left_out_total{reason="unbounded"}'] == 6

    def test_nor_what_differs_by_pod(self, pipeline):
        """Datadog's client sends the pod's id where DD_ENTITY_ID is set, as on Kubernetes."""
        pipeline.feed(*(datadog("ti.finish", BY, constant=f"dd.internal.entity_id:pod-{i}") for i in range(3)))
        assert pipeline.airflow() == {FINISHED % "": 3}

    @pytest.mark.parametrize("tag", [":prod", ":"])
    def test_one_without_a_name_is_counted(self, tag, pipeline):
        pipeline.feed(f"airflow.ti.finish:1|c|#dag_id:team.data,task_id:grp.load,state:failed,{tag}")
        assert pipeline.airflow() == {FINISHED % "": 1}
        assert pipeline.own().get('windsock_tags_left_out_total{reason="malformed"}', 0) == (tag != ":")

    def test_a_text_counts_once_and_not_each_time(self, pipeline):
        line = influxdb("executor.open_slots", {"executor_class_name": "LocalExecutor", "status": "open"}, "%d|g")
        pipeline.feed(*(line % number for number in range(100)), batch=10)
        assert pipeline.own()['windsock_tags_left_out_total{reason="redundant"}'] == 1


class TestDisabledTags:
    """`statsd_disabled_tags`: each fact stays one, whatever is left of its tags."""

    @DIALECTS
    @pytest.mark.parametrize("disabled", [("dag_id", "task_id"), ("task_id",), ("dag_id", "task_id", "state")])
    def test_the_form_that_still_holds_all_of_it_is_stored(self, write, disabled, make_pipeline):
        dag_id = BY["dag_id"].replace(".", "__") if "dag_id" in disabled else BY["dag_id"]
        left = {key: value for key, value in BY.items() if key not in disabled}
        lines = [write("ti.finish.team__data.grp__load.failed", {}), write("ti.finish", left)]
        for batch in (1, 100):
            pipeline = make_pipeline().feed(*lines * 5, batch=batch).wait().feed(*lines)
            assert pipeline.airflow() == {
                f'airflow_ti_finish_total{{dag_id="{dag_id}",state="failed",task_id="grp__load"}}': 6
            }

    @DIALECTS
    def test_what_came_before_the_legacy_form_gives_way_to_it(self, write, pipeline):
        pipeline.feed(write("ti.finish", {"state": "failed"})).wait()
        assert pipeline.airflow() == {'airflow_ti_finish_total{state="failed"}': 1}
        pipeline.feed(write("ti.finish.d.t.failed", {}), write("ti.finish", {"state": "failed"}))
        assert pipeline.airflow() == {'airflow_ti_finish_total{dag_id="d",state="failed",task_id="t"}': 1}

    @DIALECTS
    def test_a_job_that_airflow_leaves_out_by_default_makes_no_second_fact(self, write, pipeline):
        tags = {"dag_id": "d", "task_id": "t", "return_code": "0"}
        for job in range(5):
            pipeline.feed(
                write(f"local_task_job.task_exit.{job}.d.t.0", {}), write("local_task_job.task_exit", tags)
            ).wait()
        assert pipeline.airflow() == {
            'airflow_local_task_job_task_exit_total{dag_id="d",return_code="0",task_id="t"}': 5
        }


@pytest.mark.parametrize(
    ("line", "left_out"),
    [
        (datadog("ti.finish", {**BY, "run_id": "a"}), "the tag run_id: each run, job, call or pod has another value"),
        (influxdb("ti.finish", {"dag-id": "x", **BY}), "the tag dag-id: another tag has the same label"),
        ("airflow.ti.finish,dag_id=a,b,task_id=t:1|c", "the tag b: it has no name, or no value"),
        (
            influxdb("dag_processing.processes", {"action": "start"}),
            "the tag action: the metric says it already, or it would split one fact",
        ),
    ],
)
def test_explain_says_what_is_left_out(line, left_out, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(cli.windsock, ["explain", "--json", line])
    assert json.loads(done.stdout)["left out"] == [left_out]
    assert left_out in CliRunner().invoke(cli.windsock, ["explain", line]).stdout
