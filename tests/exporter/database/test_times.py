"""Times as the databases' drivers hand them over."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from windsock.exporter.database.dialects import _padded, moment

TEXTS = {
    "2026-11-29 22:00:00+00": 0.0,
    "2026-11-29 22:00:00.5+00": 0.5,
    "2026-11-29 22:00:00.000001+00": 0.000001,
    "2026-11-30 03:30:00.25+05:30": 0.25,
    "2026-11-29 18:30:00.12345-03:30": 0.12345,
    "2026-11-29 14:00:00-08": 0.0,
    "2026-11-29 22:00:00": 0.0,
    "2026-11-29 22:00:00.000000": 0.0,
}


@pytest.mark.parametrize(("text", "fraction"), TEXTS.items())
def test_the_database_s_text(text, fraction):
    wanted = datetime(2026, 11, 29, 22, tzinfo=timezone.utc).timestamp() + fraction
    assert moment(text) == pytest.approx(wanted, abs=1e-6)
    assert moment(_padded(text)) == pytest.approx(wanted, abs=1e-6)  # as Python 3.10 reads it


def test_a_drivers_own_with_its_zone_and_without():
    zone = timezone(timedelta(hours=5, minutes=30))
    assert moment(datetime(2026, 11, 30, 3, 30, tzinfo=zone)) == moment("2026-11-29 22:00:00+00")
    assert moment(datetime(2026, 11, 29, 22)) == moment("2026-11-29 22:00:00+00")  # noqa: DTZ001
    assert moment(None) is None


@pytest.mark.parametrize("text", ["", "infinity", "yesterday", "2026-11-29 22:00:00+00 BC"])
def test_what_is_no_time(text):
    for read in (moment, _padded):
        with pytest.raises(ValueError, match=r"."):
            read(text)
