"""When nobody is told: at night, at weekends, on the days of a maintenance."""

# Annotations are values in this module: pydantic would compile each text, in each callback's process.

import re
from datetime import date
from typing import Annotated

from pydantic import AfterValidator

from windsock.settings.formats import Patterns
from windsock.settings.section import Public, Section

WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_DAY = "|".join(WEEKDAYS)
_WEEKDAYS = rf"(?:{_DAY})(?::(?:{_DAY}))?"
_TIMES = r"((?:[01]\d|2[0-3]):[0-5]\d)-((?:[01]\d|2[0-3]):[0-5]\d|24:00)"


def _weekdays(values: tuple[str, ...]) -> tuple[str, ...]:
    if not all(re.fullmatch(_WEEKDAYS, value) for value in values):
        raise ValueError("expected days of the week such as saturday:sunday")
    return values


def _times(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        match = re.fullmatch(_TIMES, value)
        if match is None or match[1] >= match[2]:
            raise ValueError('expected times within one day, such as "22:00-24:00"; over midnight they are two')
    return values


def _dates(values: tuple[str, ...]) -> tuple[str, ...]:
    for value in values:
        try:
            date.fromisoformat(value)
        except ValueError:
            raise ValueError('expected days in quotes, such as "2026-12-24"') from None
    return values


class Mute(Section):
    """A window in which Alertmanager tells a team nothing; all that is given must hold.

    It shows its alerts, and tells of those that last when the window ends. Times are in the team's zone.
    """

    weekdays: Annotated[Patterns, AfterValidator(_weekdays), Public()] = ()
    """Such as saturday:sunday."""
    times: Annotated[Patterns, AfterValidator(_times), Public()] = ()
    """Such as 22:00-24:00."""
    dates: Annotated[Patterns, AfterValidator(_dates), Public()] = ()
    """Such as 2026-12-24, in quotes."""
    critical: bool = False
    """Whether it holds for what is critical too, as in a maintenance."""
