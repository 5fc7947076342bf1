"""What became of an event, for the log line, and in numbers through Airflow's own StatsD."""

from __future__ import annotations

import contextlib
from typing import NamedTuple

from windsock.airflow import compat


class Delivery(NamedTuple):
    """What became of one event."""

    problem: str
    """Empty where it was accepted, else a word for the counter: timeout, unreachable, rejected, …"""
    detail: str
    """What a person reads about it."""
    counts: bool = True
    """Whether to count it as a failure that was told; not for a resolve, nor for Airflow's second call for a try."""


class Flushed(NamedTuple):
    """What became of the entries of the spool that were tried."""

    delivered: int = 0
    superseded: int = 0
    """Dropped: the failure was resolved meanwhile, or another message told of it."""
    dead: int = 0
    waiting: int = 0
    """Not taken yet, or not due."""


def count(outcome: str, channel: str, team: str, reason: str = "") -> None:
    """Count one of sent, failed, spooled, dead, superseded, held by channel and team. Never raises."""
    with contextlib.suppress(BaseException):  # one of ours must not end a task
        tags = {**({"reason": reason} if reason else {}), "channel": channel, "team": team or "default"}
        compat.count(f"windsock.channel.{outcome}", tags)


def took(seconds: float, channel: str, team: str) -> None:
    """Report how long a channel took. Never raises."""
    with contextlib.suppress(BaseException):
        tags = {"channel": channel, "team": team or "default"}
        compat.time_of("windsock.channel.duration", seconds * 1000, tags)
