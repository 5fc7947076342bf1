"""Callbacks, as the doctor sees them on this host: what waits in their spool, and whether a platform takes a test."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from windsock.doctor.finding import Finding
from windsock.settings.units import format_age

from . import bounded
from . import spool as spools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.destinations import Destination
    from windsock.events import Event
    from windsock.settings import Settings

_SOON = 300.0
"""Seconds after which what waits has been tried more than once."""


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what is found in this host's spool."""
    spool = spools.of(settings)
    looked_at = f"Callbacks' spool here ({spool.folder})"
    try:
        there = spool.folder.is_dir()
    except OSError:
        there = True  # a folder above it is closed: `foreign` says so
    if not there:
        yield Finding(
            "callbacks.spool",
            "unseen",
            "No callback has kept anything here: none failed, or none runs on this host.",
            "",
            looked_at,
        )
        return
    problem = spool.foreign()
    if problem:
        yield Finding("callbacks.spool", "critical", f"It can't be used: {problem}.", "", looked_at)
        return
    obstacle = spool.obstacle() if settings.callbacks.spool.max_files else ""
    if obstacle:
        yield Finding(
            "callbacks.full",
            "critical",
            f"Nothing more can be kept here: {obstacle}.",
            "`windsock notify spool` says why it waits; callbacks.spool.max_files and max_bytes are the bounds.",
            looked_at,
        )
    ages = [
        time.time() - (spool.queue / name).stat().st_mtime for name in spool.names() if (spool.queue / name).exists()
    ]
    if ages and max(ages) > _SOON:
        yield Finding(
            "callbacks.waiting",
            "critical",
            f"{len(ages)} messages wait to be delivered, the oldest for {format_age(max(ages))}.",
            "`windsock notify spool` says why, and `windsock notify flush`, each minute from cron, delivers them.",
            looked_at,
        )
    dead = spool.dead_names()
    if dead:
        yield Finding(
            "callbacks.dead",
            "warning",
            f"{len(dead)} messages can't be delivered, and nobody got them.",
            "`windsock notify dead` says why; with --retry-all they are tried again.",
            looked_at,
        )


def tell(to: Destination, test: Event, settings: Settings, timeout: float) -> tuple[bool | None, str]:
    """Send `test` to one address past Alertmanager, a page with its end; never raises.

    Returns whether it was taken, None where a secret for it is not here, and what was answered, in words.
    """
    from .channels import Answer, send  # noqa: PLC0415  only where channels are spoken to
    from .rendering.message import Message  # noqa: PLC0415

    message = Message(test, id=f"test-{test.run_id}")
    try:
        answer = bounded.run(lambda: send(to, message, settings, timeout, {}), timeout)
    except TimeoutError as error:
        answer = Answer("timeout", str(error))
    if not answer.problem and to.pages:
        send(to, Message(test, resolved=True), settings, timeout, {})
    return None if answer.problem == "settings" else not answer.problem, answer.detail or answer.problem
