"""How long a line, a name, a tag and a value may be, and what is given back when series go."""

from __future__ import annotations

import json
import time
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from windsock import catalog, cli
from windsock.exporter.series.budget import Budget
from windsock.exporter.series.store import SeriesStore
from windsock.exporter.statsd import ingest
from windsock.exporter.statsd.line import split
from windsock.exporter.statsd.names import Ids
from windsock.settings.exporter import Budgets

DAGS = 604_800
ID = "i" * 250
HEARTBEAT = "airflow_scheduler_heartbeat_total"


class TestWhatAirflowCanSend:
    """Ids of 250 characters are never too long, in any form."""

    @pytest.mark.parametrize(
        "line",
        [
            f"airflow.ti.finish.{ID}.{ID}.success:1|c",
            f"airflow.ti.finish,dag_id={ID},task_id={ID},state=success:1|c",
            f"airflow.ti.finish:1|c|#dag_id:{ID},task_id:{ID},state:success,run_id:{ID},job_id:1",
            f"airflow.custom.rows.none.team.{ID}.{ID}:1|c",
            f"airflow.dag_processing.last_duration.{ID}:12.5|ms|@0.5",
        ],
    )
    def test_it_is_stored(self, pipeline, line):
        assert pipeline.feed(line).wait().airflow()
        assert not [name for name in pipeline.own() if "errors" in name]

    def test_with_the_tags_of_a_dag(self, pipeline):
        tags = ",".join(f"tag_{number:095}" for number in range(50))
        assert pipeline.feed(f"airflow.ti.start:1|c|#dag_id:{ID},task_id:{ID},{tags}").airflow()


class TestWhatNobodySends:
    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("airflow.ti.start,dag_id=" + "d" * 8192 + ":1|c", "line_too_long"),
            ("a" * 1025 + ":1|c", "name_too_long"),
            ("airflow.ti.start,dag_id=" + "d" * 513 + ":1|c", "tag_too_long"),
            ("airflow.ti.start:1|c|#" + "d" * 251 + ":1", "tag_too_long"),
            ("airflow.ti.start:1|c|#" + ",".join(f"k{number}:v" for number in range(101)), "too_many_tags"),
            ("airflow.ti.start:1|c|#" + "|#".join(f"k{number}:v" for number in range(101)), "too_many_tags"),
            ("airflow.scheduler_heartbeat:" + "1" * 65 + "|c", "bad_value"),
            ("airflow.scheduler_heartbeat" + ":1" * 2000 + "|c", "too_many_samples"),
            ("airflow.scheduler_heartbeat" + ":1|c" * 1500, "too_many_samples"),
        ],
    )
    def test_it_is_counted_by_reason_and_the_next_line_is_stored(self, pipeline, line, reason):
        pipeline.feed(line, "airflow.scheduler_heartbeat:1|c", line)
        assert pipeline.airflow() == {HEARTBEAT: 1}
        assert pipeline.own()[f'windsock_sample_errors_total{{reason="{reason}"}}'] == 2

    def test_a_long_value_of_a_known_timer_is_not_kept(self, pipeline):
        loop = "airflow.scheduler.scheduler_loop_duration"
        pipeline.feed(f"{loop}:1000|ms", f"{loop}:{'1' * 65}|ms", f"{loop}{':1000' * 100}|ms")
        assert pipeline.airflow()["airflow_scheduler_scheduler_loop_duration_seconds_count"] == 101
        assert pipeline.own()['windsock_sample_errors_total{reason="bad_value"}'] == 1

    def test_a_timer_has_few_rates(self, pipeline):
        """Each keeps a list of its own."""
        loop = "airflow.scheduler.scheduler_loop_duration"
        pipeline.feed(*(f"{loop}:1000|ms|@{1 / (number + 1):.12f}" for number in range(1000)))
        assert pipeline.own()['windsock_sample_errors_total{reason="too_many_rates"}'] == 1000 - 32

    def test_a_tag_without_a_name_is_no_label(self, pipeline):
        for line in ("airflow.ti.start,=v:1|c", "airflow.ti.start,=v:1|c|#a:b", "airflow.ti.start:1|c|#:v,=w,a:b"):
            pipeline.feed(line)
        assert pipeline.airflow() == {"airflow_ti_start_total": 1, 'airflow_ti_start_total{a="b"}': 2}

    def test_container_ids_behind_one_another_are_no_samples(self):
        packed = b"a:1|c" + b"|c:x" * 400
        assert split(packed + b":2|g") == [packed, b"a:2|g"]


