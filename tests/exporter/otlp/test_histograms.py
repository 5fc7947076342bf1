"""Histograms of OpenTelemetry in the catalogue's buckets: exact sums and counts, and an error that is stated."""

from __future__ import annotations

import math
import random
from bisect import bisect_left

import pytest

from windsock import catalog

NAME = 'airflow_task_duration_seconds_{}{{dag_id="d",task_id="t"}}'
BOUNDS = catalog.family("airflow_task_duration_seconds").buckets


def index(value: float, scale: int) -> int:
    """The bucket (2^(i/2^s), 2^((i+1)/2^s)] that holds a value."""
    return math.ceil(math.log2(value) * 2**scale) - 1


def tally(values: list[float], scale: int) -> dict[int, int]:
    found: dict[int, int] = {}
    for value in values:
        found[index(value, scale)] = found.get(index(value, scale), 0) + 1
    return found


def right(values: list[float]) -> list[int]:
    """How many milliseconds lie in each bucket, not cumulative."""
    counts = [0] * (len(BOUNDS) + 1)
    for value in values:
        counts[bisect_left(BOUNDS, value / 1000)] += 1
    return counts


def own(buckets: dict[str, float]) -> list[float]:
    reached = list(buckets.values())
    return [high - low for low, high in zip([0, *reached], reached, strict=False)]


def test_one_observation_is_exact(receive, exports):
    for bound in BOUNDS:
        for value in (bound * 1000, bound * 1000 * 1.0000001):
            receiving = receive()
            receiving.take(exports.exponential({index(value, 3): 1}, value, scale=3))
            assert own(receiving.buckets()) == right([value])


@pytest.mark.parametrize("scale", [0, 1, 3, 5, 8])
def test_the_error_is_the_width_of_a_bucket_and_never_downwards(scale, receive, exports):
    """An observation may be shown as longer by a factor of 2^(2^-scale), never as shorter."""
    chance = random.Random(scale)
    values = [10 ** chance.uniform(0, 6.5) for _ in range(500)]
    receiving = receive()
    receiving.take(exports.exponential(tally(values, scale), sum(values), scale=scale))
    shown = receiving.buckets()
    assert len(shown) == len(BOUNDS) + 1
    for bound, found in zip(BOUNDS, shown.values(), strict=False):
        below = sum(value / 1000 <= bound for value in values)
        surely = sum(value / 1000 * 2 ** (2**-scale) <= bound for value in values)
        assert surely <= found <= below
    assert receiving.series()[NAME.format("count")] == 500
    assert receiving.series()[NAME.format("sum")] == pytest.approx(sum(values) / 1000)


def test_a_stream_whose_buckets_are_merged_counts_what_is_new(receive, exports):
    """OpenTelemetry's SDK begins at scale 20 and merges when the range grows."""
    receiving = receive()
    values: list[float] = []
    before = [0.0] * (len(BOUNDS) + 1)
    for at, (scale, new) in enumerate([(20, [83.0]), (8, [84.0, 90.0]), (3, [20_000.0, 4.0]), (0, [900_000.0])]):
        values += new
        receiving.take(exports.exponential(tally(values, scale), sum(values), scale=scale, at=10 + at))
        now = own(receiving.buckets())
        assert all(old <= new for old, new in zip(before, now, strict=True)), "a bucket never shrinks"
        assert sum(now) == len(values)
        before = now


def test_repeated_and_reordered_exports_count_nothing(receive, exports):
    receiving = receive()
    first = exports.exponential({10: 2}, 4, scale=3, at=10)
    second = exports.exponential({10: 2, 30: 3}, 50, scale=3, at=20)
    receiving.take(second)
    assert receiving.take(first) == receiving.take(second) == {"repeated": 1}
    assert receiving.series() == {NAME.format("count"): 5, NAME.format("sum"): 0.05}


def test_a_clock_that_was_set_back_counts_as_zero(receive, exports):
    receiving = receive()
    receiving.take(exports.exponential({}, -5, negative=2, zero=1))
    assert receiving.series() == {NAME.format("count"): 3, NAME.format("sum"): 0}
    assert own(receiving.buckets())[0] == 3


