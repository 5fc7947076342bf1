"""What Airflow sends in odd ways, and what is made of it: lines as real installations sent them."""

from __future__ import annotations

import re

import pytest

from windsock.airflow.versions import NEWEST, OLDEST

FINISH = "airflow.ti.finish"
FINISHED = 'airflow_ti_finish_total{dag_id="d",state="success",task_id="t"}'
TRIES = 'airflow_dag_tries_finished_total{dag_id="d",state="success"}'
"""What the exporter adds up of it in time."""
PLAIN = ["airflow.ti.finish.d.t.success:1|c", "airflow.ti.finish:1|c"]
INFLUX = ["airflow.ti.finish.d.t.success:1|c", "airflow.ti.finish,dag_id=d,task_id=t,state=success:1|c"]
DATADOG = ["airflow.ti.finish.d.t.success:1|c\n", "airflow.ti.finish:1|c|#dag_id:d,task_id:t,state:success\n"]


class TestOneSeriesAFact:
    """Every fact comes twice, under a legacy and under a modern name."""

    @pytest.mark.parametrize("lines", [PLAIN, INFLUX, DATADOG], ids=["plain", "influxdb", "datadog"])
    def test_the_form_that_carries_the_ids_is_stored(self, lines, pipeline):
        pipeline.feed(*lines * 5)
        assert pipeline.airflow() == {FINISHED: 5}
        assert sum(v for k, v in pipeline.accounted().items() if k.startswith("duplicates")) == 5

    @pytest.mark.parametrize("lines", [PLAIN, INFLUX, DATADOG], ids=["plain", "influxdb", "datadog"])
    def test_one_datagram_at_a_time(self, lines, pipeline):
        pipeline.feed(*lines * 5, batch=1)
        assert pipeline.airflow() == {FINISHED: 5}

    def test_an_untagged_modern_line_that_came_first_gives_way(self, pipeline):
        """The exporter started between the two lines of a fact."""
        pipeline.feed(PLAIN[1], *PLAIN * 3)
        assert pipeline.airflow() == {FINISHED: 3}

    def test_an_untagged_modern_line_alone_is_better_than_nothing(self, pipeline):
        pipeline.feed(PLAIN[1], PLAIN[1]).wait()
        assert pipeline.airflow() == {"airflow_ti_finish_total": 2}

    def test_a_legacy_line_waits_for_its_twin_and_not_for_ever(self, pipeline):
        pipeline.feed(PLAIN[0])
        assert pipeline.airflow() == {}
        assert pipeline.wait(0.2).airflow() == {}
        assert pipeline.wait(2).airflow() == {FINISHED: 1}
        assert pipeline.feed(PLAIN[0]).airflow() == {FINISHED: 2}

    def test_thousands_of_legacy_lines_without_a_twin_are_all_stored(self, pipeline):
        pipeline.feed(*[PLAIN[0]] * 3000, batch=1700).wait()
        assert pipeline.airflow() == {FINISHED: 3000}

    def test_a_legacy_gauge_and_its_twin_come_in_two_batches(self, pipeline):
        lines = ["airflow.pool.open_slots.default_pool:128|g", "airflow.pool.open_slots,pool_name=default_pool:128|g"]
        pipeline.feed(lines[0]).feed(lines[1]).feed(*lines)
        assert pipeline.airflow() == {'airflow_pool_open_slots{pool_name="default_pool"}': 128}

    def test_a_modern_line_that_airflow_had_to_leave_out(self, pipeline):
        """The influxdb dialect drops a modern line whose tags have a space or are too long: the legacy one is left."""
        odd = "airflow.ti.finish.with space.t.success:1|c"
        pipeline.feed(*INFLUX * 3, odd, *INFLUX, odd).wait()
        pipeline.feed(odd)

        assert pipeline.airflow() == {
            FINISHED: 4,
            'airflow_ti_finish_total{dag_id="with space",state="success",task_id="t"}': 3,
        }

    def test_airflow_is_switched_to_the_plain_dialect(self, pipeline):
        pipeline.feed(*INFLUX * 3)
        for _ in range(10):
            pipeline.feed(*PLAIN).wait(61)
        assert pipeline.airflow()[FINISHED] >= 11
        assert set(pipeline.airflow()) == {FINISHED, TRIES}

    def test_airflow_is_switched_to_a_dialect_with_tags(self, pipeline):
        pipeline.feed(*PLAIN * 3, batch=1).feed(*INFLUX, batch=1)
        switched = pipeline.airflow()[FINISHED]
        assert switched in (4, 5), "only the line that shows the switch may count twice"
        assert pipeline.feed(*INFLUX * 5).airflow() == {FINISHED: switched + 5}

    def test_left_over_tags_of_a_legacy_line_are_no_second_series(self, pipeline):
        lines = [
            "airflow.dag.d.t.scheduled_duration,queue=default:20|ms",
            "airflow.task.scheduled_duration,dag_id=d,task_id=t,queue=default:20|ms",
        ]
        pipeline.feed(*lines * 3)
        name = 'airflow_task_scheduled_duration_seconds_{}{{dag_id="d",queue="default",task_id="t"}}'
        assert pipeline.airflow() == pytest.approx({name.format("count"): 3, name.format("sum"): 0.06})

    def test_what_is_sent_twice_under_its_legacy_name_counts_once(self, pipeline):
        lines = [
            "airflow.dagrun.flaky.first_task_scheduling_delay:10353.032000|ms",
            "airflow.dagrun.flaky.first_task_scheduling_delay:10353.032000|ms",
            "airflow.dagrun.first_task_scheduling_delay:10353.032000|ms",
        ]
        pipeline.feed(*lines, *[line.replace("10353", "4897") for line in lines]).wait()
        name = 'airflow_dagrun_first_task_scheduling_delay_seconds_{}{{dag_id="flaky"}}'
        assert pipeline.airflow() == pytest.approx({name.format("count"): 2, name.format("sum"): 15.250064})

    def test_even_where_the_two_spell_the_dag_differently(self, pipeline):
        lines = [
            "airflow.dagrun.team.data.first_task_scheduling_delay:16139.004000|ms",
            "airflow.dagrun.team__data.first_task_scheduling_delay:16139.004000|ms",
            "airflow.dagrun.first_task_scheduling_delay:16139.004000|ms",
        ]
        pipeline.feed(*lines, *[line.replace("16139", "4897") for line in lines]).wait()
        name = 'airflow_dagrun_first_task_scheduling_delay_seconds_{}{{dag_id="team.data"}}'
        assert pipeline.airflow() == pytest.approx({name.format("count"): 2, name.format("sum"): 21.036008})


