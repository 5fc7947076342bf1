"""What a broker says."""

from __future__ import annotations

from typing import NamedTuple


class Reading(NamedTuple):
    """A broker at one moment."""

    waiting: dict[str, float]
    """By queue: messages that no worker has."""
    held: int
    """Messages that workers have and did not acknowledge: Airflow's tasks do so when they end."""
    workers: int
