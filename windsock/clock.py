"""Which times of a file, or of another host, are to be believed."""

from __future__ import annotations

SKEW = 60.0
"""Seconds that a time may be ahead: clocks are corrected by a little all the time, and another host has its own."""


def is_ahead(moment: float, now: float) -> bool:
    """Whether a Unix time is so far in the future that a clock was wrong when it was written, or is wrong now."""
    return moment > now + SKEW
