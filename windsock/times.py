"""Times as people say them, in their own zone."""

from __future__ import annotations

from datetime import datetime, timezone, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

UTC = "UTC"
"""The zone that is said beside a time: people know their own."""


def clock_time(moment: datetime, zone: str, now: datetime | None = None) -> str:
    """Return `05:25`, on another day than `now` `05:25 on 27 Nov`, and `05:25 UTC` where `zone` is that."""
    # A machine without zones still says when it was.
    found = _zone(zone)
    there, today = (one.astimezone(found or timezone.utc) for one in (moment, now or datetime.now(timezone.utc)))
    name = "" if found else f" {UTC}"
    return f"{there:%H:%M}{name}" + ("" if there.date() == today.date() else f" on {there.day} {there:%b}")


def _zone(name: str) -> tzinfo | None:
    """None: UTC, which is also what a zone is that this machine does not know."""
    try:
        return None if name == UTC else ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
