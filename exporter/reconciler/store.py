"""What the reconciler remembers over a restart: a small SQLite file.

Alertmanager can't be asked: its API hides what is resolved, and after its own restart it knows nothing. The file is
written in one transaction at the end of a pass, after the posts; a kill in between only makes the next pass post again
what Alertmanager has already.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from windsock import regular

from . import rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from .failure import Alert, Key

log = logging.getLogger(__name__)

KEPT = 7 * 86_400.0
"""Seconds for which it is remembered that something is over."""
MOST = 20_000
"""And of so many failures at most, those that were over last."""

_FORMAT = 2
_TABLES = """
CREATE TABLE IF NOT EXISTS state (name TEXT PRIMARY KEY, value REAL NOT NULL);
CREATE TABLE IF NOT EXISTS alert (
    key TEXT PRIMARY KEY, team TEXT NOT NULL, severity TEXT NOT NULL, annotations TEXT NOT NULL,
    failed_at REAL NOT NULL, due REAL, failed INTEGER NOT NULL, first REAL NOT NULL, posted REAL NOT NULL,
    storm TEXT NOT NULL, over REAL, told INTEGER NOT NULL
);
"""
_Row = TypeVar("_Row")
_BROKEN = "file is not a database"
_SIGNS = (_BROKEN, "malformed", "unsupported file format", "readonly database")
"""What SQLite says of a file that will never be of use again; the last, where the file was opened to write before, of a
damaged first page."""
_ERRORS = (sqlite3.DatabaseError, UnicodeDecodeError)
"""What tells of one: Python can't read an error that quotes a damaged name."""
_MODE = 0o600
"""Of the file and of those that SQLite puts beside it: annotations quote exceptions and logs."""
_BESIDE = ("-wal", "-shm", "-journal")


@dataclass
class Memory:
    """What is in the store."""

    alerts: dict[Key, Alert]
    state: dict[str, float]
    """By name: `since`, from when on all failures are known; `passed`, the time of the last pass; `gap` and `gap_at`,
    the seconds that no pass looked at, and when that was found; `forgot`, the latest end that was forgotten."""


def place(configured: str | None, cluster: str, environ: Mapping[str, str] | None = None) -> Path:
    """Where the file is: as configured, in the service manager's folder, or in the user's."""
    environ = os.environ if environ is None else environ
    if configured is not None:
        return Path(configured)
    folder = environ.get("STATE_DIRECTORY", "").partition(":")[0]
    if not folder:
        base = environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")  # noqa: PTH111  without a home too
        folder = f"{base}/windsock"
    return Path(folder) / f"reconciler-{cluster.replace(':', '_')}.db"


