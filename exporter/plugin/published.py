"""The metadata collector's exposition: made by one process of a host, served by all of them.

An API server has several workers behind one port, and a scrape meets any of them. The one that holds a lock on a file
collects, and publishes what it found after each pass; the next takes over when that one ends. Of several hosts one
leads, as of several exporters.
"""

from __future__ import annotations

import fcntl
import hashlib
import logging
import os
import stat
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING

from typing_extensions import override

from windsock import regular
from windsock.exceptions import WindsockError
from windsock.exporter.database.collector import KEPT_INTERVALS, Collector
from windsock.exporter.series.exposition import TEXT, render

if TYPE_CHECKING:
    from windsock.settings import Settings


log = logging.getLogger(__name__)


class UnavailableError(WindsockError):
    """There is nothing to serve, for the reason that the text gives."""


class Publisher(Collector):
    """A collector that writes what it exposes to a file after each pass."""

    def __init__(self, settings: Settings, url: str, file: Path, lock: IO[bytes]) -> None:
        super().__init__(settings, url)
        self._file = file
        self._lock = lock

    @override
    def look(self, *, everything: bool = False) -> bool:
        leads = super().look(everything=everything)
        self._write()
        return leads

    @override
    def read_on(self) -> bool:
        unfinished = super().read_on()
        if not unfinished:
            self._write()
        return unfinished

    def _write(self) -> None:
        if self.status() == "starts":
            return  # a first scrape waits for all of it
        aside = self._file.with_suffix(".new")
        try:
            os.utime(self._lock.fileno())  # what looks old in a temporary folder is swept away some day
            aside.unlink(missing_ok=True)
            with aside.open("xb") as content:  # tasks may run as this user, and put anything there
                content.write(render(list(self.stores()), TEXT))
            aside.replace(self._file)
        except OSError as error:
            # The next pass tries again; what is served grows old, and is not served for long.
            log.warning("%s: can't be written: %s", self._file, error.strerror or error)


class Exposition:
    """`read` it; the first process that does starts to collect."""

    def __init__(self, settings: Settings, url: str) -> None:
        self._settings = settings
        self._url = url
        self._guard = threading.Lock()
        self._publisher: Publisher | None = None

    def read(self) -> bytes:
        """Return the newest exposition; waits for the first one for the time of a pass. Raises UnavailableError."""
        try:
            file = _folder() / f"{hashlib.sha256(self._url.encode()).hexdigest()[:16]}.prom"
            with self._guard:
                self._collect(file)
        except (OSError, ImportError, WindsockError) as error:
            raise UnavailableError(str(error)) from None
        limit = KEPT_INTERVALS * self._settings.metadata.interval + self._settings.metadata.timeout
        end = time.monotonic() + self._settings.metadata.timeout + 1
        while True:
            try:
                if time.time() - file.stat().st_mtime < limit:
                    with regular.reading(file) as content:
                        return content.read()
            except FileNotFoundError:
                pass  # the first pass is not done
            except OSError as error:
                raise UnavailableError(str(error)) from None
            if time.monotonic() > end:
                raise UnavailableError("the collector has not finished a pass for some time")
            time.sleep(0.05)

    def _collect(self, file: Path) -> None:
        """Begin to collect where nobody on this host does."""
        if self._publisher is not None:
            return
        lock = regular.appending(file.with_suffix(".lock"))
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            return
        file.unlink(missing_ok=True)  # that of a process which ended
        self._publisher = Publisher(self._settings, self._url, file, lock)
        self._publisher.start()


def _folder() -> Path:
    """A folder of this user's alone. Raises UnavailableError where someone else made it."""
    folder = Path(tempfile.gettempdir()) / f"windsock-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise UnavailableError(f"{folder}: expected a folder that only this user may use")
    return folder
