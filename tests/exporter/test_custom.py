"""Metrics of DAG authors: any name, made a metric as it arrives, and never too many."""

from __future__ import annotations

import pytest

from windsock import catalog
from windsock.exporter.series import expiry
from windsock.settings.exporter import Expiry

DAY = 86_400.0
BY = 'dag_id="team.orders",task_id="grp.load",team="data"'


class TestDialects:
    @pytest.mark.parametrize(
        "line",
        [
            "airflow.custom.orders_loaded,unit=rows,team=data,dag_id=team.orders,task_id=grp.load:12|g",
            "airflow.custom.orders_loaded:12|g|#unit:rows,team:data,dag_id:team.orders,task_id:grp.load",
        ],
    )
    def test_with_tags(self, pipeline, line):
        assert pipeline.feed(line).airflow() == {f'airflow_custom_orders_loaded{{{BY},unit="rows"}}': 12}

    def test_without_tags_the_values_follow_the_name(self, pipeline):
        pipeline.feed("airflow.ti.start,dag_id=team.orders,task_id=grp.load:1|c")
        found = pipeline.feed("airflow.custom.orders_loaded.none.data.team.orders.grp.load:12|g").airflow()
        assert found[f"airflow_custom_orders_loaded{{{BY}}}"] == 12

    def test_ids_that_can_be_read_in_several_ways_are_counted(self, pipeline):
        pipeline.feed("airflow.custom.orders_loaded.rows.data.a.b.c:12|g")
        assert pipeline.own()["windsock_ambiguous_ids_total"] == 1

    @pytest.mark.parametrize("name", ["orders.loaded", "orders-loaded", "orders_loaded"])
    def test_what_others_send_there_has_no_labels(self, pipeline, name):
        assert pipeline.feed(f"airflow.custom.{name}:12|g").airflow() == {"airflow_custom_orders_loaded": 12}


class TestKinds:
    @pytest.mark.parametrize(
        ("line", "expected"),
        [
            ("rejected:3|c", {"rejected_total": 3}),
            ("rejected_total:3|c", {"rejected_total": 3}),
            ("freshness_seconds:3|g", {"freshness_seconds": 3}),
            ("row_count:3|g", {"row_count": 3}),
            ("balance:-3|g", {"balance": -3}),
            ("call:1500|ms", {"call_seconds_count": 1, "call_seconds_sum": 1.5}),
            ("call_seconds:1500|ms", {"call_seconds_count": 1, "call_seconds_sum": 1.5}),
            ("call:1.5|h", {"call_seconds_count": 1, "call_seconds_sum": 1.5}),
        ],
    )
    def test_exposed_under_the_name_that_prometheus_expects(self, pipeline, line, expected):
        assert pipeline.feed(f"airflow.custom.{line}").airflow() == {
            f"airflow_custom_{name}": value for name, value in expected.items()
        }

    def test_a_time_is_in_milliseconds_in_every_dialect(self, pipeline):
        pipeline.feed("airflow.custom.call:1500|ms|#dag_id:d,task_id:t\n")
        assert pipeline.airflow()['airflow_custom_call_seconds_sum{dag_id="d",task_id="t"}'] == 1.5

    def test_type_and_help_are_exposed(self, pipeline):
        text = pipeline.feed("airflow.custom.rejected:3|c").text()
        assert "# HELP airflow_custom_rejected_total Sent by tasks through windsock.metrics." in text
        assert "# TYPE airflow_custom_rejected_total counter" in text

    @pytest.mark.parametrize("second", ["wait_seconds:1|g", "wait:7|c"])
    def test_one_name_has_one_type(self, pipeline, second):
        first = {"wait_seconds:1|g": "wait:5|ms", "wait:7|c": "wait_total:1|c"}[second]
        pipeline.feed(f"airflow.custom.{first}", f"airflow.custom.{second}")
        conflicts = pipeline.own().get('windsock_sample_errors_total{reason="type_conflict"}', 0)
        assert conflicts == (1 if second.endswith("g") else 0)

    @pytest.mark.parametrize(
        "name", ["", ".", "9lives", "_x", "rows total", "a" * 101, "rows_total", "call_seconds_bucket", "é", "a;b"]
    )
    def test_a_gauge_whose_name_is_no_name_is_refused_and_counted(self, pipeline, name):
        pipeline.feed(f"airflow.custom.{name}:1|g")
        assert pipeline.airflow() == {}
        assert sum(pipeline.accounted().values()) == 1

    def test_what_differs_by_run_is_no_label(self, pipeline):
        pipeline.feed("airflow.custom.rows,dag_id=d,run_id=manual__1,job_id=7:1|g")
        assert pipeline.airflow() == {'airflow_custom_rows{dag_id="d"}': 1}