class TestIds:
    """Legacy names hold the ids with their dots (2.11), or with `__` for each dot (3.x)."""

    def test_tags_keep_the_true_ids(self, captures, pipeline):
        found = pipeline.feed(*captures[f"airflow-{NEWEST}-influxdb"]).airflow()
        assert 'airflow_task_duration_seconds_count{dag_id="team.data.orders_daily",task_id="ingest.pull.api"}' in found
        assert not any("__data" in name for name in found)

    def test_a_dotted_id_is_restored_once_it_is_known(self, pipeline):
        """In the plain dialect a single metric, sent with its dots, tells which ids have any."""
        pipeline.feed("airflow.ti.start.flaky.boom:1|c", "airflow.ti.start:1|c")
        known = "airflow.dagrun.team.data.first_task_scheduling_delay:16139.004000|ms"
        for _ in range(2):
            pipeline.feed("airflow.ti.start.team__data.sometimes:1|c", "airflow.ti.start:1|c", known)
        pipeline.feed("airflow.ti.start.team__data.sometimes:1|c", "airflow.ti.start:1|c").wait()

        starts = {name: value for name, value in pipeline.airflow().items() if "start_total" in name}
        assert starts['airflow_ti_start_total{dag_id="team.data",task_id="sometimes"}'] == 2
        assert starts['airflow_ti_start_total{dag_id="flaky",task_id="boom"}'] == 1

    def test_an_ambiguous_name_is_counted_and_the_known_dag_wins(self, pipeline):
        """`a.b.c` is the task `c` of the DAG `a.b`, or the task `b.c` of the DAG `a`."""
        pipeline.feed("airflow.dagrun.schedule_delay.a.b:5|ms", "airflow.dagrun.schedule_delay:5|ms")
        pipeline.feed("airflow.ti.start.a.b.c:1|c", "airflow.ti.start:1|c")
        assert pipeline.airflow()['airflow_ti_start_total{dag_id="a.b",task_id="c"}'] == 1
        assert "windsock_ambiguous_ids_total" not in pipeline.own()

        pipeline.feed("airflow.ti.start.x.y.z:1|c", "airflow.ti.start:1|c")
        assert pipeline.airflow()['airflow_ti_start_total{dag_id="x",task_id="y.z"}'] == 1
        assert pipeline.own()["windsock_ambiguous_ids_total"] == 1

    def test_no_id_of_a_run_or_a_job_becomes_a_label(self, pipeline):
        pipeline.feed(
            "airflow.deadline_alerts.deadline_missed,dag_id=d,dagrun_id=17:1|c",
            "airflow.deadline_alerts.deadline_missed,dag_id=d,dagrun_id=18:1|c",
            "airflow.ti.start,dag_id=d,task_id=t,run_id=manual__2026-11-22T10:00:00+00:00,job_id=5:1|c",
            "airflow.local_task_job.task_exit.166.d.t.1:1|c",
            "airflow.local_task_job.task_exit:1|c",
        ).wait()
        assert pipeline.airflow() == {
            'airflow_deadline_alerts_deadline_missed_total{dag_id="d"}': 2,
            'airflow_ti_start_total{dag_id="d",task_id="t"}': 1,
            'airflow_local_task_job_task_exit_total{dag_id="d",return_code="1",task_id="t"}': 1,
        }

    def test_the_kind_of_a_job_is_a_label(self, pipeline):
        pipeline.feed(
            "airflow.scheduler_job_start:1|c",
            "airflow.triggerer_job_heartbeat_failure:1|c",
            "airflow.schedulerjobrunner_end:2|c",
        )
        assert pipeline.airflow() == {
            'airflow_job_end_total{job_name="schedulerjobrunner"}': 2,
            'airflow_job_start_total{job_name="scheduler_job"}': 1,
            'airflow_job_heartbeat_failure_total{job_name="triggerer_job"}': 1,
        }

    def test_older_versions_name_some_tags_differently(self, pipeline):
        pipeline.feed(
            "airflow.operator_failures_BashOperator,dag_id=d,task_id=t:1|c",
            "airflow.operator_failures,dag_id=d,task_id=t,operator=BashOperator:1|c",
            "airflow.executor.open_slots,status=open,name=LocalExecutor:5|g",
        ).wait()
        assert pipeline.airflow() == {
            'airflow_operator_failures_total{dag_id="d",operator_name="BashOperator",task_id="t"}': 1,
            'airflow_executor_open_slots{executor_class_name="LocalExecutor"}': 5,
        }


