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
from typing import TYPE_CHECKING

from .failure import Alert, Key

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

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
_BROKEN = "file is not a database"


@dataclass
class Memory:
    """What is in the store."""

    alerts: dict[Key, Alert]
    state: dict[str, float]
    """By name: `since`, from when on all failures are known; `passed`, the time of the last pass; `gap` and `gap_at`,
    the seconds that no pass looked at, and when that was found."""


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
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._file = self._open()
        except sqlite3.DatabaseError as error:
            if _BROKEN not in str(error) and "malformed" not in str(error):
                raise
            bad = path.with_name(f"{path.name}.bad")
            path.replace(bad)
            for rest in ("-wal", "-shm"):
                path.with_name(f"{path.name}{rest}").unlink(missing_ok=True)
            log.warning("%s: not a store of this program, set aside as %s", path, bad.name)
            self._file = self._open()

    def load(self) -> Memory:
        """Return all that is remembered."""
        rows = self._file.execute("SELECT * FROM alert").fetchall()
        alerts = {}
        for key, team, severity, texts, *rest, told in rows:
            one = Alert(Key(*json.loads(key)), team, severity, json.loads(texts), *rest)
            one.told, one.dirty = bool(told), False
            alerts[one.key] = one
        return Memory(alerts, dict(self._file.execute("SELECT name, value FROM state")))

    def save(self, alerts: Iterable[Alert], state: Mapping[str, float], forgotten: Iterable[Key]) -> None:
        """Write what has changed, in one transaction."""
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

    def _open(self) -> sqlite3.Connection:
        file = sqlite3.connect(self.path, timeout=2, check_same_thread=False, isolation_level=None)
        try:
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = NORMAL")
            version = file.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, _FORMAT):
                raise sqlite3.DatabaseError(f"{_BROKEN} of this version of windsock: format {version}")
            file.executescript(_TABLES)
            file.execute(f"PRAGMA user_version = {_FORMAT}")
        except BaseException:
            file.close()
            raise
        return file


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
