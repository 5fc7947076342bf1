"""Whatever is sent, memory stays bounded, and what is known goes on."""

from __future__ import annotations

import gc
import os
import tracemalloc
from itertools import islice
from pathlib import Path

import pytest

from windsock.exporter.statsd import learn, legacy

HEARTBEAT = "airflow_scheduler_heartbeat_total"
MIB = 1 << 20


def growth(pipeline, lines, batch=512) -> int:
    """Bytes that remain allocated after all of `lines`."""
    gc.collect()
    tracemalloc.start(1)
    try:
        while datagrams := list(islice(lines, batch)):
            pipeline.feed(*datagrams)
        del datagrams
        gc.collect()
        return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def resident() -> int:
    """Bytes of this process that are in memory."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class TestBudgets:
    def test_beyond_the_budget_counters_are_added_up_and_known_series_go_on(self, make_pipeline):
        pipeline = make_pipeline(budgets={"series": 10})
        for index in range(100):
            pipeline.feed(f"airflow.ti.start,dag_id=d{index},task_id=t:1|c", "airflow.scheduler_heartbeat:1|c")

        found = pipeline.airflow()
        assert found[HEARTBEAT] == 100
        assert sum(value for name, value in found.items() if "ti_start" in name) == 100, "sums stay right"
        assert found['airflow_ti_start_total{overflow="series"}'] == 91
        assert pipeline.own()['windsock_overflow_total{budget="series"}'] == 91
        assert pipeline.own()["windsock_series"] == 10

    def test_timers_are_added_up_too(self, make_pipeline):
        pipeline = make_pipeline(budgets={"metric": 2})
        pipeline.feed(*[f"airflow.task.duration,dag_id=d{index},task_id=t:1000|ms" for index in range(50)] * 2)
        found = pipeline.airflow()
        assert found['airflow_task_duration_seconds_count{overflow="metric"}'] == 96
        assert found['airflow_task_duration_seconds_sum{overflow="metric"}'] == pytest.approx(96)

    def test_a_gauge_beyond_the_budget_is_refused(self, make_pipeline):
        """The sum of several gauges says nothing."""
        pipeline = make_pipeline(budgets={"label": 3})
        pipeline.feed(*[f"airflow.pool.open_slots,pool_name=p{index}:{index}|g" for index in range(5)] * 2)
        assert len(pipeline.airflow()) == 3
        assert pipeline.accounted() == {
            'samples_total{type="gauge"}': 6,
            'sample_errors_total{reason="over_budget"}': 4,
        }

    def test_one_dag_can_not_use_up_the_budget_of_the_others(self, make_pipeline):
        pipeline = make_pipeline(budgets={"dag": 5})
        pipeline.feed(*[f"airflow.ti.start,dag_id=wild,task_id=t{index}:1|c" for index in range(50)])
        pipeline.feed("airflow.ti.start,dag_id=tame,task_id=t:1|c")
        found = pipeline.airflow()
        assert found['airflow_ti_start_total{dag_id="tame",task_id="t"}'] == 1
        assert found['airflow_ti_start_total{overflow="dag"}'] == 45


class TestEndlessNames:
    """However many different lines come, what they leave behind is bounded."""

    KINDS = (
        "airflow.nonsense{}.x:1|c",
        "elsewhere{}:1|c",
        "nonsense{}",
        "airflow.dagbag_size:{}|g",
        "airflow.ti.start,dag_id=d{},task_id=t:1|c",
        "airflow.ti.start.e{}.t:1|c",
        "airflow.task.duration,dag_id=f{},task_id=t:5|ms",
        "airflow.pool.open_slots,pool_name=p{}:5|g",
    )

    @pytest.fixture
    def small(self, make_pipeline, monkeypatch):
        """An exporter whose memories are a twentieth of what they are, so that a test can fill them."""
        monkeypatch.setattr(learn, "_KNOWN_DATAGRAMS", learn._KNOWN_DATAGRAMS // 20)
        monkeypatch.setattr(learn, "_KNOWN_HEADS", learn._KNOWN_HEADS // 20)
        monkeypatch.setattr(legacy, "_LIMIT", legacy._LIMIT // 20)
        pipeline = make_pipeline(budgets={"series": 2500})
        pipeline.service.translator.ids.limit //= 20
        return pipeline

    def test_memory_is_bounded(self, small):
        small.feed("airflow.scheduler_heartbeat:1|c")
        sizes = []
        for start in range(0, 24_000, 8_000):
            for block in range(start, start + 8_000, 64):
                small.feed(*[kind.format(index) for index in range(block, block + 64) for kind in self.KINDS])
            sizes.append(resident())
        small.wait().feed("airflow.scheduler_heartbeat:1|c")

        assert sizes[2] - sizes[1] < 8 * MIB, "what is full does not grow"
        assert small.airflow()[HEARTBEAT] == 2
        assert len(small.airflow()) <= 2 * 2500 + 10
        assert len(small.own()) < 400
        assert len(small.service.examples()) <= 100

    def test_long_lines_are_not_remembered(self, pipeline):
        """A datagram may have 64 KiB, and each may be different."""
        text = "x" * 60_000
        assert growth(pipeline, (f"airflow.nonsense.{text}{index}:1|c" for index in range(1000)), batch=100) < 10 * MIB
        assert (
            growth(pipeline, (f"airflow.dagbag_size,a={text}{index}:1|ms" for index in range(1000)), batch=100)
            < 10 * MIB
        )

    def test_own_metrics_have_a_bounded_number_of_label_values(self, pipeline):
        pipeline.feed(*[f"word{index}.x:1|c" for index in range(1000)])
        unmapped = [name for name in pipeline.own() if name.startswith("windsock_unmapped_total")]
        assert len(unmapped) == 101
        assert pipeline.own()['windsock_unmapped_total{prefix="other"}'] == 900


def test_timers_that_nobody_scrapes_do_not_pile_up(pipeline):
    """Their raw values are folded into the buckets from time to time."""
    lines = (f"airflow.scheduler.scheduler_loop_duration:{index}.5|ms" for index in range(120_000))
    assert growth(pipeline, lines) < 6 * MIB
    assert pipeline.airflow()["airflow_scheduler_scheduler_loop_duration_seconds_count"] == 120_000
