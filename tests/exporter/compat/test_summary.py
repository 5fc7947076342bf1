"""Summaries: quantiles over a window that moves, sum and count over all times, bounded memory."""

from __future__ import annotations

import random
import subprocess
from types import SimpleNamespace

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from real.waiting import until

from windsock.exporter.series import summary
from windsock.exporter.series.exposition import OPENMETRICS, TEXT, ZeroInit

SHORT = """
defaults: {observer_type: summary, summary_options: {max_age: 10s, age_buckets: 5, quantiles: [{quantile: 0.5}]}}
"""


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """The time as summaries see it; add to `now`."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(summary, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def median(exporter) -> float:
    return exporter.exposed().samples['t{quantile="0.5"}']


def test_values_leave_the_window_step_by_step(clock, ours, write):
    mine = ours(write(SHORT)).feed("t:1|h", "t:2|h", "t:3|h")
    assert median(mine) == 2
    clock.now += 4
    assert median(mine.feed("t:21|h", "t:22|h", "t:23|h", "t:24|h")) == 21
    clock.now += 5.9
    assert median(mine) == 21, "nothing is older than 10 seconds"
    clock.now += 0.2
    assert median(mine) == 22, "the first three are gone"
    clock.now += 4
    assert str(median(mine)) == "nan"
    samples = mine.exposed().samples
    assert (samples["t_sum"], samples["t_count"]) == (96, 7)
    assert median(mine.feed("t:5|h")) == 5


def test_a_long_silence(clock, ours, write):
    mine = ours(write(SHORT)).feed("t:1|h")
    assert median(mine) == 1, "a value's age counts from here"
    clock.now += 1e6
    assert str(median(mine)) == "nan"
    clock.now += 9
    assert median(mine.feed("t:2|h")) == 2


def test_it_forgets_as_statsd_exporter_does(ours, theirs, write):
    file = write(SHORT.replace("10s", "4s"))
    mine, peer = ours(file).feed("t:1|h", "u:2|h"), theirs(file).feed("t:1|h", "u:2|h")
    assert mine.exposed().differences(peer.exposed()) == []
    until(lambda: str(median(mine)) == "nan" and mine.exposed().differences(peer.exposed()) == [])


def test_memory_is_bounded_and_the_quantiles_stay_good(clock, ours):
    mine = ours()
    values = [random.Random(7).expovariate(0.001) for _ in range(20_000)]
    for step in range(4):
        mine.feed(*(f"t:{value}|ms" for value in values[step * 5000 : (step + 1) * 5000])).text()
        clock.now += 120
    samples = mine.exposed().samples
    values.sort()
    for quantile, error in ((0.5, 0.05), (0.9, 0.01), (0.99, 0.001)):
        low, high = (values[int((quantile + sign * error) * len(values))] / 1000 for sign in (-1, 1))
        assert low <= samples[f't{{quantile="{quantile}"}}'] <= high
    assert samples["t_sum"] == pytest.approx(sum(values) / 1000)
    assert samples["t_count"] == 20_000
    (series,) = mine.store.families["t"].series.values()
    assert sum(map(len, series._steps())) <= 5 * 500


def test_a_sampled_value_weighs_as_many(ours):
    samples = ours().feed("t:1|h|@0.1", "t:2|h", "t:3|h").exposed().samples
    assert samples['t{quantile="0.5"}'] == 1
    assert samples["t_count"] == 12


@pytest.mark.parametrize(("content", "one"), [(TEXT, "1"), (OPENMETRICS, "1.0")])
def test_quantiles_and_bounds_are_spelled_as_the_format_has_it(content, one, ours, write):
    mine = ours(
        write(
            "mappings:\n"
            "- {match: s, name: s, observer_type: summary, quantiles: [{quantile: 1}, {quantile: 0.25}]}\n"
            "- {match: h, name: h, observer_type: histogram, buckets: [1, 2592000]}\n"
        )
    ).feed("s:5|h|#k:v", "h:5|h")
    text = mine.text(content)
    assert f's{{k="v",quantile="0.25"}} 5.0\ns{{k="v",quantile="{one}"}} 5.0\n' in text
    assert f'h_bucket{{le="{one}"}} 0\n' in text
    assert ('le="2.592e+06"' in text) == (content == TEXT)


def test_a_new_one_is_shown_empty_to_prometheus_first(ours):
    mine = ours().feed("t:5|h")
    born = mine.text(zero=ZeroInit(0, 0))
    assert "t_sum 0.0\nt_count 0\n" in born
    assert 't{quantile="0.5"} NaN\n' in born
    assert "t_sum 5.0\nt_count 1\n" in mine.text(zero=ZeroInit(15, 0))


def test_both_formats_are_valid(ours):
    mine = ours().feed("t:5|h", "c.total:1|c", "c:2|c", "g_total:3|g", "d_total:1|c", "t.u:5|ms|#k:v")
    assert {family.name: family.type for family in parse_text(mine.text())}["t"] == "summary"
    families = {family.name: family.type for family in parse_openmetrics(mine.text(OPENMETRICS))}
    # Other counters would have to change their name to be one there.
    assert families == {
        "t": "summary",
        "t_u": "summary",
        "c_total": "unknown",
        "c": "unknown",
        "g_total": "gauge",
        "d": "counter",
    }
    command = ["promtool", "check", "metrics"]
    checked = subprocess.run(command, input=mine.text(), capture_output=True, text=True, check=False, timeout=120)
    assert checked.returncode in (0, 3), checked.stderr  # 3: it is right, but could have better names
