"""Series that nothing updates go: gauges soon, counters and histograms with the whole of their DAG."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from windsock.exporter.statsd import ingest

GAUGES, DAGS = 600, 604_800


@pytest.fixture
def pipeline(make_pipeline, clock, monkeypatch):
    """An exporter whose expiry goes by the same clock."""
    monkeypatch.setattr(ingest, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return make_pipeline()


def test_a_gauge_that_nobody_sets_goes_after_one_to_two_periods(pipeline):
    pipeline.feed("airflow.pool.open_slots,pool_name=p:5|g").wait(GAUGES + 1)
    assert pipeline.airflow() == {'airflow_pool_open_slots{pool_name="p"}': 5}
    pipeline.wait(GAUGES)
    assert pipeline.airflow() == {}
    pipeline.feed("airflow.pool.open_slots,pool_name=p:6|g")
    assert pipeline.airflow() == {'airflow_pool_open_slots{pool_name="p"}': 6}


def test_a_gauge_that_is_set_to_the_same_value_stays(pipeline):
    for _ in range(6):
        pipeline.feed("airflow.pool.open_slots,pool_name=p:5|g").wait(GAUGES)
    assert pipeline.airflow() == {'airflow_pool_open_slots{pool_name="p"}': 5}


def test_a_counter_stays_while_anything_of_its_dag_lives(pipeline):
    pipeline.feed(*(f"airflow.ti_failures,dag_id={dag},task_id=t:1|c" for dag in ("old", "live")))
    for _ in range(DAGS // GAUGES // 100 + 2):
        pipeline.feed("airflow.ti_successes,dag_id=live,task_id=u:1|c").wait(100 * GAUGES)
    found = pipeline.airflow()
    assert found['airflow_ti_failures_total{dag_id="live",task_id="t"}'] == 1
    assert 'airflow_ti_failures_total{dag_id="old",task_id="t"}' not in found
    # It begins anew.
    pipeline.feed("airflow.ti_failures,dag_id=old,task_id=t:1|c")
    assert pipeline.airflow()['airflow_ti_failures_total{dag_id="old",task_id="t"}'] == 1


def test_a_counter_of_no_dag_never_goes(pipeline):
    pipeline.feed("airflow.scheduler_heartbeat:1|c")
    for _ in range(3):
        pipeline.wait(DAGS)
    assert pipeline.airflow() == {"airflow_scheduler_heartbeat_total": 1}


@pytest.mark.parametrize(
    ("family", "line", "value"),
    [
        ("airflow_executor_open_slots", "airflow.executor.open_slots,executor_class_name=E:{}|g", 7),
        ("airflow_pool_open_slots", "airflow.pool.open_slots,pool_name=p:{}|g", 4),
    ],
)
def test_gauges_of_several_senders(pipeline, family, line, value):
    """Each scheduler has an executor of its own, while a pool is the same for all of them: the last one counts."""
    pipeline.feed(line.format(3), sender="10.0.0.1").feed(line.format(4), sender="10.0.0.2")
    assert [found for name, found in pipeline.airflow().items() if name.startswith(family)] == [value]


def test_a_sender_that_died_is_no_longer_added(pipeline):
    line = "airflow.executor.open_slots,executor_class_name=E:{}|g"
    pipeline.feed(line.format(3), sender="10.0.0.1")
    for _ in range(3):
        pipeline.feed(line.format(4), sender="10.0.0.2").wait(GAUGES)
    assert list(pipeline.airflow().values()) == [4]


@pytest.mark.parametrize(("policy", "value"), [("last", 2), ("max", 5), ("min", 2), ("sum", 10)])
def test_the_policy_can_be_chosen(make_pipeline, read, policy, value):
    pipeline = make_pipeline(gauges={"airflow_pool_open_slots": policy})
    for sender, slots in enumerate((3, 5, 2)):
        pipeline.feed(f"airflow.pool.open_slots,pool_name=p:{slots}|g", sender=str(sender))
    assert list(pipeline.airflow().values()) == [value]