class TestBudgets:
    def test_names_of_one_dag(self, make_pipeline):
        pipeline = make_pipeline(budgets={"custom": 3})
        pipeline.feed(*(f"airflow.custom.rows_{i},dag_id=greedy:1|g" for i in range(10)))
        pipeline.feed("airflow.custom.rows_9,dag_id=modest:1|g", "airflow.custom.rows_1,dag_id=greedy:7|g")
        assert set(pipeline.airflow()) == {
            *(f'airflow_custom_rows_{i}{{dag_id="greedy"}}' for i in range(3)),
            'airflow_custom_rows_9{dag_id="modest"}',
        }
        assert pipeline.own()['windsock_sample_errors_total{reason="custom_budget"}'] == 7

    def test_names_of_all_dags(self, make_pipeline):
        pipeline = make_pipeline(budgets={"custom": 1})
        pipeline.feed(*(f"airflow.custom.rows_{i},dag_id=d{i}:1|g" for i in range(30)))
        assert len(pipeline.airflow()) == 20

    def test_series_of_one_dag(self, make_pipeline):
        pipeline = make_pipeline(budgets={"dag": 5})
        pipeline.feed(*(f"airflow.custom.rows,dag_id=d,task_id=t{i}:1|c" for i in range(10)))
        assert len(pipeline.airflow()) == 6  # the last is what goes beyond, added up
        assert sum(pipeline.airflow().values()) == 10

    def test_none_at_all(self, make_pipeline):
        pipeline = make_pipeline(budgets={"custom": 0})
        assert pipeline.feed("airflow.custom.rows,dag_id=d:1|g").airflow() == {}


class TestSettings:
    def test_buckets_and_the_policy_of_several_senders(self, make_pipeline):
        pipeline = make_pipeline(
            buckets={"airflow_custom_call_seconds": [1, 60]}, gauges={"airflow_custom_slots": "sum"}
        )
        pipeline.feed("airflow.custom.call:2000|ms", "airflow.custom.slots:2|g")
        pipeline.feed("airflow.custom.slots:3|g", sender="10.0.0.2")
        assert 'airflow_custom_call_seconds_bucket{le="60.0"} 1' in pipeline.text()
        assert pipeline.airflow()["airflow_custom_slots"] == 5

    def test_a_gauge_stays_as_long_as_its_dag(self, pipeline):
        pipeline.feed("airflow.custom.rows,dag_id=d:1|g", "airflow.dagbag_size:7|g")
        ages = expiry.Expiry(pipeline.service.store, Expiry(), 0)
        for day in range(1, 7):
            ages.step(day * DAY)
        assert pipeline.airflow() == {'airflow_custom_rows{dag_id="d"}': 1}
        for week in range(1, 5):
            ages.step(week * 7 * DAY)
        assert pipeline.airflow() == {}


def test_the_catalogue_names_them():
    assert catalog.custom("orders_loaded", "gauge").family == "airflow_custom_orders_loaded"
    assert catalog.custom("call", "histogram").family == "airflow_custom_call_seconds"
