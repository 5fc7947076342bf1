"""Counters of many processes become one: what counts, what counts nothing, and what can't be told."""

from __future__ import annotations

import pytest

FINISHED = 'airflow_ti_finish_total{dag_id="d",state="success",task_id="t"}'


def test_a_process_that_exports_once_counts_once(receive, exports):
    receiving = receive()
    for number in range(50):
        assert receiving.take(exports.sum(1, start=number, instance=f"i{number}")) == {"stored": 1}
    assert receiving.series() == {FINISHED: 50}


def test_one_that_exports_again_counts_its_difference(receive, exports):
    receiving = receive()
    receiving.take(exports.sum(1, at=10), exports.sum(4, at=20), exports.sum(4, at=30), exports.sum(7, at=40))
    assert receiving.series() == {FINISHED: 7}


def test_a_repeated_or_reordered_export_counts_nothing(receive, exports):
    receiving = receive()
    receiving.take(exports.sum(4, at=20))
    assert receiving.take(exports.sum(4, at=20)) == {"repeated": 1}
    assert receiving.take(exports.sum(1, at=10)) == {"repeated": 1}
    receiving.take(exports.sum(5, at=30))
    assert receiving.series() == {FINISHED: 5}


def test_another_start_is_another_process_or_a_reset(receive, exports):
    """Even where all processes share one id, and their exports are mixed."""
    receiving = receive()
    for at in (10, 20, 30):
        receiving.take(exports.sum(at, start=1, at=at), exports.sum(1, start=2, at=at))
    assert receiving.series() == {FINISHED: 31}


def test_processes_without_an_id_are_told_apart_by_their_start(receive, exports):
    receiving = receive()
    for number in range(5):
        receiving.take(*[exports.sum(1, start=number, at=at, instance="") for at in (10, 20)])
    assert receiving.series() == {FINISHED: 5}


def test_the_same_export_by_two_ways_counts_once(receive, exports):
    """A collector in between adds attributes to the resource."""
    receiving = receive()
    receiving.take(exports.sum(3), exports.sum(3, **{"k8s.pod.name": "p"}))
    assert receiving.series() == {FINISHED: 3}


def test_deltas_are_added_each_once(receive, exports):
    receiving = receive()
    deltas = [exports.sum(2, start=at, at=at + 10, delta=True) for at in (0, 10, 20, 30)]
    assert receiving.take(deltas[0], deltas[2], deltas[0], deltas[2], deltas[1]) == {"stored": 1}
    assert receiving.take(deltas[1]) == {"repeated": 1}
    assert receiving.series() == {FINISHED: 6}


def test_deltas_that_are_too_late_to_be_told_from_repeated_ones_count_nothing(receive, exports):
    receiving = receive().at(1000)
    deltas = [exports.sum(1, start=at, at=at + 1, delta=True) for at in range(80)]
    receiving.take(*deltas)
    receiving.take(*deltas)
    assert receiving.series() == {FINISHED: 80}


def test_a_delta_that_began_before_the_exporter_counts_nothing(receive, exports):
    receiving = receive(began=5)
    receiving.take(exports.sum(1, start=0, at=10, delta=True), exports.sum(1, start=10, at=20, delta=True))
    assert receiving.series() == {FINISHED: 1}


def test_what_goes_up_and_down_is_a_gauge_of_all_processes(receive, exports):
    receiving = receive()
    processes = {"name": "airflow.dag_processing.processes", "monotonic": False, "tags": {"file_path": "a.py"}}
    receiving.take(exports.sum(3, at=10, **processes), exports.sum(4, at=10, instance="i2", **processes))
    series = 'airflow_dag_processing_processes{file_path="a.py"}'
    assert receiving.series() == {series: 7}
    receiving.take(exports.sum(1, at=20, **processes), exports.sum(9, at=15, **processes))
    assert receiving.series() == {series: 5}


class TestGauges:
    POOL = 'airflow_pool_open_slots{pool_name="default_pool"}'

    def test_the_last_by_its_own_time(self, receive, exports):
        receiving = receive()
        receiving.take(exports.gauge(128, at=30), exports.gauge(5, at=20))
        assert receiving.series() == {self.POOL: 128}
        receiving.take(exports.gauge(7, at=40))
        assert receiving.series() == {self.POOL: 7}

    def test_one_of_long_ago_is_not_shown_as_one_of_now(self, receive, exports):
        receiving = receive().at(2000)
        assert receiving.take(exports.gauge(5)) == {"stale": 1}
        assert receiving.series() == {}

    def test_infinity_is_the_size_of_a_pool(self, receive, exports):
        receiving = receive()
        receiving.take(exports.gauge(float("inf")))
        assert receiving.series() == {self.POOL: float("inf")}


