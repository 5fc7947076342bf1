"""alertmanager.yml's `time_intervals`: when a team is told nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windsock import teams
from windsock.destinations import known
from windsock.settings.mute import WEEKDAYS

if TYPE_CHECKING:
    from windsock.settings import Settings
    from windsock.settings.mute import Mute


def intervals(settings: Settings) -> list[dict[str, Any]]:
    """Return one named element for each window of each team, and of `defaults`."""
    return [
        {"name": _name(team, number), "time_intervals": _elements(mute, teams.zone(team, settings))}
        for team in known(settings)
        for number, mute in enumerate(_of(team, settings))
    ]


def names(team: str, severity: str, settings: Settings) -> dict[str, list[str]]:
    """Return an entry of a route: which of them hold for a team's alerts of a severity. No route below inherits it."""
    found = [
        _name(team, number)
        for number, mute in enumerate(_of(team, settings))
        if mute.critical or severity != "critical"
    ]
    return {"mute_time_intervals": found} if found else {}


def _of(team: str, settings: Settings) -> tuple[Mute, ...]:
    return settings.teams[team].mute if team in settings.teams else settings.defaults.mute


def _name(team: str, number: int) -> str:
    return f"{team}/{number}"


def _elements(mute: Mute, zone: str) -> list[dict[str, Any]]:
    """Alertmanager has no dates, but years, months and days."""
    times = [dict(zip(("start_time", "end_time"), one.split("-"), strict=True)) for one in mute.times]
    common = {
        **({"times": times} if times else {}),
        **({"weekdays": [day for days in mute.weekdays for day in _days(days)]} if mute.weekdays else {}),
        "location": zone,
    }
    dates = [one.split("-") for one in mute.dates]
    return [
        {**common, "years": [year], "months": [str(int(month))], "days_of_month": [str(int(day))]}
        for year, month, day in dates
    ] or [common]


def _days(days: str) -> list[str]:
    """Alertmanager's weeks begin with Sunday, and none of its ranges goes over their end."""
    first, _, last = days.partition(":")
    start = WEEKDAYS.index(first)
    length = (WEEKDAYS.index(last or first) - start) % len(WEEKDAYS) + 1
    return [WEEKDAYS[(start + number) % len(WEEKDAYS)] for number in range(length)]
