"""Series that nothing updates go after their mapping's ttl; those of a mapping file without one stay."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from real.waiting import until

from windsock.exporter.compat.chart import helm_chart
from windsock.exporter.statsd import ingest

FILE = """
defaults: {ttl: %s}
mappings:
- {match: short.*, name: short, labels: {id: $1}, ttl: 1m}
- {match: other.*, name: other, labels: {id: $1}}
"""
LINES = ["short.a:1|c", "other.a:1|c", "unmapped:1|c", "gauge:1|g", "timer:1|ms"]


@pytest.fixture
def clock(monkeypatch) -> SimpleNamespace:
    """The time as expiry sees it."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr(ingest, "time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def wait(mine, clock, seconds: int) -> set[str]:
    """Let seconds pass, one by one; returns the families that have series then."""
    for _ in range(seconds):
        clock.now += 1
        mine.ingest.tick()
    return {name for name, family in mine.store.families.items() if family.series}


def test_each_mapping_has_its_own(clock, ours, write):
    mine = ours(write(FILE % "10m")).feed(*LINES)
    assert wait(mine, clock, 55) == {"short", "other", "unmapped", "gauge", "timer"}
    assert wait(mine, clock, 120) == {"other", "unmapped", "gauge", "timer"}
    assert wait(mine, clock, 500) == {"other", "unmapped", "gauge", "timer"}
    # What was quiet for one ttl is gone before the second is over.
    assert wait(mine.feed("other.a:1|c"), clock, 600) == {"other"}
    assert wait(mine, clock, 600) == set()
    assert mine.feed("short.a:5|c").exposed().samples['short{id="a"}'] == 5


def test_without_ttl_they_stay(clock, ours, write):
    mine = ours(write(FILE % "0s")).feed(*LINES)
    for _ in range(3):
        wait(mine, clock, 150)
        clock.now += 10 * 365 * 86_400
    assert wait(mine, clock, 20) == {"other", "unmapped", "gauge", "timer"}


@pytest.mark.parametrize("mapping", [None, helm_chart("airflow")])
def test_a_naming_mode_leaves_it_to_windsock(mapping, clock, ours):
    assert wait(ours(mapping).feed(*LINES), clock, 1300) == {"short_a", "other_a", "unmapped", "timer"}


def test_it_is_as_in_statsd_exporter(ours, theirs, write):
    file = write(FILE.replace("1m", "1s") % "1h")
    mine, peer = ours(file).feed(*LINES), theirs(file).feed(*LINES)

    def gone() -> bool:
        mine.ingest.tick()
        return not any("short" in name for exporter in (mine, peer) for name in exporter.exposed().samples)

    until(gone)
    samples = peer.exposed().samples
    assert mine.exposed().samples.keys() == samples.keys()
    assert samples['other{id="a"}'] == 1