class TestForgetting:
    def test_a_process_that_was_silent_is_forgotten_and_never_counted_twice(self, receive, exports):
        receiving = receive(forget=100)
        receiving.take(exports.sum(5, start=0, at=10))
        receiving.at(1000).take(exports.sum(1, start=990, at=1000, instance="new"))
        own = receiving.own()
        assert own['windsock_otlp_forgotten_streams_total{reason="silent"}'] == own["windsock_otlp_instances"] == 1

        assert receiving.take(exports.sum(5, start=0, at=10)) == {"doubtful": 1}
        assert receiving.take(exports.sum(6, start=0, at=1000)) == {"doubtful": 1}
        assert receiving.take(exports.sum(8, start=0, at=1010)) == {"stored": 1}
        assert receiving.series() == {FINISHED: 5 + 1 + 2}

    def test_an_old_export_first_is_no_base_for_one_that_was_counted(self, receive, exports):
        receiving = receive(forget=100)
        receiving.take(exports.sum(3, at=10), exports.sum(10, at=50))
        receiving.at(1000).take(exports.sum(1, start=990, at=1000, instance="new"))
        receiving.take(exports.sum(3, at=10), exports.sum(10, at=50))
        assert receiving.series() == {FINISHED: 11}

    def test_too_many_are_forgotten_early(self, receive, exports):
        receiving = receive(streams=1000)
        for number in range(1500):
            receiving.take(exports.sum(1, start=number / 100, instance=f"i{number}"))
        own = receiving.own()
        assert own["windsock_otlp_streams"] == 1000
        assert own['windsock_otlp_forgotten_streams_total{reason="crowded"}'] == 500
        for number in range(1500):
            receiving.take(exports.sum(1, start=number / 100, instance=f"i{number}"))
        assert receiving.series() == {FINISHED: 1500}

    def test_an_id_that_all_processes_share_does_not_grow_for_ever(self, receive, exports):
        receiving = receive(forget=100)
        for number in range(500):
            receiving.at(number).take(exports.sum(1, start=number, at=number, instance="pod"))
        assert receiving.own()["windsock_otlp_streams"] <= 102
        assert receiving.series() == {FINISHED: 500}
        receiving.take(exports.sum(1, start=3, at=3, instance="pod"))
        assert receiving.series() == {FINISHED: 500}

    def test_what_began_before_the_exporter_counts_from_its_second_export_on(self, receive, exports):
        """Who knows what an exporter before this one counted."""
        receiving = receive(began=5)
        assert receiving.take(exports.sum(100, start=0, at=10)) == {"doubtful": 1}
        receiving.take(exports.sum(100, start=0, at=20), exports.sum(103, start=0, at=30))
        receiving.take(exports.sum(1, start=6, at=30, instance="a task"))
        assert receiving.series() == {FINISHED: 4}


@pytest.mark.parametrize(
    ("outcome", "value", "given"),
    [
        ("negative", -1, {}),
        ("negative", -1, {"delta": True}),
        ("not_a_number", float("nan"), {}),
        ("not_a_number", float("inf"), {}),
        ("no_start_time", 1, {"start": None}),
        ("in_future", 1, {"at": 1000}),
        ("in_future", 1, {"start": 1000, "at": 1001}),
        ("malformed", 1, {"start": 50, "at": 40}),
        ("no_time", 1, {"start": None, "at": -1_800_000_000}),
        ("too_long", 1, {"tags": {"dag_id": "d" * 1000}}),
        ("too_long", 1, {"tags": {f"tag{n}": "v" for n in range(101)}}),
        ("too_long", 1, {"name": f"airflow.{'n' * 2000}"}),
        ("unmapped", 1, {"name": "airflow.nobody.knows"}),
        ("unmapped", 1, {"name": "http.server.requests"}),
        ("legacy", 1, {"name": "airflow.ti.finish.d.t.success", "tags": {}}),
        ("legacy", 1, {"name": "airflow.operator_failures_bashoperator", "tags": {"dag_id": "d", "task_id": "t"}}),
        ("type_conflict", 1, {"name": "airflow.task.duration"}),
        ("type_conflict", 1, {"monotonic": False}),
    ],
)
def test_what_is_left_out_is_counted_under_its_reason(outcome, value, given, receive, exports):
    receiving = receive()
    assert receiving.take(exports.sum(value, **given)) == {outcome: 1}
    assert receiving.series() == {}
    assert receiving.own()[f'windsock_otlp_points_total{{outcome="{outcome}"}}'] == 1


def test_summaries_are_refused(receive, exports):
    request, metrics = exports.empty()
    points = metrics.add(name="airflow.task.duration").summary.data_points
    points.add(count=1)
    points.add(count=2)
    assert receive().take(request) == {"summary": 2}


def test_a_label_that_is_none_over_statsd_is_none(receive, exports):
    receiving = receive()
    receiving.take(exports.sum(1, tags={"dag_id": "d", "run_id": "scheduled__1", "job_id": 7, "try": 2, "late": True}))
    assert receiving.series() == {'airflow_ti_finish_total{dag_id="d",late="true",try="2"}': 1}


def test_sets_of_attributes_that_come_to_one_series_are_added(receive, exports):
    receiving = receive()
    for run in ("a", "b"):
        receiving.take(exports.sum(2, tags={"dag_id": "d", "run_id": run}))
    assert receiving.series() == {'airflow_ti_finish_total{dag_id="d"}': 4}


class TestBesideStatsD:
    def test_processes_that_send_statsd_and_others_add_up(self, receive, exports):
        """One process of Airflow sends one of the two."""
        receiving = receive()
        receiving.take(exports.sum(2))
        receiving.pipeline.feed("airflow.ti.finish,dag_id=d,task_id=t,state=success:1|c")
        assert receiving.series() == {FINISHED: 3}

    def test_a_collector_that_made_it_of_statsd_lines_says_it_twice(self, exports, make_pipeline):
        scope = "github.com/open-telemetry/opentelemetry-collector-contrib/receiver/statsdreceiver"
        hearing = make_pipeline(otlp={"listen": "127.0.0.1:0"}, statsd={"listen": ["udp://127.0.0.1:0"]})
        deaf = make_pipeline(otlp={"listen": "127.0.0.1:0"})
        for pipeline, outcome in ((hearing, "from_statsd"), (deaf, "stored")):
            pipeline.service.otlp.server_close()
            intake = pipeline.service.intake
            intake.streams.before, intake.clock = 0, lambda: exports.now / 1e9 + 60
            assert intake.take(exports.sum(1, scope=scope)) == {outcome: 1}