class TestUnits:
    """Timers are seconds, whatever the line says."""

    def mean(self, pipeline, family, ids=""):
        found = pipeline.airflow()
        count = sum(v for k, v in found.items() if re.match(rf"{family}_seconds_count\b.*{ids}", k))
        return sum(v for k, v in found.items() if re.match(rf"{family}_seconds_sum\b.*{ids}", k)) / count

    @pytest.mark.parametrize(
        ("statsd", "seconds"),
        [({}, 7), ({"timer_unit_consistency": True}, 0.007), ({"airflow": "2"}, 7), ({"airflow": "3"}, 0.007)],
    )
    def test_the_unit_can_be_told(self, make_pipeline, statsd, seconds):
        """Airflow 2's queue time is in seconds, and in milliseconds with an option of Airflow that no line shows."""
        pipeline = make_pipeline(statsd=statsd)
        pipeline.feed("airflow.dag_processing.last_duration.orders:90|ms")  # Airflow 2: a file without a bundle
        pipeline.feed("airflow.dag.d.t.queued_duration:7|ms", "airflow.task.queued_duration:7|ms").wait()
        assert self.mean(pipeline, "airflow_task_queued_duration") == pytest.approx(seconds)

    def test_the_dialects_agree_on_the_time_that_everything_takes(self, captures, make_pipeline):
        """The same DAGs on the same machine: a wrong unit would be a factor of 1000."""
        datadog = make_pipeline().feed(*captures[f"airflow-{NEWEST}-datadog"]).wait()
        influx = make_pipeline().feed(*captures[f"airflow-{NEWEST}-influxdb"]).wait()
        plain = make_pipeline().feed(*captures[f"airflow-{NEWEST}-plain"]).wait()
        families = {name.partition("_seconds_")[0] for name in influx.airflow() if "_seconds_count" in name}
        assert len(families) >= 13

        for family in families:
            means = [self.mean(one, family) for one in (datadog, influx, plain)]
            assert max(means) < 10 * min(means), (family, means)

    @pytest.mark.parametrize(
        "name",
        [
            f"airflow-{NEWEST}-datadog",
            f"airflow-{NEWEST}-influxdb",
            f"airflow-{NEWEST}-plain",
            f"airflow-{OLDEST}-plain",
        ],
    )
    def test_parsing_a_file_takes_a_tenth_of_a_second(self, name, captures, pipeline):
        pipeline.feed(*captures[name]).wait()
        assert 0.05 < self.mean(pipeline, "airflow_dag_processing_last_duration") < 0.5

    def test_airflow_2_waits_in_the_queue_for_seconds(self, captures, pipeline):
        pipeline.feed(*captures[f"airflow-{OLDEST}-plain"]).wait()
        assert 1 < self.mean(pipeline, "airflow_task_queued_duration") < 30
        assert 0.01 < self.mean(pipeline, "airflow_task_duration") < 1

    def test_corrections_are_counted(self, captures, pipeline):
        lines = captures[f"airflow-{NEWEST}-influxdb"]
        parsed = sum(line.startswith(b"airflow.dag_processing.last_duration,bundle_name=") for line in lines)
        pipeline.feed(*lines)
        assert pipeline.own()['windsock_corrections_total{reason="seconds_as_milliseconds"}'] == parsed > 10

    @pytest.mark.parametrize(
        ("name", "major", "dialect"),
        [
            (f"airflow-{OLDEST}-plain", "2", "plain"),
            ("airflow-3.1.3-influxdb", "3", "influxdb"),
            (f"airflow-{NEWEST}-datadog", "3", "datadog"),
            (f"airflow-{NEWEST}-influxdb", "3", "influxdb"),
            (f"airflow-{NEWEST}-plain", "3", "plain"),
        ],
    )
    def test_version_and_dialect_are_told_by_what_arrives(self, name, major, dialect, captures, pipeline):
        pipeline.feed(*captures[name])
        assert f'windsock_airflow_version_info{{dialect="{dialect}",major="{major}"}}' in pipeline.own()

    def test_datadogs_stopwatch_sends_seconds(self, pipeline):
        pipeline.feed("airflow.scheduler.scheduler_loop_duration:0.0503|ms\n")
        assert pipeline.airflow()["airflow_scheduler_scheduler_loop_duration_seconds_sum"] == pytest.approx(0.0503)

    def test_a_line_typed_by_hand_changes_no_unit(self, pipeline):
        """`echo 'airflow.some:1|c' | nc -u localhost 9125` ends with a line feed, as Datadog's client does."""
        pipeline.feed(*["airflow.scheduler.scheduler_loop_duration:50|ms"] * 3)
        pipeline.feed("airflow.scheduler_heartbeat:1|c\n", sender="127.0.0.1")
        pipeline.feed(*["airflow.scheduler.scheduler_loop_duration:50|ms"] * 3)
        assert pipeline.airflow()["airflow_scheduler_scheduler_loop_duration_seconds_sum"] == pytest.approx(0.3)


