"""What listeners say, on its way to StatsD: bounded, never waited for, and what is dropped is counted.

A listener runs inside the scheduler's loop. Putting a line here takes microseconds; a thread of its own sends it.
"""

from __future__ import annotations

import logging
import os
import threading
from queue import SimpleQueue
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)

DROPPED = "windsock.listener.dropped"
_SIZE = 1000
_FAREWELL = 1.0


class Outbox:
    """Counter increments: a name and its tags."""

    def __init__(self) -> None:
        self.dropped = 0
        self._lines: SimpleQueue[tuple[str, Mapping[str, str]] | None] = SimpleQueue()
        self._started = False
        self._closed = False
        # A forked child has neither the thread nor anything that would empty the queue.
        os.register_at_fork(after_in_child=self._reset)

    def put(self, name: str, tags: Mapping[str, str]) -> None:
        """Take a line, or count it as dropped; never waits."""
        if self._closed:
            return
        if self._lines.qsize() >= _SIZE:
            self.dropped += 1
            return
        self._lines.put((name, tags))
        if not self._started:
            self._started = True
            self._start()

    def _start(self) -> None:
        from multiprocessing.util import Finalize  # noqa: PLC0415  not in processes where nothing happens

        thread = threading.Thread(target=self._run, name="windsock-listener", daemon=True)
        thread.start()

        def end() -> None:
            self._lines.put(None)
            thread.join(_FAREWELL)

        # 2.11 parses each file in a process that lives for a second: what it saw is sent before it ends. Only such
        # children run these; the others take it for an atexit handler.
        Finalize(None, end, exitpriority=0)

    def _reset(self) -> None:
        self._lines = SimpleQueue()
        self._started = self._closed = False

    def _run(self) -> None:
        from windsock.airflow import compat  # noqa: PLC0415  not in processes where nothing happens

        try:
            why = _switched_off() or compat.statsd_off(core=True)
        except BaseException as error:  # noqa: BLE001  nothing may reach Airflow, and SystemExit would end the thread
            why = f"{type(error).__name__}: {error}"
        if why:
            log.info("what listeners see is not sent: %s", why)
            self._closed = True
            return
        while (line := self._lines.get()) is not None:
            name, tags = line
            dropped, self.dropped = self.dropped, 0
            try:
                if dropped:
                    compat.send("count", DROPPED, dropped, {}, core=True)
                compat.send("count", name, 1, tags, core=True)
            except BaseException as error:  # noqa: BLE001  as above
                self.dropped += dropped + 1
                log.debug("not sent: %s", error)


def _switched_off() -> str:
    from windsock import settings  # noqa: PLC0415  it brings pydantic
    from windsock.exceptions import SettingsError  # noqa: PLC0415

    try:
        return "" if settings.load(cwd=False).plugin.listeners else "plugin.listeners is false"
    except SettingsError as error:
        log.warning("listeners go on with the defaults: %s", error)
        return ""
