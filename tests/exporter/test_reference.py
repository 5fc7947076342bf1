"""The batched way of the lines against a reference that takes one line after another."""

from __future__ import annotations

from collections import defaultdict
from itertools import islice

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

COUNTERS = ("scheduler_heartbeat", "triggers.failed", "ti.start,dag_id=a.b,task_id=c")
GAUGES = ("dagbag_size", "pool.open_slots,pool_name=default_pool")
SUMS = ("dag_processing.processes",)
TIMERS = ("scheduler.scheduler_loop_duration", "task.duration,dag_id=a.b,task_id=c")
EXPOSED = {
    "scheduler_heartbeat": "airflow_scheduler_heartbeat_total",
    "triggers.failed": "airflow_triggers_failed_total",
    "ti.start,dag_id=a.b,task_id=c": 'airflow_ti_start_total{dag_id="a.b",task_id="c"}',
    "dagbag_size": "airflow_dagbag_size",
    "pool.open_slots,pool_name=default_pool": 'airflow_pool_open_slots{pool_name="default_pool"}',
    "dag_processing.processes": "airflow_dag_processing_processes",
    "scheduler.scheduler_loop_duration": "airflow_scheduler_scheduler_loop_duration_seconds{}",
    "task.duration,dag_id=a.b,task_id=c": 'airflow_task_duration_seconds{dag_id="a.b",task_id="c"}',
}
# Multiples of a power of two, so that no order of adding them up makes a difference; few, so that they repeat.
NUMBERS = st.sampled_from(["0", "1", "2", "0.5", "0.25", "7"])
SIGNED = st.builds(str.__add__, st.sampled_from("+-"), NUMBERS)
RATES = st.sampled_from(["", "", "", "|@0.5", "|@0.125"])

LINES = st.one_of(
    st.tuples(st.sampled_from(COUNTERS), NUMBERS, st.just("c"), RATES),
    st.tuples(st.sampled_from(GAUGES), st.one_of(NUMBERS, SIGNED), st.just("g"), st.just("")),
    st.tuples(st.sampled_from(SUMS), st.one_of(NUMBERS, SIGNED), st.just("c"), st.just("")),
    st.tuples(st.sampled_from(TIMERS), NUMBERS, st.just("ms"), RATES),
)
DATAGRAMS = st.lists(st.lists(LINES, min_size=1, max_size=3), max_size=40)
SENDERS = st.lists(st.sampled_from(["10.0.0.1", "10.0.0.2"]), min_size=1, max_size=5)


def reference(sent):
    """What (sender, line) after line comes to; obviously right, and slow."""
    said: dict[str, dict[str, float]] = defaultdict(dict)
    result: dict[str, float] = defaultdict(float)
    for sender, (name, number, type_, rate) in sent:
        value, times = float(number), 1 / float(rate[2:] or 1)
        exposed = EXPOSED[name]
        if name in (*GAUGES, *SUMS):
            relative = type_ == "c" or number[0] in "+-"
            said[exposed][sender] = said[exposed].get(sender, 0) * relative + value
            result[exposed] = sum(said[exposed].values()) if name in SUMS else said[exposed][sender]
        elif type_ == "c":
            result[exposed] += value * times
        else:
            for ending, amount in (("_count{", times), ("_sum{", value / 1000 * times)):
                result[exposed.replace("{", ending).replace("{}", "")] += amount
    return result


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(datagrams=DATAGRAMS, senders=SENDERS, sizes=st.lists(st.integers(1, 20), min_size=1, max_size=4))
def test_batches_give_what_single_lines_give(make_pipeline, datagrams, senders, sizes):
    pipeline, sent = make_pipeline(), []
    rest, turn = iter(datagrams), 0
    while batch := list(islice(rest, sizes[turn % len(sizes)])):
        sender = senders[turn % len(senders)]
        sent += [(sender, line) for datagram in batch for line in datagram]
        texts = ["\n".join(f"airflow.{n}:{v}|{t}{r}" for n, v, t, r in datagram) for datagram in batch]
        pipeline.feed(*texts, sender=sender)
        turn += 1

    assert pipeline.airflow() == pytest.approx(reference(sent))
    assert sum(pipeline.accounted().values()) == len(sent) == pipeline.own().get("windsock_lines_total", 0)