class TestGauges:
    def test_the_untagged_gauge_of_all_pools_in_turn_is_no_series(self, pipeline):
        for pool, slots in (("default_pool", 128), ("small", 3)):
            pipeline.feed(f"airflow.pool.open_slots.{pool}:{slots}|g", f"airflow.pool.open_slots:{slots}|g")
        assert pipeline.wait().airflow() == {
            'airflow_pool_open_slots{pool_name="default_pool"}': 128,
            'airflow_pool_open_slots{pool_name="small"}': 3,
        }

    def test_a_negative_value_in_two_datagrams(self, pipeline):
        """The plain and the influxdb dialect send `0|g` and then the change."""
        line = "airflow.executor.open_slots,executor_class_name=L"
        pipeline.feed(*[f"{line}:0|g", f"{line}:-3|g"] * 4)
        assert pipeline.airflow() == {'airflow_executor_open_slots{executor_class_name="L"}': -3}

    def test_a_negative_value_of_datadog(self, pipeline):
        pipeline.feed(*["airflow.executor.open_slots:-3|g|#executor_class_name:L\n"] * 4)
        assert pipeline.airflow() == {'airflow_executor_open_slots{executor_class_name="L"}': -3}

    def test_an_infinite_pool(self, pipeline, read):
        pipeline.feed("airflow.pool.open_slots,pool_name=endless:inf|g")
        assert 'airflow_pool_open_slots{pool_name="endless"} +Inf\n' in pipeline.text()

    def test_parsing_processes_go_up_and_down(self, captures, pipeline):
        pipeline.feed(*captures[f"airflow-{OLDEST}-plain"])
        assert 0 <= pipeline.airflow()["airflow_dag_processing_processes"] <= 3
        assert "# TYPE airflow_dag_processing_processes gauge\n" in pipeline.text()


