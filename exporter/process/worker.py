"""A thread that is not gone unnoticed."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

_PAUSE = 1.0
"""Seconds before what died begins again: memory that was short may be there again, and no core is taken."""
_UNWELL = 10.0
"""Seconds for which a thread that died is not called well: one that dies again and again never is."""


class Worker(threading.Thread):
    """Does `work`, which returns when it is told to stop; what ends it before that is counted, and it begins again.

    Whatever that is: MemoryError, or what is no Exception, such as SystemExit from a driver. A thread that is gone
    while /metrics still answers would be worse than a process that is gone.
    """

    def __init__(self, name: str, work: Callable[[], None]) -> None:
        super().__init__(name=name, daemon=True)
        self.deaths = 0
        self._work = work
        self._died = 0.0

    def run(self) -> None:
        """Work until `work` returns."""
        while True:
            try:
                self._work()
            except BaseException:
                self.deaths += 1
                self._died = time.monotonic()
                # To say so may take the memory that was short.
                with contextlib.suppress(BaseException):
                    log.exception("the thread %s died, and begins again", self.name)
                time.sleep(_PAUSE)
            else:
                return

    def well(self) -> bool:
        """Whether it runs, and did not die just now."""
        return self.is_alive() and (not self.deaths or time.monotonic() - self._died > _UNWELL)
