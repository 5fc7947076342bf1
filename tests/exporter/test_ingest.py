"""What lines add up to: counters, gauges, timers, and everything that is none of them."""

from __future__ import annotations

from itertools import permutations

import pytest

HEARTBEAT = "airflow_scheduler_heartbeat_total"
DAGS = "airflow_dagbag_size"
LOOP = "airflow_scheduler_scheduler_loop_duration_seconds"
PROCESSES = "airflow_dag_processing_processes"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        # counters
        (["airflow.scheduler_heartbeat:1|c"], {HEARTBEAT: 1}),
        (["airflow.scheduler_heartbeat:2|c"] * 3, {HEARTBEAT: 6}),
        (["airflow.scheduler_heartbeat:1|c", "airflow.scheduler_heartbeat:5|c"], {HEARTBEAT: 6}),
        (["airflow.scheduler_heartbeat:0|c"], {HEARTBEAT: 0}),
        (["airflow.scheduler_heartbeat:0.5|c"], {HEARTBEAT: 0.5}),
        (["airflow.scheduler_heartbeat:+2|c"], {HEARTBEAT: 2}),
        (["airflow.scheduler_heartbeat:1e3|c"], {HEARTBEAT: 1000}),
        (["airflow.scheduler_heartbeat:9007199254740993|c"], {HEARTBEAT: 9007199254740992}),
        # sampling
        (["airflow.scheduler_heartbeat:1|c|@0.1"], {HEARTBEAT: 10}),
        (["airflow.scheduler_heartbeat:3|c|@0.25"] * 2, {HEARTBEAT: 24}),
        (["airflow.scheduler_heartbeat:3|c|@0"], {HEARTBEAT: 3}),
        (["airflow.scheduler_heartbeat:3|c|@bar"], {HEARTBEAT: 3}),
        (["airflow.scheduler_heartbeat:3|c|@7"], {HEARTBEAT: 3}),
        (["airflow.scheduler.scheduler_loop_duration:500|ms|@0.1"], {f"{LOOP}_count": 10, f"{LOOP}_sum": 5}),
        # gauges
        (["airflow.dagbag_size:7|g"], {DAGS: 7}),
        (["airflow.dagbag_size:7|g", "airflow.dagbag_size:3|g"], {DAGS: 3}),
        (["airflow.dagbag_size:3|g", "airflow.dagbag_size:7|g", "airflow.dagbag_size:3|g"], {DAGS: 3}),
        (["airflow.dagbag_size:0.25|g|@0.1"], {DAGS: 0.25}),
        (["airflow.dagbag_size:inf|g"], {DAGS: float("inf")}),
        (["airflow.dagbag_size:inf|g", "airflow.dagbag_size:4|g"], {DAGS: 4}),
        # gauges with a sign: a change of what is there
        (["airflow.dagbag_size:333|g", "airflow.dagbag_size:-10|g", "airflow.dagbag_size:+4|g"], {DAGS: 327}),
        (["airflow.dagbag_size:0|g", "airflow.dagbag_size:-3|g"], {DAGS: -3}),
        (["airflow.dagbag_size:-3|g"], {DAGS: -3}),
        (["airflow.dagbag_size:+1|g"] * 4, {DAGS: 4}),
        (["airflow.dagbag_size:+1|g", "airflow.dagbag_size:5|g", "airflow.dagbag_size:+1|g"], {DAGS: 6}),
        # a counter that goes down is a gauge
        (
            ["airflow.dag_processing.processes:1|c"] * 3 + ["airflow.dag_processing.processes:-1|c"] * 2,
            {PROCESSES: 1},
        ),
        # timers and distributions
        (["airflow.scheduler.scheduler_loop_duration:200|ms"], {f"{LOOP}_count": 1, f"{LOOP}_sum": 0.2}),
        (["airflow.scheduler.scheduler_loop_duration:0.2|h"], {f"{LOOP}_count": 1, f"{LOOP}_sum": 0.2}),
        (["airflow.scheduler.scheduler_loop_duration:0.2|d"], {f"{LOOP}_count": 1, f"{LOOP}_sum": 0.2}),
        (
            ["airflow.scheduler.scheduler_loop_duration:100|ms", "airflow.scheduler.scheduler_loop_duration:300|ms"],
            {f"{LOOP}_count": 2, f"{LOOP}_sum": 0.4},
        ),
        # a clock that was set back
        (["airflow.scheduler.scheduler_loop_duration:-5|ms"], {f"{LOOP}_count": 1, f"{LOOP}_sum": 0}),
        # several samples in a datagram
        (["airflow.scheduler_heartbeat:1|c\nairflow.dagbag_size:7|g"], {HEARTBEAT: 1, DAGS: 7}),
        (["airflow.scheduler_heartbeat:1|c\n\nairflow.dagbag_size:7|g\n"], {HEARTBEAT: 1, DAGS: 7}),
        (["airflow.scheduler_heartbeat:1:2:3|c"], {HEARTBEAT: 6}),
        (["airflow.scheduler.scheduler_loop_duration:100:300|ms"], {f"{LOOP}_count": 2, f"{LOOP}_sum": 0.4}),
        (
            ["airflow.scheduler.scheduler_loop_duration:7|ms"]
            + ["airflow.scheduler.scheduler_loop_duration:100:300|ms"] * 2,
            {f"{LOOP}_count": 5, f"{LOOP}_sum": 0.807},
        ),
        (["airflow.scheduler_heartbeat:1|c:5|c"], {HEARTBEAT: 6}),
        # fields of the Datadog protocol without a meaning here
        (["airflow.scheduler_heartbeat:1|c|c:a1b2", "airflow.scheduler_heartbeat:1|c|T1656581400"], {HEARTBEAT: 2}),
        (["airflow.scheduler_heartbeat:1|c|e:it-x", "airflow.scheduler_heartbeat:1|c|card:low"], {HEARTBEAT: 2}),
        (["airflow.scheduler_heartbeat:1|c\r\n"], {HEARTBEAT: 1}),
    ],
    ids=lambda given: repr(given)[:60] if isinstance(given, list) else "",
)
def test_values(lines, expected, pipeline):
    assert pipeline.feed(*lines).airflow() == pytest.approx(expected)
    assert not any("error" in reason for reason in pipeline.accounted())


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", "no_colon"),
        (b"airflow.scheduler_heartbeat", "no_colon"),
        (b"nonsense", "no_colon"),
        (b":100|ms", "no_name"),
        (b"airflow.scheduler_heartbeat:1", "no_type"),
        (b"airflow.scheduler_heartbeat:1|", "no_type"),
        (b"airflow.scheduler_heartbeat:1|x", "unknown_type"),
        (b"airflow.scheduler_heartbeat:1|s", "set"),
        (b"airflow.scheduler_heartbeat:1o|c", "bad_value"),
        (b"airflow.scheduler_heartbeat:|c", "bad_value"),
        (b"airflow.scheduler_heartbeat:nan|c", "bad_value"),
        (b"airflow.scheduler_heartbeat:1_000|c", "bad_value"),
        (b"airflow.scheduler_heartbeat: 1|c", "bad_value"),
        (b"airflow.scheduler_heartbeat:inf|c", "bad_value"),
        (b"airflow.scheduler_heartbeat:1e999|c", "bad_value"),
        (b"airflow.scheduler_heartbeat:0x10|c", "bad_value"),
        (b"airflow.scheduler_heartbeat:-1|c", "negative_counter"),
        (b"airflow.scheduler_heartbeat:1|c|", "empty_field"),
        (b"airflow.scheduler_heartbeat:1|c|zzz", "unknown_field"),
        (b"airflow.scheduler_heartbeat,a=b:1|c|#c:d", "mixed_tags"),
        (b"airflow.scheduler_heartb\xff\xfeat:1|c", "invalid_utf8"),
        (b"airflow.dagbag_size,k=\xff:1|g", "invalid_utf8"),
        (b"\x00\x01\x02", "no_colon"),
        # the same name as another type: the catalogue's is the right one
        (b"airflow.scheduler_heartbeat:1|g", "type_conflict"),
        (b"airflow.dagbag_size:1|ms", "type_conflict"),
        (b"airflow.dagbag_size:1|c", "type_conflict"),
        (b"airflow.scheduler.scheduler_loop_duration:1|c", "type_conflict"),
    ],
)
def test_what_is_no_sample_is_counted_and_the_next_line_is_stored(line, reason, pipeline):
    pipeline.feed("airflow.scheduler_heartbeat:1|c", line, "airflow.scheduler_heartbeat:2|c")
    pipeline.feed(line, line)

    assert pipeline.airflow()[HEARTBEAT] == 3
    errors = {key: value for key, value in pipeline.accounted().items() if "error" in key}
    assert errors == {f'sample_errors_total{{reason="{reason}"}}': 3}
    assert set(pipeline.airflow()) == {HEARTBEAT}, "an error makes no series"


