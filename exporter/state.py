"""What survives a restart: the series and what the translator learned, in one file.

Only a clean stop leaves it, and loading takes it away: nothing is restored that would be there again after a crash. A
state older than the last scrape would let counters go back, which Prometheus takes for a reset and adds once more
(measured: a counter that went back from 100,010 to 99,990 gave an `increase` of some 110,000). Without it they start
at 0, which Prometheus understands. One that was read and can't be taken away is noted in the lock beside it, so that no
later start takes it for new.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from windsock import regular

from . import saved
from .series.budget import refused_by
from .series.kinds import Counter, Histogram

if TYPE_CHECKING:
    from collections.abc import Iterable

    from windsock.catalog import Metric

    from .series.store import SeriesStore
    from .statsd.translate import Translator

log = logging.getLogger(__name__)

_MOST_BYTES = 512 << 20
"""A quarter of a million histograms, the default budget, are some 200 MB."""
_MODE = 0o600


class State:
    """The file of one exporter, which holds a lock on it for as long as it runs.

    Nothing that is wrong with it keeps an exporter from its work: it is logged, and counters start at 0.
    """

    def __init__(self, path: str) -> None:
        self._file = Path(path)
        self._lock: int | None = None
        self._usable = self._take()

    def load(self, store: SeriesStore, translator: Translator, metrics: Iterable[Metric]) -> None:
        """Take over the state and remove its file; a file that is none is set aside with a message."""
        if not self._usable:
            return
        try:
            content = regular.content(self._file, _MOST_BYTES)
            old = self._note(content)
            state = saved.parse(content)
            del content
            self._file.unlink()
            self._sync()
        except FileNotFoundError:
            return
        except OSError as error:
            reason = error.strerror or error
            log.warning("%s: can't be read and taken away, counters start at 0: %s", self._file, reason)
        except (ValueError, MemoryError) as error:
            self._set_aside(str(error) or type(error).__name__)
        else:
            if old:
                log.warning("%s: a start before this one has read it already, counters start at 0", self._file)
                return
            _restore(state, store, translator, metrics)

    def save(self, store: SeriesStore, translator: Translator) -> None:
        """Write everything aside, then put it in place; an error is logged, and the next start begins at 0."""
        if not self._usable:
            return
        store.fold()
        aside = Path(f"{self._file}.new")
        try:
            content = saved.dump(store, translator)
            with contextlib.suppress(FileNotFoundError):
                aside.unlink()
            with os.fdopen(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _MODE), "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            aside.replace(self._file)
            self._sync()
            self._note(b"")
        except (OSError, ValueError, MemoryError) as error:
            reason = getattr(error, "strerror", None) or error
            log.warning("%s: the state can't be kept, counters will start at 0: %s", self._file, reason)

    def close(self) -> None:
        """Leave the file to the next one."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _note(self, content: bytes) -> bool:
        """Note in the lock that a start has read `content`; returns whether one before had. Raises OSError."""
        if self._lock is None:
            return False
        digest = hashlib.sha256(content).digest()
        known = os.pread(self._lock, len(digest), 0) == digest
        os.pwrite(self._lock, digest, 0)
        os.fsync(self._lock)
        return known

    def _take(self) -> bool:
        """Lock the file by one beside it, which stays: the file itself comes and goes."""
        try:
            self._lock = os.open(f"{self._file}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, _MODE)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.warning(
                "%s: another exporter uses it: here counters start at 0 and are not kept; "
                "give each exporter an exporter.state_file of its own",
                self._file,
            )
            return False
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or error
            log.warning(
                "%s: the state can't be kept, and counters start at 0: no lock can be had beside it: %s%s",
                self._file,
                reason,
                "; remove the file: with a lock it would be restored, and be too old" if self._file.exists() else "",
            )
            return False
        return True

    def _set_aside(self, reason: str) -> None:
        bad = self._file.with_name(f"{self._file.name}.bad")
        try:
            self._file.replace(bad)
        except OSError as error:
            where = f"and can't be set aside ({error.strerror})"
        else:
            where = f"set aside as {bad.name}"
        log.warning("%s: not a state of this program, %s; counters start at 0: %s", self._file, where, reason)

    def _sync(self) -> None:
        """A file that was renamed or removed is so after a loss of power too."""
        folder = os.open(self._file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _restore(state: saved.Saved, store: SeriesStore, translator: Translator, metrics: Iterable[Metric]) -> None:
    custom = (translator.restore(name, kind) for name, kind in state.custom)
    known = {metric.family: metric for metric in (*metrics, *custom) if metric is not None}
    translator.relearn(state.learned)
    for row in state.rows:
        if row.family in known:
            _add(row, known[row.family], store)


def _add(row: saved.Row, metric: Metric, store: SeriesStore) -> None:
    refusal = refused_by(row.labels)
    series = store.series(metric, row.labels) if refusal is None else store.shared(metric, refusal)
    if isinstance(series, Counter):
        series.value += row.value
    elif isinstance(series, Histogram) and row.bounds == series.bounds and len(row.counts) == len(series.counts):
        series.sum += row.value
        series.counts = [old + new for old, new in zip(series.counts, row.counts, strict=True)]
    if series is not None and row.shown:
        store.families[metric.family].unborn.pop(series, None)
