"""What a real Airflow 3.3.2 exported: the sums are its database's, in any order, however often, never over."""

from __future__ import annotations

import random
import re
from collections import Counter
from pathlib import Path

import pytest

from windsock import catalog
from windsock.airflow.versions import NEWEST

SERIES = Path(__file__).parents[2] / "data" / "series" / f"airflow-{NEWEST}-otlp.txt"
FINISHED = {
    ("asset_consumer", "consume", "success"): 1,
    ("deferred_wait", "wait", "success"): 1,
    ("orders_etl", "extract", "success"): 2,
    ("orders_etl", "load", "success"): 2,
    ("orders_etl", "transform", "success"): 6,
    ("flaky", "boom", "failed"): 2,
    ("slow_and_killed", "times_out", "failed"): 2,
    ("team.data", "sometimes", "success"): 2,
    ("team.data.orders_daily", "ingest.load", "success"): 1,
    ("team.data.orders_daily", "ingest.pull.api", "success"): 1,
    ("team.data.orders_daily", "skip_me", "skipped"): 1,
}
"""Finished task instances in Airflow's database; without those that were killed, which export nothing."""
KILLED = 'airflow_ti_start_total{dag_id="slow_and_killed",task_id="killed"}'
"""Over StatsD a task says at once that it starts; over OpenTelemetry at its end, which this one has not."""
ENDS = {"success", "failed", "skipped"}
LATEST = 1_795_840_400.0


@pytest.fixture
def fresh(receive):
    """An exporter that began before the capture, at the time of its end."""

    def make(**otlp):
        receiving = receive(**otlp)
        receiving.began(0)
        receiving.intake.clock = lambda: LATEST
        return receiving

    return make


def finished(series: dict[str, float]) -> dict[tuple[str, str, str], float]:
    found = {}
    for name, value in series.items():
        if name.startswith("airflow_ti_finish_total{"):
            labels = dict(part.split("=") for part in name.partition("{")[2][:-1].replace('"', "").split(","))
            found[labels["dag_id"], labels["task_id"], labels["state"]] = value
    return found


def times(requests) -> list[int]:
    return [
        point.time_unix_nano
        for request in requests
        for scope in request.resource_metrics[0].scope_metrics
        for metric in scope.metrics
        for point in getattr(metric, metric.WhichOneof("data")).data_points
    ]


def counted(receiving) -> dict[str, float]:
    """All that may never be over: counters, and the counts of histograms."""
    families = ((name.partition("{")[0], name, value) for name, value in receiving.series().items())
    return {name: value for family, name, value in families if family.endswith(("_total", "_seconds_count"))}


def test_finished_tasks_are_those_of_airflows_database(capture, fresh):
    receiving = fresh()
    receiving.take(*capture)
    found = {key: value for key, value in finished(receiving.series()).items() if key[2] in ENDS}
    assert found == FINISHED


def test_the_series_are_the_reviewed_ones(capture, fresh, read, tmp_path):
    receiving = fresh()
    receiving.take(*capture)
    receiving.series()
    series = [one for one in read.series(receiving.pipeline.text()) if one.startswith("airflow_")]
    (tmp_path / "series.txt").write_text("\n".join(series) + "\n")
    assert series == SERIES.read_text().splitlines(), f"after a review, {tmp_path / 'series.txt'} becomes {SERIES}"


def test_every_point_has_one_outcome(capture, fresh):
    receiving = fresh()
    outcomes = sum((receiving.take(request) for request in capture), Counter())
    assert sum(outcomes.values()) == len(times(capture))
    assert set(outcomes) == {"stored", "repeated", "legacy"}
    own = receiving.own()
    assert {name.split('"')[1]: value for name, value in own.items() if "otlp_points" in name} == outcomes


def test_what_one_airflow_says_over_statsd_has_the_same_names(capture, fresh):
    """Labels too; instances are none."""
    receiving = fresh()
    receiving.take(*capture)
    statsd = set((SERIES.parent / f"airflow-{NEWEST}-influxdb.txt").read_text().splitlines())
    same = {name for name in receiving.series() if name.startswith("airflow_ti_") and name in statsd}
    assert len(same) >= 20
    assert {name for name in statsd if name.startswith("airflow_ti_")} - same == {KILLED}
    for name in receiving.series():
        metric = catalog.family(re.sub("_(count|sum)$", "", name.partition("{")[0]))
        assert set(re.findall(r'[{,](\w+)="', name)) <= set(metric.labels), name


def over(found: dict[str, float], right: dict[str, float]) -> dict[str, tuple[float, float]]:
    return {name: (value, right[name]) for name, value in found.items() if value > right[name]}


KNOWN: dict[str, float] = {}


@pytest.fixture
def exact(capture, fresh) -> dict[str, float]:
    """What the whole capture adds up to."""
    if not KNOWN:
        KNOWN.update(replay(capture, fresh))
    return KNOWN


def replay(requests, fresh) -> dict[str, float]:
    receiving = fresh()
    receiving.take(*requests)
    return counted(receiving)


@pytest.mark.parametrize("seed", range(2))
def test_twice_and_in_another_order_it_is_the_same(seed, capture, fresh, exact):
    shuffled = list(capture) * 2
    random.Random(seed).shuffle(shuffled)
    assert replay(shuffled, fresh) == exact


@pytest.mark.parametrize("seed", range(2))
def test_what_is_lost_makes_it_short_and_never_over(seed, capture, fresh, exact):
    chance = random.Random(seed)
    some = [request for request in capture if chance.random() > 0.3] * 2
    chance.shuffle(some)
    found = replay(some, fresh)
    assert over(found, exact) == {}
    assert sum(found.values()) < sum(exact.values())


@pytest.mark.parametrize("seed", range(2))
def test_an_exporter_that_forgets_is_never_over(seed, capture, fresh, exact):
    """It has room for so few that it forgets all the time, and everything comes again and again."""
    chance = random.Random(seed)
    shuffled = list(capture) * 3
    chance.shuffle(shuffled)
    receiving = fresh(streams=1000)
    receiving.intake.streams._most = 100
    receiving.take(*shuffled)
    assert receiving.intake.streams.crowded > 1000
    assert over(counted(receiving), exact) == {}


@pytest.mark.parametrize("seed", range(2))
def test_an_exporter_that_is_killed_never_counts_twice(seed, capture, fresh, exact):
    """What both together counted; the second began in the middle."""
    place = random.Random(seed).randrange(20, len(capture) - 20)
    first, second = fresh(), fresh()
    first.take(*capture[:place])
    second.began(max(times(capture[:place])))
    second.take(*capture[max(0, place - 5) :])
    before, after = counted(first), counted(second)
    both = {name: before.get(name, 0) + after.get(name, 0) for name in {**before, **after}}
    assert over(both, exact) == {}
    assert sum(after.values()) > 0
