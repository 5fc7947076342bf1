"""Times in this host's files that are yet to come: the clock was set back after they were written.

They are not believed: what is to wait for one would wait for hours, and what happened at one would hide what happens
now.
"""

from __future__ import annotations

import logging
import time

log = logging.getLogger("windsock.callbacks")

SKEW = 60.0
"""Seconds that a time may be ahead: the folder may be on a server with a clock of its own."""


def is_ahead(moment: float) -> bool:
    """Whether a Unix time is not to be believed."""
    return moment > time.time() + SKEW


def believed(moment: float) -> float:
    """Return a Unix time, or now in place of one that is not to be believed."""
    return time.time() if is_ahead(moment) else moment


def complain(what: str, moment: float) -> None:
    """Say that `what` is dated `moment`."""
    ahead = (moment - time.time()) / 60
    log.warning("%s is dated %.0f minutes ahead: the clock was set back, and such times are not believed", what, ahead)
