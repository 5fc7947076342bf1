"""Recurrences: what fails again and again is told twice, then once as that, and after it now and then.

A task that fails every minute for a day, one that fails and succeeds in turns, a storm that comes every minute: whoever
tells of it leaves a sign at Alertmanager for half an hour, which says how often it has happened, and the next one
reads it. From the third time on the alert's label `storm` ends in `AGAIN`: the generated routes make that one group,
which speaks once an hour.
"""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from windsock.events import rfc3339, unix
from windsock.times import clock_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

SIGN = "WindsockRecurring"
AGAIN = "again"
"""The end of the label `storm` of what recurs."""
TIMES = 3
"""The first two are told as ever: something that fails twice may have been tried again by hand."""
WITHIN = timedelta(minutes=30)
"""What has not happened for so long begins anew. A DAG that fails every hour is told every hour."""
NOTE = "again"
"""The annotation of an alert that says which time it is: `3 since 2026-11-28T04:35:02.120Z`."""
SAID = "recurring"
"""The annotation that says so to people: `40 times since 05:35`."""
_DIGITS = 9
"""Of a number that is believed."""

Times = dict[tuple[str, str], tuple[int, str]]
"""By team and what it is (a cause, or a task's key): how often it has happened, and when first (RFC 3339)."""


def read(seen: Iterable[Mapping[str, Any]]) -> Times:
    """Return what the signs say among alerts as Alertmanager's API gives them."""
    times: Times = {}
    for alert in seen:
        labels = alert.get("labels", {})
        number, _, since = alert.get("annotations", {}).get(NOTE, "").partition(" since ")
        if labels.get("alertname") == SIGN:
            # What is not as it should be is nobody's sign.
            with contextlib.suppress(ValueError):
                unix(since)
                if len(number) <= _DIGITS:
                    what = labels.get("team", ""), labels.get("cause", "")
                    # Peers may show different ones: of two, what was counted last.
                    times[what] = max(times.get(what, (0, "")), (int(number), since))
    return times


def count(times: Times, team: str, what: str, now: datetime) -> tuple[int, str]:
    """Count it once more; return how often it has happened, and when first."""
    number, since = times.get((team, what), (0, rfc3339(now)))
    times[team, what] = number + 1, since
    return number + 1, since


def note(number: int, since: str) -> str:
    """Return the annotation `NOTE`."""
    return f"{number} since {since}"


def words(storm: str, noted: str, zone: str, now: datetime) -> str:
    """Return how often what has the label `storm` and the annotation `NOTE` has happened, and since when, in `zone`.

    Empty where it does not recur, or nobody counted.
    """
    number, _, since = noted.partition(" since ")
    if not storm.endswith(f"/{AGAIN}"):
        return ""
    try:
        moment = datetime.fromtimestamp(unix(since), timezone.utc)
    except ValueError:
        return ""
    return f"{number} times since {clock_time(moment, zone, now)}"
