"""A failure, to the Alertmanagers: they are where all senders meet, so nothing here counts, groups or threads.

An event is on disk before it is posted: a process that is killed in the middle leaves it to the next callback of its
host, and the same alert posted twice is one.
"""

from __future__ import annotations

import contextlib
import re
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from windsock import storms
from windsock.alertmanager import Alertmanager, BusyError, credentials
from windsock.callbacks import bounded, spool
from windsock.exceptions import SettingsError
from windsock.redaction import redact
from windsock.teams import zone

from . import ongoing
from .result import Delivery, count, took

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.alertmanager import PeerResult
    from windsock.events import Event
    from windsock.settings import Settings

CHANNEL = "alertmanager"
PENDING = ((CHANNEL, ""),)

_LOOK_UP = 0.2
"""The share of the time that asking for an earlier alert may take: the post is what counts."""
_LIGHTING = 0.3
"""The share of that time that the beacon may take."""
_LOOKED = 0.9
"""The share after which it ends by itself, where a peer says that it is busy."""
_KEEPING = 0.1
"""The share that putting it down may take: a disk that hangs costs no alert."""
_RENDERING = 0.4
"""The share that a template may take."""
_PAUSES = (0.3, 1.0)
"""Seconds before a further attempt, where the first failed at once: a peer that restarts is back soon."""


def fire(event: Event, settings: Settings, deadline: float, template: str | None = None) -> Delivery:
    """Post `event` to all peers; adopts the labels of an alert for the same failure, or joins a storm."""
    if template is not None:
        event = _described(event, settings, template, (deadline - time.monotonic()) * _RENDERING)
    entry = spool.Entry.new("failed", event, PENDING, created=time.time())
    try:
        claim = bounded.run(lambda: keep(settings, entry), (deadline - time.monotonic()) * _KEEPING)
    except TimeoutError:
        claim = None
    try:
        client = Alertmanager(settings.alertmanager, credentials(settings.alertmanager.http))
    except SettingsError as error:
        return conclude(claim, settings, event, [("", error.problems[0])], "settings")
    started = time.monotonic()
    event, signs = place(event, settings, client, (deadline - started) * _LOOK_UP)
    results = post(client, [event.alert(datetime.now(timezone.utc)), *signs], deadline)
    seconds = time.monotonic() - started
    found = conclude(claim, settings, event, results)
    took(seconds, CHANNEL, event.team)
    return found


def post(client: Alertmanager, alerts: list[dict[str, Any]], deadline: float) -> list[PeerResult]:
    """Post to all peers, and again where all of them failed at once and there is time."""
    results: list[PeerResult] = []
    for pause in (*_PAUSES, None):
        results = client.post(alerts, max(0.0, deadline - time.monotonic()))
        failed = all(problem is not None for _, problem in results)
        if not failed or pause is None or word(results) == "rejected" or time.monotonic() + 3 * pause > deadline:
            break
        time.sleep(pause)
    return results


def keep(settings: Settings, entry: spool.Entry) -> spool.Claim | None:
    """Put an entry down before it is sent; None: there is no room, which must stop no alert."""
    if not settings.callbacks.spool.max_files:
        return None
    try:
        return spool.of(settings).put(entry, sync=False)
    except OSError:
        return None


def conclude(
    claim: spool.Claim | None, settings: Settings, event: Event, results: list[PeerResult], problem: str = ""
) -> Delivery:
    """What became of the post: done, kept for later, or never to be taken."""
    failures = [(url, said) for url, said in results if said is not None]
    detail = redact("; ".join(f"{url}: {said}" if url else str(said) for url, said in failures))
    if len(failures) < len(results):
        if claim is not None:
            claim.remove()
        count("sent", CHANNEL, event.team)
        accepted = f"{len(results) - len(failures)} of {len(results)} Alertmanagers"
        return Delivery("", f"{accepted} ({detail})" if detail else accepted)
    problem = problem or word(results)
    count("failed", CHANNEL, event.team, problem)
    return Delivery(problem, f"{detail}; {put_off(claim, settings, event, problem, detail)}")