class Store:
    """The file at `path`. Raises sqlite3.Error or OSError where it can't be used; one that is none is set aside."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = self._begin()

    def load(self) -> Memory:
        """Return all that is remembered; of a damaged file what can be read, and of its rows those that are some."""
        memory = Memory({}, {})
        try:
            memory.state.update(self._read("state", rows.state))
            for one in self._read("alert", rows.alert):
                memory.alerts[one.key] = one
            # What can be read may yet be damaged where the next rows go.
            ((found,),) = self._file.execute("PRAGMA integrity_check(1)")
            if found != "ok":
                raise sqlite3.DatabaseError(f"malformed: {found}")
        except _ERRORS as error:
            self._file = self._set_aside(error, self._file)
            for one in memory.alerts.values():
                one.dirty = True
        return memory

    def save(self, alerts: Iterable[Alert], state: Mapping[str, float], forgotten: Iterable[Key]) -> None:
        """Write what has changed, in one transaction.

        Raises where the file turns out to be damaged, or another's than was opened; then it is begun anew, and lacks
        what was written before.
        """
        try:
            self._stay()
            self._save(alerts, state, forgotten)
        except _ERRORS as error:
            self._file = self._set_aside(error, self._file)
            raise

    def _save(self, alerts: Iterable[Alert], state: Mapping[str, float], forgotten: Iterable[Key]) -> None:
        with self._file:
            self._file.execute("BEGIN IMMEDIATE")
            self._file.executemany(
                "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
                [_row(one) for one in alerts],
            )
            self._file.executemany("DELETE FROM alert WHERE key = ?", [(json.dumps(key),) for key in forgotten])
            self._file.executemany("INSERT OR REPLACE INTO state VALUES (?, ?)", list(state.items()))

    def close(self) -> None:
        """Give the file up."""
        with contextlib.suppress(sqlite3.Error):
            self._file.close()

    def _stay(self) -> None:
        """Raise FileNotFoundError where the file was removed or replaced: nobody would ever read what is written."""
        with contextlib.suppress(FileNotFoundError):
            if os.path.samestat(self.path.stat(), self._opened):
                return
        self.close()
        for rest in _BESIDE:
            self.path.with_name(f"{self.path.name}{rest}").unlink(missing_ok=True)
        self._file = self._begin()
        raise FileNotFoundError(f"{self.path} was removed or replaced while it was in use, and is begun anew")

    def _begin(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._open()
        except _ERRORS as error:
            return self._set_aside(error)

    def _open(self) -> sqlite3.Connection:
        self._protect()
        self._opened = self.path.stat()
        file = sqlite3.connect(self.path, timeout=2, check_same_thread=False, isolation_level=None)
        file.text_factory = rows.decode
        try:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = NORMAL")
            version = file.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _FORMAT):
                raise sqlite3.DatabaseError(f"{_BROKEN} of this version of windsock: format {version}")
            file.executescript(_TABLES)
            if _schema(file) != _schema(_blank()):
                raise sqlite3.DatabaseError(f"{_BROKEN} of windsock: it has other tables")
            file.execute(f"PRAGMA user_version = {_FORMAT}")
        except BaseException:
            file.close()
            raise
        return file

    def _protect(self) -> None:
        """Make the file where there is none; it is its owner's only, and so are those that SQLite puts beside it."""
        regular.private(self.path, _MODE)
        for rest in _BESIDE:
            with contextlib.suppress(FileNotFoundError):
                self.path.with_name(f"{self.path.name}{rest}").chmod(_MODE)

    def _set_aside(self, error: Exception, file: sqlite3.Connection | None = None) -> sqlite3.Connection:
        """Begin anew where the error says that the file is damaged; raises any other."""
        if isinstance(error, sqlite3.Error) and not any(sign in str(error) for sign in _SIGNS):
            raise error
        if file is not None:
            with contextlib.suppress(sqlite3.Error):
                file.close()
        bad = self.path.with_name(f"{self.path.name}.bad")
        self.path.replace(bad)
        for rest in _BESIDE:
            self.path.with_name(f"{self.path.name}{rest}").unlink(missing_ok=True)
        log.warning("%s: not a store of this program, set aside as %s: %s", self.path, bad.name, error)
        return self._open()

    def _read(self, table: str, read: Callable[[Mapping[str, Any]], _Row]) -> Iterator[_Row]:
        """Yield what `read` makes of each row; those that it refuses with a ValueError are dropped, and it is said."""
        bad: list[tuple[int]] = []
        problem = ""
        found = self._file.execute(f"SELECT rowid, * FROM {table}")  # noqa: S608  one of ours
        names = [column[0] for column in found.description[1:]]
        for number, *values in found:
            try:
                row = read(dict(zip(names, values, strict=True)))
            except ValueError as error:
                bad.append((number,))
                problem = str(error)
            else:
                yield row
        if bad:
            log.warning("%s: %d rows of %s can't be used and are dropped; one: %s", self.path, len(bad), table, problem)
            self._file.executemany(f"DELETE FROM {table} WHERE rowid = ?", bad)  # noqa: S608  as above


def _blank() -> sqlite3.Connection:
    file = sqlite3.connect(":memory:")
    file.executescript(_TABLES)
    return file


def _schema(file: sqlite3.Connection) -> list[tuple[str, ...]]:
    return file.execute("SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY name").fetchall()


def forgettable(alerts: Mapping[Key, Alert], now: float) -> list[Key]:
    """Return what need not be remembered longer: that it was over is told, and long ago."""
    ended = sorted((one.over, key) for key, one in alerts.items() if one.over is not None and one.told)
    old = [key for over, key in ended if now - over > KEPT]
    return old + [key for _, key in ended[len(old) : max(len(old), len(ended) - MOST)]]


def _row(one: Alert) -> tuple[object, ...]:
    return (
        json.dumps(one.key),
        one.team,
        one.severity,
        json.dumps(one.annotations),
        one.failed_at,
        one.due,
        one.failed,
        one.first,
        one.posted,
        one.storm,
        one.over,
        int(one.told),
    )