def test_a_bad_value_between_good_ones_of_a_known_timer_is_counted_alone(pipeline):
    """Timers are stored as they come; what is no number shows later."""
    name = "airflow.scheduler.scheduler_loop_duration"
    pipeline.feed(*[f"{name}:{value}|ms" for value in ("100", "abc", "200", "1:x:2", "", "inf", "nan", "1e999")])

    assert pipeline.airflow() == pytest.approx({f"{LOOP}_count": 4, f"{LOOP}_sum": 0.303})
    assert pipeline.accounted()['sample_errors_total{reason="bad_value"}'] == 6


def test_a_signed_gauge_in_one_batch_in_every_order(make_pipeline):
    lines = ["airflow.dagbag_size:10|g", "airflow.dagbag_size:+2|g", "airflow.dagbag_size:-5|g"]
    for order in permutations([*lines, "airflow.dagbag_size:+2|g"]):
        value = 0
        for line in order:
            number = line.split(":")[1].split("|")[0]
            value = value + float(number) if number[0] in "+-" else float(number)
        assert make_pipeline().feed(*order).airflow() == {DAGS: value}, order


def test_every_sample_of_a_replayed_gauge_is_counted(pipeline):
    pipeline.feed(*[f"airflow.dagbag_size:{value}|g" for value in ("+1", "5", "+1", "7")])
    assert pipeline.airflow() == {DAGS: 7}
    assert pipeline.accounted() == {'samples_total{type="gauge"}': 4}


