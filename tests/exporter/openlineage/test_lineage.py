"""What a failure leaves stale, by the events of a real Airflow and by those of others."""

from __future__ import annotations

import json
import random

import pytest

from windsock.exporter.openlineage import edges, event, lineage

REPORT = "file://warehouse/shop/report"
ORDERS = "file://warehouse/shop/orders"
ALL = f"stale: {ORDERS}, {REPORT}; read by make_report, reports.daily"


class TestAirflow:
    """`load_orders.extract` reads prices and writes orders, `make_report.write` makes the report of them."""

    def test_what_is_made_of_what_is_stale_is_stale_too(self, receiving, capture):
        receiving.take(*capture)
        assert receiving.stale("load_orders", "extract") == ALL
        assert receiving.stale("make_report", "write") == f"stale: {REPORT}; read by reports.daily"
        assert receiving.stale("reports.daily", "send") == ""

    def test_of_a_run_what_was_not_completed_in_it(self, receiving, capture):
        (run_id,) = {
            one["run"]["facets"]["airflowDagRun"]["dagRun"]["run_id"]
            for one in map(json.loads, capture)
            if one["job"]["name"] == "load_orders"
        }
        receiving.take(*capture)
        assert receiving.stale("load_orders", run_id=run_id) == ""
        assert receiving.stale("load_orders", run_id="the next one").startswith(
            f"stale: file:tmp/shop_copy, {ORDERS}, "
        )

    def test_what_failed_before_it_ever_ended_well_is_known_too(self, receiving, capture):
        receiving.take(*(one for one in capture if b'"COMPLETE"' not in one))
        assert receiving.stale("broken_load", "extract").startswith("stale: file://warehouse/shop/prices, ")

    @pytest.mark.parametrize("seed", range(5))
    def test_order_and_repeats_make_no_difference(self, receiving, capture, seed):
        events = capture * 2
        random.Random(seed).shuffle(events)
        receiving.take(*events)
        assert receiving.stale("load_orders", "extract") == ALL

    def test_another_airflow_is_not_this_one(self, receiving, capture):
        receiving.lineage._namespace = "another"
        receiving.take(*capture)
        assert receiving.stale("load_orders", "extract") == ""


class TestOthers:
    def test_what_a_task_submits_writes_for_it(self, receiving):
        """Spark tells of its own run, whose parent is the task."""
        receiving.tell("spark|app", "s3://b|raw", "s3://b|clean", parent="prod|etl.submit")
        receiving.tell("prod|etl.submit", parent="prod|etl")
        receiving.tell("dbt|shop.orders", "s3://b|clean", parent="dbt|shop")
        assert receiving.stale("etl", "submit") == "stale: s3://b/clean; read by dbt:shop"
        assert receiving.stale("etl") == "stale: s3://b/clean; read by dbt:shop"

    def test_a_job_that_is_told_of_without_a_run(self, receiving):
        """A JobEvent says what a job is made to do."""
        said = receiving.tell("prod|d.t", writes="bigquery|shop.orders")
        job = {"eventTime": "2026-11-29T03:00:00.123456789Z", "job": {"namespace": "m", "name": "model"}}
        said.take({**job, "inputs": [{"namespace": "bigquery", "name": "shop.orders"}]})
        assert said.stale("d", "t") == "stale: bigquery:shop.orders; read by m:model"

    def test_a_dataset_alone_says_nothing(self, receiving):
        receiving.take({"eventTime": "2026-11-29T03:00:00Z", "dataset": {"namespace": "s3://b", "name": "k"}})
        assert receiving.count("events", outcome="bare") == 1

    @pytest.mark.parametrize("facets", [None, 7, {"parent": "x", "airflow": {"dagRun": 1}}, {"parent": {"job": {}}}])
    def test_facets_of_another_form_cost_what_they_say_alone(self, receiving, events, facets):
        said = events.made("prod|d.t", writes="s3://b|k", when=receiving.now)
        said["run"]["facets"] = facets
        assert receiving.take(said).stale("d", "t") == "stale: s3://b/k"

    def test_jobs_that_are_part_of_each_other(self, receiving):
        receiving.tell("prod|a", "s3://b|k", "s3://b|k", parent="prod|b").tell("prod|b", parent="prod|a")
        assert receiving.stale("a") == "stale: s3://b/k; read by b"

    def test_a_name_with_a_date_is_that_of_the_last_good_run_and_those_since(self, receiving):
        """And who read an old one waits for the new one."""
        for day in (3, 2, 1):
            receiving.tell("prod|d.t", writes=f"s3://b|day={day}", run=f"r{day}", ago=day * 86_400)
        receiving.tell("prod|e.t", "s3://b|day=3", parent="prod|e")
        assert receiving.stale("d", "t") == "stale: s3://b/day=1; read by e"
        receiving.tell("prod|d.t", writes="s3://b|day=0", kind="START", run="r0")
        assert receiving.stale("d", "t") == "stale: s3://b/day=0, s3://b/day=1; read by e"

    def test_what_people_read_is_short_and_without_secrets(self, receiving):
        places = [f"postgres://bob:hunter22@db:5432|t{number}" for number in range(7)]
        receiving.tell("prod|d.t", writes=" ".join([*places, "x|" + "n" * 300]))
        said = receiving.stale("d", "t")
        assert "hunter22" not in said
        assert said.endswith(" and 3 more")
        assert len(said) < 600


