"""The storms that go on, as far as this host knows: who joins one of them asks nobody.

    FOLDER/storms/HASH.json      one for each, by team and cause

Thousands of DAGs that fail within seconds would ask Alertmanager thousands of times, and its answers take the longer
the more of them fire. So whoever finds a storm writes it down for the others of its host. What can't be read or written
is as if it were not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from windsock import storms
from windsock.callbacks import occurrence, record, recovery, spool

if TYPE_CHECKING:
    from datetime import datetime

    from windsock.events import Event
    from windsock.settings import Settings

_LARGEST = 10_000
"""Bytes that are read of one."""
_RENEWED = 0.9
"""The share of its time that is left when who joins writes it down anew: not each of a thousand does."""
_OVER = 600.0
"""Seconds after which nobody asks for one that was not written anew."""


class _Ongoing(NamedTuple):
    storm: str
    first: str
    until: float
    """Unix time at which it is over where nothing joins it."""


def join(event: Event, settings: Settings, now: datetime) -> Event | None:
    """Return `event` as part of a storm of its team and cause that goes on; None: none is known, or who knows it looks.

    What was told before it was a storm keeps its label, and only a look finds that: a try of which this host has told,
    or the one before it, and instances of a mapped task, of which others may have told.
    """
    if event.annotations.get("map_index") or _is_told(event, settings):
        return None
    for cause in storms.joins(event):
        path = _path(settings, event.team, cause)
        found = _read(path)
        left, quiet = found.until - now.timestamp() if found else 0.0, storms.QUIET.total_seconds()
        if found and 0 < left <= quiet:
            if left < _RENEWED * quiet:
                _write(path, found.storm, found.first, now.timestamp())
            with contextlib.suppress(ValueError):
                return storms.join(event, found.storm, found.first, now)
    return None


def remember(event: Event, cause: str, settings: Settings, now: datetime) -> None:
    """Write down the storm that `event` was found to be part of, which others may join by its `cause`. Never raises."""
    _write(_path(settings, event.team, cause), event.storm, event.annotations.get("first", ""), now.timestamp())


def _is_told(event: Event, settings: Settings) -> bool:
    number, _, rest = event.annotations.get("try", "").partition(" ")
    before = f"{int(number) - 1} {rest}" if number.isdecimal() else ""
    told = recovery.last(event, spool.folder(settings)).tries
    tries = (event, event._replace(annotations={**event.annotations, "try": before}))
    return any(told.get(occurrence.of(one)) for one in tries)


def _path(settings: Settings, team: str, cause: str) -> Path:
    name = hashlib.sha256(f"{team}\0{cause}".encode(errors="replace")).hexdigest()[:32]
    return spool.folder(settings) / "storms" / f"{name}.json"


def _read(path: Path) -> _Ongoing | None:
    with contextlib.suppress(OSError, ValueError), path.open("rb") as file:
        return record.parse(_Ongoing, file.read(_LARGEST))
    return None


def _write(path: Path, storm: str, first: str, now: float) -> None:
    with contextlib.suppress(OSError):
        spool.private(path.parent)
        is_new = not path.exists()
        spool.replace_file(path, record.text(_Ongoing(storm, first, now + storms.QUIET.total_seconds())))
        if is_new:
            _sweep(path.parent)


def _sweep(folder: Path) -> None:
    """Remove those that are over: there is one for each cause that there ever was."""
    for entry in os.scandir(folder):
        with contextlib.suppress(OSError):
            if time.time() - entry.stat().st_mtime > _OVER:
                Path(entry).unlink()