def test_repeated_datagrams_of_several_samples_keep_their_order(pipeline):
    """What two equal datagrams hold is not applied after what came between them."""
    pair = "airflow.dagbag_size:+1|g\nairflow.scheduler_heartbeat:1|c"
    assert pipeline.feed(pair, "airflow.dagbag_size:5|g", pair).airflow() == {DAGS: 6, HEARTBEAT: 2}


def test_lines_are_counted_as_such(pipeline):
    pipeline.feed(b"airflow.scheduler_heartbeat:1|c\n\nairflow.dagbag_size:7|g\n", b"a", b"")
    assert pipeline.own()["windsock_lines_total"] == sum(pipeline.accounted().values()) == 4


def test_gauges_of_several_senders(pipeline):
    """A sender's change adds to what that sender said; the executors of several schedulers are summed."""
    name, slots = "airflow.dagbag_size", "airflow.executor.open_slots,executor_class_name=Local"
    pipeline.feed(f"{name}:10|g", f"{slots}:10|g", sender="a").feed(f"{name}:20|g", f"{slots}:20|g", sender="b")
    pipeline.feed(f"{name}:+1|g", f"{slots}:+1|g", sender="a")

    assert pipeline.airflow() == {DAGS: 11, 'airflow_executor_open_slots{executor_class_name="Local"}': 31}