def put_off(claim: spool.Claim | None, settings: Settings, event: Event, problem: str, detail: str) -> str:
    """Keep what was not taken, or bury what never will be; returns that in words."""
    if claim is None:
        count("dead", CHANNEL, event.team, "no_spool")
        return f"not kept: {spool.of(settings).obstacle() or 'the disk did not take it'}"
    if problem == "rejected":
        spool.of(settings).bury(claim.entry, detail)
        claim.remove()
        count("dead", CHANNEL, event.team, "rejected")
        return "a dead letter: see `windsock notify dead`"
    try:
        claim.update(begun=(), attempts=claim.entry.attempts + 1, problem=detail[:500])
        count("spooled", CHANNEL, event.team)
    except OSError as error:
        # The file stays as it was first written, and is delivered all the same.
        return f"kept in the spool ({type(error).__name__})"
    finally:
        claim.release()
    return "kept in the spool"


def word(results: list[PeerResult]) -> str:
    """One word for what went wrong; what one peer may yet take is not lost because another refuses it."""
    problems = [problem or "" for _, problem in results]
    if any(re.match(r"(5\d\d|408|429) ", problem) for problem in problems):
        return "server_error"
    if any("Timeout" in problem or problem.startswith("no answer") for problem in problems):
        return "timeout"
    if all(re.match(r"[34]\d\d ", problem) for problem in problems):
        return "rejected"
    return "unreachable"


def place(event: Event, settings: Settings, client: Alertmanager, seconds: float) -> tuple[Event, list[dict[str, Any]]]:
    """Give the failure the labels of an alert for it that is there, or the storm that it is part of, or neither.

    The second value is what to post beside its alert, so that others find out what they share with it.
    """
    now = datetime.now(timezone.utc)
    placed, signs = _placed(event, settings, client, seconds, now)
    return storms.worded(placed, zone(placed.team, settings), now), signs


def _placed(
    event: Event, settings: Settings, client: Alertmanager, seconds: float, now: datetime
) -> tuple[Event, list[dict[str, Any]]]:
    with contextlib.suppress(Exception):
        joined = bounded.run(lambda: ongoing.join(event, settings, now), seconds * _KEEPING)
        if joined is not None:
            return joined, storms.marks([joined], now)
    try:
        placed, signs = bounded.run(lambda: _looked(event, client, seconds, now), seconds)
    except BusyError:
        placed = storms.assume(event, now)
        signs = storms.marks([placed], now)
    except Exception:  # noqa: BLE001  nothing that goes wrong here is worth an alert that is not sent
        return event, []
    with contextlib.suppress(Exception):
        cause = storms.joinable(placed)
        if cause is not None:
            bounded.run(lambda: ongoing.remember(placed, cause, settings, now), seconds * _KEEPING)
    return placed, signs


def adopt(event: Event, alert: Mapping[str, Any]) -> Event:
    """Take over what an alert for the same failure is routed and grouped by: with other labels there would be two.

    And its text, where that is of the same try and knows the exception: Airflow's second call for a try does not.
    """
    labels, said = alert["labels"], alert["annotations"]
    own = event.annotations
    same = own.get("try") and all(said.get(name) == own.get(name) for name in ("try", "map_index"))
    if same and said.get("exception") and not own.get("exception"):
        own = said
    found = {name: said[name] for name in storms.NOTES if name in said}
    routing = {name: labels.get(name, getattr(event, name)) for name in ("team", "severity")}
    return event._replace(**routing, storm=labels.get("storm", ""), annotations={**own, **found})


def _looked(event: Event, client: Alertmanager, seconds: float, now: datetime) -> tuple[Event, list[dict[str, Any]]]:
    """Raises OSError."""
    end = time.monotonic() + seconds * _LOOKED
    # Lit before the look, so that of two that fail at the same moment one sees the other.
    lit = client.post(storms.beacons(event, now), seconds * _LIGHTING)
    try:
        found = client.match(storms.patterns(event), end - time.monotonic())
    except BusyError as error:
        if any(problem is None for _, problem in lit):
            raise
        # It takes nothing either: that is no storm, and the post has its own time.
        raise ConnectionError(str(error)) from error
    identity = event.identity.items()
    told = next((alert for alert in found if identity <= alert["labels"].items()), None)
    if told is not None:
        return adopt(event, told), []
    placed = storms.gather([event], found, now)
    return placed[0], storms.marks(placed, now)


def _described(event: Event, settings: Settings, template: str, seconds: float) -> Event:
    """Let the template say the description: the message itself is made by Alertmanager."""
    from windsock.callbacks.rendering.message import Message  # noqa: PLC0415  only where an author chose a template
    from windsock.callbacks.rendering.template import render  # noqa: PLC0415

    text = render(settings.callbacks.templates.get(template, template), Message(event), seconds)
    return event._replace(annotations={**event.annotations, **({"description": text} if text else {})})
