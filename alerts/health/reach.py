"""What somebody's routes, inhibitions and silences take of windsock's alerts, by their matchers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from windsock import teams
from windsock.alerts.coverage import EVENTS
from windsock.alerts.promql import JOB
from windsock.alerts.rules import RULES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from windsock.settings import Settings

_SPLIT = re.compile(r"(!=|!~|=~|=)")
_EVERYTHING = re.compile(r"\^?\(?\.[*+]\)?\$?")
"""A regular expression that says nothing."""


class Reach:
    """The labels that many of windsock's alerts have in common, with the values that they have here.

    What asks for nothing but these hides what nobody thought of; what asks for others' values is about others' alerts.
    """

    def __init__(self, settings: Settings) -> None:
        self._values = {
            "alertname": (*EVENTS, *(rule.name for rule in RULES)),
            "severity": ("critical", "warning"),
            "cluster": (settings.cluster,),
            "team": (*settings.teams, teams.UNKNOWN),
            "job": (JOB,),
        }

    def is_broad(self, matchers: Iterable[str]) -> bool:
        """Whether all of something of windsock's fits these, each `name=value`."""
        return all(map(self._takes, matchers))

    def _takes(self, matcher: str) -> bool:
        name, how, value = _SPLIT.split(matcher, maxsplit=1)
        if name not in self._values:
            return how.startswith("!") or (how == "=~" and bool(_EVERYTHING.fullmatch(value)))
        return any(_fits(one, how, value) for one in self._values[name])

    def before(self, route: Mapping[str, Any], ours: set[tuple[Any, ...]]) -> Mapping[str, Any] | None:
        """The first route that takes all of something before one of `ours` gets it, wherever these hang."""
        taken = None
        for child in route.get("routes") or ():
            if key(child) in ours:
                return taken
            if _holds(child, ours):
                return self.before(child, ours) or taken
            if taken is None and not child.get("continue") and self.is_broad(matchers(child)):
                taken = child
        return None


def key(route: Mapping[str, Any]) -> tuple[Any, ...]:
    """What a route is known by."""
    return (route.get("receiver"), *matchers(route))


def matchers(section: Mapping[str, Any], side: str = "") -> tuple[str, ...]:
    """Of a route, or of one side of an inhibition (`source_`, `target_`), in the new form and in the old ones."""
    new = [str(one).replace('"', "").replace(" ", "") for one in section.get(f"{side}matchers") or ()]
    old = [f"{name}={value}" for name, value in (section.get(f"{side}match") or {}).items()]
    patterns = [f"{name}=~{value}" for name, value in (section.get(f"{side}match_re") or {}).items()]
    return tuple(sorted((*new, *old, *patterns)))


def inhibition(rule: Mapping[str, Any]) -> tuple[tuple[str, ...], ...]:
    """Its source, its target, and what both have to share."""
    return matchers(rule, "source_"), matchers(rule, "target_"), tuple(sorted(rule.get("equal") or ()))


def silenced(silence: Mapping[str, Any]) -> list[str]:
    """The matchers of a silence, as the API has them, in the form of a route's."""
    found = []
    for one in silence.get("matchers", ()):
        equal, regex = one.get("isEqual", True), one.get("isRegex", False)
        how = ("=~" if regex else "=") if equal else ("!~" if regex else "!=")
        found.append(f"{one['name']}{how}{one['value']}")
    return found


def _fits(one: str, how: str, value: str) -> bool:
    if how in {"=", "!="}:
        return (one == value) is (how == "=")
    try:
        # Go's expressions are Python's, but for a few that are rare in matchers.
        return bool(re.fullmatch(value, one)) is (how == "=~")
    except re.error:
        return False


def _holds(route: Mapping[str, Any], ours: set[tuple[Any, ...]]) -> bool:
    return any(key(one) in ours or _holds(one, ours) for one in route.get("routes") or ())