def test_a_line_of_64_kib_is_stored_or_refused_but_not_torn(pipeline):
    long = "x" * 65_000
    pipeline.feed(f"airflow.ti.start,dag_id={long},task_id=t:1|c", "airflow.scheduler_heartbeat:1|c")

    assert sum(pipeline.accounted().values()) == 2
    assert pipeline.airflow()[HEARTBEAT] == 1
    stored = [name for name in pipeline.airflow() if "x" * 100 in name]
    assert stored in ([], [f'airflow_ti_start_total{{dag_id="{long}",task_id="t"}}'])


def test_an_absurd_sampling_rate_does_no_harm(pipeline):
    pipeline.feed(
        "airflow.scheduler_heartbeat:1|c",
        "airflow.scheduler_heartbeat:1|c|@1e-320",
        "airflow.scheduler.scheduler_loop_duration:5|ms|@1e-320",
        "airflow.scheduler.scheduler_loop_duration:5|ms",
        "airflow.dagbag_size:3|g",
    )
    found = pipeline.airflow()
    assert found[DAGS] == 3, "what came after it in the batch"
    assert found[HEARTBEAT] < float("inf")
    assert found[f"{LOOP}_sum"] < float("inf")
    assert "windsock_ingest_errors_total" not in pipeline.own()


def test_unmapped_names_are_counted_by_their_first_word_with_an_example(pipeline):
    pipeline.feed("airflow.nonsense.a:1|c", "airflow.nonsense.b:1|c", "other.thing:1|c")

    assert pipeline.accounted() == {
        'unmapped_total{prefix="nonsense"}': 2,
        'unmapped_total{prefix="other"}': 1,
    }
    assert pipeline.service.examples() == {"nonsense": "airflow.nonsense.a:1|c", "other": "other.thing:1|c"}


@pytest.mark.parametrize("prefix", ["airflow", "prod.airflow", ""])
def test_the_prefix_is_configurable(prefix, make_pipeline):
    pipeline = make_pipeline(statsd={"prefix": prefix})
    name = f"{prefix}.scheduler_heartbeat" if prefix else "scheduler_heartbeat"
    assert pipeline.feed(f"{name}:1|c", f"elsewhere.{name}:1|c").airflow() == {HEARTBEAT: 1}


def test_the_clients_own_telemetry_is_no_error(pipeline):
    pipeline.feed("datadog.dogstatsd.client.metrics:1|c|#client:py,client_version:0.49.1")
    assert pipeline.accounted() == {'ignored_total{reason="client_telemetry"}': 1}


def test_a_burst_of_new_tasks_is_counted_once(pipeline):
    """More legacy names than are held back at once, each with its modern twin right behind it."""
    tasks = range(3000)
    for number in tasks:
        pipeline.feed(f"airflow.ti.start.d.task_{number}:1|c", f"airflow.ti.start,dag_id=d,task_id=task_{number}:1|c")
    found = {name: value for name, value in pipeline.wait().airflow().items() if "ti_start" in name}
    assert len(found) == len(tasks)
    assert set(found.values()) == {1}
    assert pipeline.accounted()['duplicates_total{form="legacy"}'] == len(tasks)


@pytest.mark.parametrize("paired", [True, False], ids=["one by one", "all legacy names first"])
def test_more_twins_than_are_remembered_are_not_counted_twice(pipeline, monkeypatch, paired):
    monkeypatch.setattr("windsock.exporter.statsd.legacy._LIMIT", 3)
    legacy = [f"airflow.ti.start.d.t{number}:1|c" for number in range(9)]
    modern = [f"airflow.ti.start,dag_id=d,task_id=t{number}:1|c" for number in range(9)]
    lines = [line for pair in zip(legacy, modern, strict=True) for line in pair] if paired else [*legacy, *modern]
    pipeline.feed(modern[0]).feed(*lines).wait()
    # The whole datagrams are forgotten, as when too many are known, while what was decided stays.
    pipeline.service._ingest._learner.actions.clear()
    pipeline.feed(*lines).wait()
    found = pipeline.airflow()
    assert found.pop('airflow_ti_start_total{dag_id="d",task_id="t0"}') == 3
    assert set(found.values()) == {2}
    assert len(found) == 8