class TestDialectsAgree:
    COMMON = ("asset_consumer", "flaky", "orders_etl", "team.data", "team.data.orders_daily")

    def of(self, pipeline, dags, read):
        return {name for name in read.series(pipeline.text()) if any(f'dag_id="{dag}"' in name for dag in dags)}

    def test_the_same_dags_give_the_same_series(self, captures, make_pipeline, read):
        datadog = make_pipeline().feed(*captures[f"airflow-{NEWEST}-datadog"]).wait()
        influx = make_pipeline().feed(*captures[f"airflow-{NEWEST}-influxdb"]).wait()

        assert self.of(datadog, self.COMMON, read) == self.of(influx, self.COMMON, read)
        assert len(self.of(influx, self.COMMON, read)) > 50
        # In one of the two, a wait was killed once; all else that deferred_wait gives is the same.
        odd = self.of(datadog, ["deferred_wait"], read) ^ self.of(influx, ["deferred_wait"], read)
        assert {name.partition("{")[0] for name in odd} == {
            "airflow_dagrun_duration_failed_seconds",
            "airflow_operator_failures_total",
            "airflow_scheduler_tasks_killed_externally_total",
            "airflow_ti_failures_total",
        }

    def test_what_belongs_to_no_dag_is_the_same_too(self, captures, make_pipeline, read):
        found = []
        for name in (f"airflow-{NEWEST}-datadog", f"airflow-{NEWEST}-influxdb"):
            series = read.series(make_pipeline().feed(*captures[name]).wait().text())
            found.append({one for one in series if "dag_id" not in one and one.startswith("airflow_")})
        # The file cb.py was in one folder only; a cache was measured, and a callback asked for, in one run only.
        odd = {one for one in found[0] ^ found[1] if "cb" not in one}
        assert odd == {
            "airflow_dag_processing_callback_only_count_total",
            "airflow_dag_processing_other_callback_count_total",
            "airflow_scheduler_dag_bag_cache_size",
        }

    def test_the_plain_dialect_of_the_same_lines_tells_the_same(self, captures, make_pipeline):
        """The tags taken off, as the plain dialect leaves them out: the same facts, with what legacy names carry."""
        lines = captures[f"airflow-{NEWEST}-influxdb"]
        bare = [line.partition(b":")[0].partition(b",")[0] + b":" + line.partition(b":")[2] for line in lines]
        tagged = make_pipeline().feed(*lines).wait().airflow()
        plain = make_pipeline().feed(*bare).wait().airflow()

        for family in (
            "ti_start_total",
            "ti_finish_total",
            "task_duration_seconds_count",
            "dagrun_duration_failed_seconds_sum",
        ):
            for dag in ("flaky", "orders_etl", "slow_and_killed"):
                both = [
                    sum(v for k, v in found.items() if k.startswith(f"airflow_{family}{{") and f'dag_id="{dag}"' in k)
                    for found in (tagged, plain)
                ]
                assert both[0] == pytest.approx(both[1]), (family, dag)
        for total in ("airflow_ti_start_total", "airflow_dagrun_first_task_scheduling_delay_seconds_count"):
            sums = [sum(v for k, v in found.items() if k.startswith(total)) for found in (tagged, plain)]
            assert sums[0] == sums[1] > 0
