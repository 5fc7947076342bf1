"""Test messages: one to each address that a team has, on the way of a real failure, and what became of each.

With an Alertmanager it is told, and counts what the platforms refuse; what they say to a refusal it only logs, so they
are then asked from here. Without one they are told from here at once, as callbacks do it.
"""

from __future__ import annotations

import importlib
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from windsock import channels, versions
from windsock.alertmanager import Alertmanager, credentials
from windsock.destinations import destinations, known
from windsock.events import TASK_FAILED, Event, rfc3339

from .deliveries import Deliveries
from .finding import Finding
from .server import AskingError, Server

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.destinations import Destination
    from windsock.settings import Settings

TITLE = "Test messages"
TIMEOUT = 60.0
"""Seconds for Alertmanager: it waits five for what belongs to a group, and its second and third peer fifteen more."""
_RETRIED = 10.0
"""Seconds in which what a platform refused may still be taken: Alertmanager tries again after some of them."""
_LIFETIME = timedelta(minutes=5)
"""Nobody resolves a test where this process is killed: it ends by itself."""
_POST = 10.0
"""Seconds for a request to Alertmanager or a platform."""
_GROUPS = "/api/v2/alerts/groups?" + urlencode({"filter": f'alertname="{TASK_FAILED}"'})
_HOLDING = {
    "silencedBy": "a silence hides it",
    "inhibitedBy": "another alert keeps it back",
    "mutedBy": "a mute window of the team",
}
"""What Alertmanager says of an alert, in words."""


@dataclass(frozen=True)
class _Test:
    """One test alert, which is the test of all teams that have the same addresses."""

    event: Event
    teams: tuple[str, ...]
    places: tuple[Destination, ...]

    def finding(self, to: Destination, grade: Any, found: str, mend: str = "") -> Finding:
        teams = ", ".join(self.teams)
        named = f"{to} (team{'s' * (len(self.teams) > 1)} {teams})"
        return Finding(f"test.{to.channel}", grade, f"{named}: {found}", mend, TITLE)


def attempt(settings: Settings, team: str | None = None, timeout: float = TIMEOUT) -> list[Finding]:
    """Send a critical test alert for `team`, or for all, and return what became of it at each address.

    Raises SettingsError for a secret of Alertmanager's that can't be had here.
    """
    central = bool(settings.alertmanager.urls)
    chosen: dict[tuple[Destination, ...], list[str]] = {}
    for name in (team,) if team else known(settings):
        chosen.setdefault(destinations(settings, name, "critical", central=central), []).append(name)
    nobody = chosen.pop((), [])
    tests = [_Test(_event(settings, teams[0]), tuple(teams), places) for places, teams in chosen.items()]
    found = list(_Central(settings).run(tests, timeout) if central else _direct(tests, settings))
    for name in (team,) if team else known(settings):
        for to in destinations(settings, name, "critical") if central else ():
            if not to.central(settings.alertmanager.version):
                said = f"{to} (team {name}): Alertmanager can't tell it; callbacks do where there is none."
                found.append(Finding(f"test.{to.channel}", "unseen", said, "", TITLE))
    if nobody:
        lacking = f"Critical alerts of {', '.join(nobody)} reach nobody."
        found.append(Finding("test.nobody", "critical", lacking, "Set a channel in `defaults`, or in `teams`.", TITLE))
    return found


def _event(settings: Settings, team: str) -> Event:
    now = datetime.now(timezone.utc)
    return Event(
        TASK_FAILED,
        settings.cluster,
        # A group of its own, so that a test soon after another one is told as soon.
        f"windsock_test_{now:%H%M%S}",
        f"test__{rfc3339(now)}",
        task_id="test",
        team=team,
        severity="critical",
        annotations={
            "summary": f"TEST for team {team}: nothing failed; someone ran `windsock doctor --send-test`",
            "failed_at": rfc3339(now),
        },
    )


def _direct(tests: list[_Test], settings: Settings) -> Iterator[Finding]:
    for test in tests:
        for to in test.places:
            accepted, said = _tell(to, test.event, settings)
            if accepted:
                yield test.finding(to, "good", f"it took the message{f' ({said})' if said else ''}.")
            elif accepted is None:
                yield test.finding(to, "unseen", f"{said}.", "Run this where callbacks run.")
            else:
                yield test.finding(to, "critical", f"it says {said}.", f"Mend channels.{to.channel}, or the address.")


def _tell(to: Destination, event: Event, settings: Settings) -> tuple[bool | None, str]:
    found: tuple[bool | None, str] = importlib.import_module("windsock.callbacks.health").tell(
        to, event, settings, _POST
    )
    return found


