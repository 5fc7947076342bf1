"""What real Airflow installations sent, named as statsd_exporter names it, without a mapping and with the chart's."""

from __future__ import annotations

from pathlib import Path

import pytest

from windsock.exporter.compat.chart import helm_chart

CHART = Path(__file__).parent / "data" / "helm-chart.yml"
CAPTURES = sorted(
    file.name.removesuffix(".txt.gz") for file in (Path(__file__).parents[2] / "data" / "captures").glob("*.txt.gz")
)


@pytest.mark.parametrize("name", CAPTURES)
def test_without_a_mapping(name, captures, ours, theirs):
    exposed = ours().feed(*captures[name]).exposed()

    assert exposed.differences(theirs().feed(*captures[name]).exposed()) == []
    assert len(exposed.samples) > 200


@pytest.mark.parametrize("name", CAPTURES)
def test_with_the_names_of_the_helm_chart(name, captures, ours, theirs):
    exposed = ours(helm_chart("airflow")).feed(*captures[name]).exposed()

    assert exposed.differences(theirs(CHART).feed(*captures[name]).exposed()) == []
    assert ours(CHART).feed(*captures[name]).exposed().differences(exposed) == []
    assert exposed.families["airflow_task_duration"][0] == "summary"


def test_what_dashboards_of_the_chart_query(ours):
    mine = ours(helm_chart("prod.airflow")).feed(
        "prod.airflow.dag.my__dag.t1.duration:1500|ms",
        "prod.airflow.dagrun.duration.success.my__dag:2000|ms",
        "prod.airflow.dagrun.duration.failed.my__dag:3000|ms",
        "prod.airflow.pool.open_slots.default_pool:128|g",
        "prod.airflow.operator_failures_BashOperator:1|c",
        "prod.airflow.scheduler_heartbeat:1|c",
        "prod.airflow.ti.running.q.d.t:3|g",
        "prod.airflow.ti.start.d.t:1|c",
        "airflow.pool.open_slots.other_prefix:1|g",
    )
    samples = mine.exposed().samples
    assert {name: value for name, value in samples.items() if "quantile" not in name} == {
        'airflow_task_duration_sum{dag_id="my__dag",task_id="t1"}': 1.5,
        'airflow_task_duration_count{dag_id="my__dag",task_id="t1"}': 1,
        'airflow_dagrun_duration_sum{dag_id="my__dag"}': 2,
        'airflow_dagrun_duration_count{dag_id="my__dag"}': 1,
        'airflow_dagrun_failed_sum{dag_id="my__dag"}': 3,
        'airflow_dagrun_failed_count{dag_id="my__dag"}': 1,
        'airflow_pool_open_slots{pool="default_pool"}': 128,
        'airflow_operator_failures{operator="BashOperator"}': 1,
        'airflow_scheduler_heartbeat{type="counter"}': 1,
        'airflow_ti_running{dag_id="d",queue="q",task_id="t"}': 3,
        "prod_airflow_ti_start_d_t": 1,
        "airflow_pool_open_slots_other_prefix": 1,
    }
