"""Times in this host's files, though its clock is set in between.

Those that are yet to come are not believed: what is to wait for one would wait for hours, and what happened at one
would hide what happens now. And nothing is old because the clock is ahead: the kernel counts the seconds since the
machine started, whatever the time is set to.
"""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import NamedTuple

from windsock import clock

log = logging.getLogger("windsock.callbacks")

_BOOT = Path("/proc/sys/kernel/random/boot_id")


class Boot(NamedTuple):
    """One start of a machine, and the Unix time of it by the clock as it is set now."""

    id: str
    """Empty where the system has no such thing."""
    at: float


def boot() -> Boot:
    """The start of this machine."""
    try:
        return Boot(_BOOT.read_text().strip(), time.time() - time.clock_gettime(time.CLOCK_BOOTTIME))
    except (OSError, AttributeError):
        return Boot("", 0.0)


def age(moment: float, noted: Boot) -> float:
    """Seconds since a Unix time that was noted together with `boot`.

    After a restart of the machine, or on another one, only the clock says so.
    """
    here = boot()
    set_ahead = here.at - noted.at if here.id and here.id == noted.id else 0.0
    return time.time() - moment - set_ahead


def is_ahead(moment: float) -> bool:
    """Whether a Unix time is not to be believed."""
    return clock.is_ahead(moment, time.time())


def believed(moment: float) -> float:
    """Return a Unix time, or now in place of one that is not to be believed."""
    return time.time() if is_ahead(moment) else moment


def complain(what: str, moment: float) -> None:
    """Say that `what` is dated `moment`."""
    ahead = (moment - time.time()) / 60
    log.warning("%s is dated %.0f minutes ahead: the clock was set back, and such times are not believed", what, ahead)