class _Central:
    """By way of the Alertmanagers, whose counters say what came of it."""

    def __init__(self, settings: Settings) -> None:
        """Raises SettingsError."""
        section = settings.alertmanager
        self._settings = settings
        self._client = Alertmanager(section, credentials(section.http))
        self._servers = [Server(f"Alertmanager {url}", url, section.http, "alertmanager") for url in section.urls]

    def run(self, tests: list[_Test], timeout: float) -> Iterator[Finding]:
        before = self._deliveries()
        refusals = self._post(tests, _LIFETIME)
        if len(refusals) == len(self._servers):
            for url, problem in refusals.items():
                said = f"Alertmanager {url} did not take the test: {problem}."
                yield Finding("test.alertmanager", "critical", said, "Mend what is said of Alertmanager above.", TITLE)
            return
        held, counts = self._wait(tests, before, timeout)
        self._post(tests, timedelta(0))
        for test in tests:
            for to in test.places if test.event.team in held else ():
                yield test.finding(to, "warning", f"not told: {held[test.event.team]}.", "Expire it, or wait.")
        for name, expected in _expected(tests, held).items():
            told = [
                (test, to)
                for test in tests
                if test.event.team not in held
                for to in test.places
                if _integration(to) == name
            ]
            yield from self._verdicts(told, name, expected, counts)

    def _verdicts(
        self, told: list[tuple[_Test, Destination]], name: str, expected: int, counts: Deliveries
    ) -> Iterator[Finding]:
        """Of one integration. Alertmanager counts them together: which one was refused, the platform says."""
        lacking, doubt = expected - counts.taken(name), self._doubt(told[0][1].channel)
        if lacking <= 0 and not doubt:
            for test, to in told:
                yield test.finding(to, "good", "it took Alertmanager's message.")
            return
        answers = [(test, to, *_tell(to, test.event, self._settings)) for test, to in told]
        refused = sum(accepted is False for _, _, accepted, _ in answers)
        attempts = f"of {counts.tried[name]} attempts for {name} {counts.failed[name]} failed, and {expected} were due"
        for test, to, accepted, said in answers:
            if accepted is False:
                yield test.finding(to, "critical", f"it says {said}.", f"Mend channels.{to.channel}, or the address.")
            elif lacking > refused:
                yield test.finding(
                    to,
                    "critical",
                    f"Alertmanager may not have told it: {attempts}; from here "
                    + ("it takes a message." if accepted else f"it can't be asked: {said}."),
                    "Look at Alertmanager's log, its routes, the team's mute windows, the secret's file, its proxy.",
                )
            elif accepted:
                yield test.finding(to, "good", "it took a message.")
            else:
                yield test.finding(
                    to, "unseen", f"{doubt or attempts}; it can't be asked from here: {said}.", "Look for the message."
                )

    def _post(self, tests: list[_Test], lifetime: timedelta) -> dict[str, str]:
        """Return the problems, by URL."""
        now = datetime.now(timezone.utc)
        alerts = [{**test.event.alert(now), "endsAt": rfc3339(now + lifetime)} for test in tests]
        return {url: problem for url, problem in self._client.post(alerts, _POST) if problem is not None}

    def _deliveries(self) -> Deliveries:
        found = Deliveries()
        for server in self._servers:
            try:
                found.read(server.text("/metrics"))
            except (AskingError, ValueError):
                continue  # a peer that is down tells nobody; the examination has said so
        return found

    def _wait(self, tests: list[_Test], before: Deliveries, timeout: float) -> tuple[dict[str, str], Deliveries]:
        """Return which teams' tests are kept back, and by what, and what was counted until all others are through."""
        deadline = time.monotonic() + timeout
        while True:
            held, counts = self._held(tests), self._deliveries().since(before)
            expected = _expected(tests, held)
            if all(counts.taken(name) >= count for name, count in expected.items()):
                return held, counts
            if all(counts.tried[name] >= count for name, count in expected.items()):
                deadline = min(deadline, time.monotonic() + _RETRIED)
            if time.monotonic() > deadline:
                return held, counts
            time.sleep(0.2)

    def _held(self, tests: list[_Test]) -> dict[str, str]:
        """By team, what keeps its test back. A mute window is shown with the groups only (0.28 and later)."""
        found: dict[str, str] = {}
        runs = {test.event.run_id for test in tests}
        for groups in self._client.ask(_GROUPS, _POST).values():
            alerts = [alert for group in groups if isinstance(group, dict) for alert in group.get("alerts", ())]
            for alert in alerts:
                labels, status = alert.get("labels", {}), alert.get("status", {})
                if labels.get("run_id") not in runs:
                    continue
                for key, words in _HOLDING.items():
                    if status.get(key):
                        found[labels.get("team", "")] = f"{words} ({', '.join(status[key])})"
        return found

    def _doubt(self, channel: str) -> str:
        """Why Alertmanager's word is not enough."""
        try:
            version = versions.said(self._servers[0].json("/api/v2/status")["versionInfo"]["version"])
        except (AskingError, KeyError, TypeError):
            version = None
        told, section = channels.of(channel), getattr(self._settings.channels, channel, None)
        if not told.unheard(section, version or versions.AUTO):
            return ""
        return f"Alertmanager {version or 'of this version'} takes every answer of {told.title} for a yes"


def _expected(tests: list[_Test], held: dict[str, str]) -> Counter[str]:
    """How many messages each of Alertmanager's integrations is to send."""
    return Counter(_integration(to) for test in tests if test.event.team not in held for to in test.places)


def _integration(to: Destination) -> str:
    return channels.of(to.channel).receiver.removesuffix("_configs")