def test_deltas(receive, exports):
    receiving = receive()
    delta = exports.exponential({10: 2}, 4, scale=3, at=10, delta=True)
    assert receiving.take(delta) == {"stored": 1}
    assert receiving.take(delta) == {"repeated": 1}
    assert receiving.series()[NAME.format("count")] == 2


def test_seconds_are_seconds(receive, exports):
    receiving = receive()
    receiving.take(exports.exponential({index(3.0, 3): 1}, 3.0, scale=3, unit="s"))
    assert receiving.series()[NAME.format("sum")] == 3
    assert receiving.take(exports.exponential({1: 1}, 3.0, unit="furlong", instance="i2")) == {"unit": 1}


def test_parse_times_come_in_seconds_and_say_milliseconds(receive, exports):
    """As over StatsD: a defect of every Airflow 3."""
    receiving = receive()
    receiving.take(exports.exponential({index(0.21, 3): 1}, 0.21, scale=3, name="airflow.dag_processing.last_duration"))
    assert sum(v for k, v in receiving.series().items() if "last_duration_seconds_sum" in k) == pytest.approx(0.21)


class TestExplicit:
    def test_buckets_are_counted_by_their_upper_end(self, receive, exports):
        receiving = receive()
        receiving.take(exports.explicit([1000, 60_000], [1, 3, 1], 500_000, at=10))
        receiving.take(exports.explicit([1000, 60_000], [2, 5, 1], 600_000, at=20))
        counts = own(receiving.buckets())
        assert counts[bisect_left(BOUNDS, 1)] == 2
        assert counts[bisect_left(BOUNDS, 60)] == 5
        assert counts[-1] == 1
        assert receiving.series() == {NAME.format("count"): 8, NAME.format("sum"): 600}

    def test_a_single_bucket_is_placed_by_its_mean(self, receive, exports):
        receiving = receive()
        receiving.take(exports.explicit([], [2], 4000))
        assert own(receiving.buckets())[bisect_left(BOUNDS, 2)] == 2

    @pytest.mark.parametrize(
        ("bounds", "counts"),
        [([2, 1], [1, 1, 1]), ([1, 1], [1, 1, 1]), ([1], [1, 2, 3]), ([float("nan")], [1, 1]), ([1, 2], [1])],
    )
    def test_what_is_no_histogram(self, bounds, counts, receive, exports):
        receiving = receive()
        assert receiving.take(exports.explicit(bounds, counts, 1)) == {"malformed": 1}
        assert receiving.series() == {}

    def test_other_bounds_within_one_stream(self, receive, exports):
        receiving = receive()
        receiving.take(exports.explicit([1], [1, 1], 10))
        assert receiving.take(exports.explicit([2], [2, 2], 20, at=70)) == {"malformed": 1}


@pytest.mark.parametrize(
    "change",
    [
        lambda point: setattr(point, "count", 7),
        lambda point: setattr(point, "scale", 21),
        lambda point: setattr(point, "scale", -11),
        lambda point: setattr(point, "sum", float("nan")),
        lambda point: setattr(point, "sum", float("inf")),
    ],
)
def test_what_is_no_exponential_histogram(change, receive, exports):
    request = exports.exponential({1: 1}, 2)
    change(request.resource_metrics[0].scope_metrics[0].metrics[0].exponential_histogram.data_points[0])
    receiving = receive()
    assert receiving.take(request) == {"malformed": 1}
    assert receiving.series() == {}


def test_indexes_beyond_all_numbers(receive, exports):
    receiving = receive()
    receiving.take(exports.exponential({2**30: 1, 2**30 + 1: 1}, 1e300, scale=0))
    assert own(receiving.buckets())[-1] == 2
    receiving.take(exports.exponential({-(2**30): 1, -(2**30) + 1: 1}, 5, scale=0, instance="i2"))
    assert own(receiving.buckets())[0] == 2