class TestLinearWork:
    """The work on a name grew with the square of its length, and was seconds at 8,000 letters."""

    SHAPES = (
        "airflow.ti.finish.{}:1|c",
        "airflow.dag.{}.duration:1|c",
        "airflow.custom.rows.none.team.{}:1|c",
        "airflow.{}:1|c",
        "{}:1|c",
        "airflow.ti.start,{}:1|c",
        "airflow.ti.start:1|c|#{}",
        "airflow.ti.start:1{}",
    )

    @pytest.mark.parametrize("filling", [".", "a.", "1", "__", "-", "ti.finish.", "|c:", ",", ",=", ",a=b", "[", ":"])
    @pytest.mark.parametrize("settings", [{}, {"statsd": {"unmapped": "keep"}}, {"naming": "statsd-exporter"}])
    def test_whatever_a_line_is_filled_with(self, make_pipeline, settings, filling):
        pipeline = make_pipeline(**settings)
        for shape in self.SHAPES:
            for size in (900, 7900):
                line = shape.format(filling * (size // len(filling)))
                started = time.process_time()
                pipeline.feed(line)
                assert time.process_time() - started < 0.05 * len(line) / 1024, f"{line[:50]}: more than 50 ms a KB"


class TestBytes:
    def test_what_is_beyond_is_added_up_and_given_back(self):
        store = SeriesStore(Budget(Budgets(bytes=100_000)))
        metric = catalog.family("airflow_ti_start_total")
        series = [store.series(metric, (("dag_id", f"{number:0500}"),)) for number in range(100)]
        own = set(series[:10])
        assert len(own) == 10
        assert len(set(series[90:])) == 1, "the rest share one"
        assert store.budget.overflows["bytes"] > 30
        assert store.budget.bytes <= 100_000
        for labels in list(store.families[metric.family].series):
            store.drop(metric, labels)
        assert (store.budget.series, store.budget.bytes, store.budget.labels) == (0, 0, {})

    def test_a_histogram_counts_with_all_its_lines(self, make_pipeline):
        pipeline = make_pipeline(budgets={"bytes": "1MiB"})
        pipeline.feed(*(f"airflow.task.duration,dag_id={number:0250}:1|ms" for number in range(1000)))
        assert 0.7 * (1 << 20) < len(pipeline.text()) < 1.5 * (1 << 20)
        assert pipeline.own()['windsock_overflow_total{budget="bytes"}'] > 500

    def test_letters_that_need_more_memory_count_more(self):
        plain, wide = Budget(Budgets()), Budget(Budgets())
        for budget, letter in ((plain, "d"), (wide, "\N{PARTY POPPER}")):
            SeriesStore(budget).series(catalog.family("airflow_ti_start_total"), (("dag_id", letter * 250),))
        letters = 250 + len('dag_id=""')
        assert wide.bytes - plain.bytes == 3 * 3 * letters, "held three times, by four bytes instead of one"

    def test_names_of_labels(self, make_pipeline):
        pipeline = make_pipeline(budgets={"label_names": 5})
        pipeline.feed(*(f"airflow.ti.start,l{number}=1:1|c" for number in range(9)))
        pipeline.feed("airflow.ti.start,l0=2:1|c")
        found = pipeline.airflow()
        assert found.pop('airflow_ti_start_total{overflow="label_names"}') == 4
        assert len(found) == 6

    def test_ids_that_are_remembered(self):
        ids = Ids()
        ids._room = 1000
        for number in range(100):
            ids.learn(f"{number:0100}")
            ids.restore(f"{number:098}__")
        ids.learn("x" * 251)
        assert sum(map(len, ids.known | ids.unresolved)) == 1000


def test_addresses_that_are_made_up_are_one_sender(pipeline):
    for number in range(1000):
        pipeline.feed(f"airflow.executor.open_slots,executor_class_name=E:{number}|g", sender=f"10.0.0.{number}")
        pipeline.feed(f"airflow.dagbag_size:{number}|g", sender=f"10.0.0.{number}")
    found = pipeline.airflow()
    assert found["airflow_dagbag_size"] == 999, "the last one's word"
    assert found['airflow_executor_open_slots{executor_class_name="E"}'] == sum(range(100)) + 999
    (gauge,) = pipeline.service.store.families["airflow_dagbag_size"].series.values()
    assert len(gauge.values) == 101


class TestGivenBack:
    """20 DAGs of 100 names blocked everyone until a restart."""

    @pytest.fixture
    def make(self, make_pipeline, clock, monkeypatch):
        monkeypatch.setattr(ingest, "time", SimpleNamespace(monotonic=lambda: clock.now))
        return make_pipeline

    @pytest.mark.parametrize("kind", ["c", "g", "ms"])
    @pytest.mark.parametrize("tag", ["", ",dag_id=d"])
    @pytest.mark.parametrize(("prefix", "settings"), [("custom.", {}), ("vault.", {"statsd": {"unmapped": "keep"}})])
    def test_names_that_nobody_sends_any_more(self, make, prefix, settings, tag, kind):
        pipeline = make(budgets={"custom": 2}, **settings)
        old = [f"airflow.{prefix}old_{number}{tag}:1|{kind}" for number in range(3)]
        new = [f"airflow.{prefix}new_{number}{tag}:1|{kind}" for number in range(3)]
        pipeline.feed(*old, *new)
        assert not [name for name in pipeline.airflow() if "new" in name]
        for _ in range(3):
            pipeline.wait(DAGS + 1)
        assert pipeline.airflow() == {}
        found = pipeline.feed(*new, *old).airflow()
        assert {name.partition("new_")[2][:1] for name in found} == {"0", "1"}

    def test_a_name_that_is_still_sent_stays(self, make):
        pipeline = make(budgets={"custom": 2})
        lines = ["airflow.custom.a,dag_id=d:1|c", "airflow.custom.b,dag_id=d:1|c", "airflow.custom.b,dag_id=e:1|c"]
        pipeline.feed(*lines)
        for _ in range(4):
            pipeline.feed("airflow.custom.b,dag_id=e:1|c").wait(DAGS + 1)
        # d's are gone, e's second name is its last.
        pipeline.feed("airflow.custom.c,dag_id=d:1|c", "airflow.custom.d,dag_id=d:1|c", "airflow.custom.e,dag_id=d:1|c")
        assert sorted(pipeline.airflow()) == [
            f'airflow_custom_{name}_total{{dag_id="{dag}"}}' for name, dag in (("b", "e"), ("c", "d"), ("d", "d"))
        ]

    def test_a_gauge_that_was_refused_takes_no_name(self, make):
        pipeline = make(budgets={"custom": 1, "series": 1})
        pipeline.feed("airflow.custom.first,dag_id=a:1|g")
        pipeline.feed(*(f"airflow.custom.g{number},dag_id=d{number}:1|g" for number in range(50)))
        assert len(pipeline.service.translator.custom.metrics) == 1

    @pytest.mark.parametrize("naming", ["statsd-exporter", "helm-chart"])
    def test_series_whose_only_tag_is_overflow(self, make, naming):
        pipeline = make(naming=naming)
        pipeline.feed(*(f"rows,overflow={number}:1|g" for number in range(10)))
        assert pipeline.own()["windsock_series"] == 10
        for _ in range(3):
            pipeline.wait(700)
        assert "windsock_series" not in pipeline.own()
        assert pipeline.service.store.budget.labels == {}

    def test_metrics_beyond_the_budget_are_no_families(self, make):
        """Each would have a series for what is beyond: there may be ever more."""
        pipeline = make(naming="statsd-exporter", budgets={"series": 5})
        pipeline.feed(*(f"name_{number}:1|{kind}" for number in range(50) for kind in ("c", "g", "ms")))
        assert len(pipeline.service.store.families) <= 5
        assert pipeline.own()['windsock_sample_errors_total{reason="over_budget"}'] == 45


def test_what_explain_says_of_a_line_that_is_too_long():
    done = CliRunner().invoke(cli.windsock, ["explain", "--json", "a" * 2000 + ":1|c"])
    assert json.loads(done.stdout)["reason"] == "not a StatsD line: name too long"
