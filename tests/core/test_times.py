"""Times as people say them."""

from __future__ import annotations

from datetime import datetime, timezone

import pytest

from windsock.settings import Settings
from windsock.teams import zone
from windsock.times import clock_time

AT = datetime(2026, 11, 28, 4, 25, 2, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("place", "now", "said"),
    [
        ("UTC", AT, "04:25 UTC"),
        ("Europe/Berlin", AT, "05:25"),
        ("America/Los_Angeles", AT, "20:25"),
        # Another day there, not here.
        ("America/Los_Angeles", AT.replace(hour=9), "20:25 on 27 Nov"),
        ("UTC", AT.replace(day=30), "04:25 UTC on 28 Nov"),
        # A worker without that zone.
        ("Atlantis/Center", AT, "04:25 UTC"),
        ("../etc/passwd", AT, "04:25 UTC"),
    ],
)
def test_a_time_of_day_in_a_zone(place, now, said):
    assert clock_time(AT, place, now) == said


def test_a_team_says_its_times_in_its_zone_or_in_that_of_all():
    settings = Settings.model_validate(
        {"teams": {"pay": {"timezone": "Asia/Tokyo"}, "ops": {}}, "defaults": {"timezone": "Europe/Berlin"}}
    )
    assert [zone(team, settings) for team in ("pay", "ops", "default")] == ["Asia/Tokyo", *["Europe/Berlin"] * 2]
    assert zone("default", Settings()) == "UTC"