class TestBounds:
    def test_what_nobody_has_named_in_a_month_is_forgotten(self, receiving):
        receiving.tell("prod|d.t", writes="s3://b|old s3://b|new", kind="FAIL")
        receiving.now += 20 * 86_400
        receiving.tell("prod|d.t", writes="s3://b|new", kind="FAIL")
        receiving.now += 11 * 86_400
        receiving.tell("prod|other", writes="s3://b|x")
        assert receiving.stale("d", "t") == "stale: s3://b/new"
        receiving.tell("prod|d.t", writes="s3://b|older", ago=31 * 86_400)
        assert receiving.count("events", outcome="old") == 1
        assert receiving.stale("d", "t") == "stale: s3://b/new"

    def test_a_clock_ahead_keeps_nothing_for_longer(self, receiving):
        receiving.tell("prod|d.t", writes="s3://b|x", kind="FAIL", ago=-(10**9))
        receiving.now += 31 * 86_400
        assert receiving.tell("prod|other").stale("d", "t") == ""

    def test_relations_have_a_bound_and_the_oldest_gives_way(self, receiving, monkeypatch):
        monkeypatch.setattr(edges, "MOST", 20)
        for number in range(50):
            receiving.tell("prod|d.t", writes="s3://b|always", kind="FAIL")
            receiving.tell(f"prod|d{number}.t", writes=f"s3://b|{number}")
        assert len(receiving.lineage._edges) == 20
        assert receiving.count("dropped", reason="forgotten") == 31
        assert receiving.stale("d0", "t") == ""
        assert receiving.stale("d", "t") == "stale: s3://b/always"
        assert len(receiving.lineage._edges._to) + len(receiving.lineage._edges._from) <= 40

    def test_jobs_that_ended_well_have_a_bound(self, receiving, monkeypatch):
        monkeypatch.setattr(lineage, "_MOST_JOBS", 3)
        for number in range(9):
            receiving.tell(f"prod|{number}")
        assert len(receiving.lineage._completed) == 3

    def test_one_event_does_not_crowd_out_all_others(self, receiving):
        receiving.tell("prod|d.t", writes=" ".join(f"s3://b|{number}" for number in range(300)))
        receiving.tell("prod|e.t", writes="s3://b|" + "x" * 500)
        assert receiving.count("dropped", reason="crowded") == 100
        assert receiving.count("dropped", reason="too_long") == 1
        assert receiving.stale("e", "t") == ""

    def test_a_failure_is_followed_so_far_and_no_further(self, receiving, monkeypatch):
        monkeypatch.setattr(lineage, "_MOST_FOLLOWED", 10)
        for number in range(50):
            receiving.tell(f"prod|d{number}", f"s3://b|{number}", f"s3://b|{number + 1}")
        assert receiving.stale("d0").endswith("s3://b/5 and 5 more; read by d1, d2, d3, d4, d5 and 5 more")


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "json_invalid"),
        (b"[" * 100_000, "json_invalid"),
        (b"7", "model_type"),
        (b"{}", "eventTime: missing"),
        (b'{"eventTime": "yesterday"}', "eventTime: datetime_from_date_parsing"),
        (b'{"eventTime": "2026-01-01T00:00:00Z", "job": {"name": "n"}}', "job.namespace: missing"),
        (
            b'{"eventTime": "2026-01-01T00:00:00Z", "inputs": [{"namespace": 1, "name": "n"}]}',
            "inputs.0.namespace: str",
        ),
        (b'{"eventTime": 1e400}', "eventTime: "),
    ],
)
def test_what_is_no_event_is_an_error_that_says_where(body, said):
    with pytest.raises(ValueError, match=f"^not an OpenLineage event: {said}"):
        event.read(body)
