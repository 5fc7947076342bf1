"""What could not be delivered yet, one file an entry: safe for many processes at once and over kill -9 of any of them.

    FOLDER/cluster-NAME/queue/TIME-RANDOM.json   waits, oldest first
    FOLDER/cluster-NAME/dead/TIME-RANDOM.json    can't be delivered, with the reason
    FOLDER/cluster-NAME/runs/…                   what this host has told of a run: see `incidents`

An entry is written beside its place and renamed into it. Whoever works on one holds a flock on the file, which the
kernel lets go when the process dies; so an entry that is `begun` and not locked was being sent by a process that died.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import stat
import time
from typing import TYPE_CHECKING, Any

from . import clock, record
from . import folder as folders
from .entry import Entry, entry_of

if TYPE_CHECKING:
    from pathlib import Path

    from windsock.settings import Settings

__all__ = ["Claim", "Entry", "Spool", "SpoolFullError", "folder", "of", "private", "replace_file"]

_ORPHAN = 60.0
"""Seconds after which a half-written file that nobody holds was left by a process that died."""


class SpoolFullError(OSError):
    """The spool's bounds are reached."""


class Claim:
    """An entry that this process alone works on."""

    def __init__(self, path: Path, descriptor: int, entry: Entry) -> None:
        self.path = path
        self.entry = entry
        self._descriptor = descriptor

    def update(self, **changes: Any) -> None:
        """Replace the entry by a changed one, in one step and without letting go of it. Raises OSError."""
        self.entry = self.entry._replace(**changes)
        descriptor = _write(self.path, self.entry.text(), sync=True)
        self.release()
        self._descriptor = descriptor

    def remove(self) -> None:
        """The entry is done with."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        self.release()

    def release(self) -> None:
        """Let others work on it. It may be called twice."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Spool:
    """The entries of one installation on this host."""

    def __init__(self, folder: Path, max_files: int, max_bytes: int) -> None:
        self.folder = folder
        self.queue, self.dead, self.runs = (folder / name for name in ("queue", "dead", "runs"))
        self._max_files = max_files
        self._max_bytes = max_bytes

    def put(self, entry: Entry, *, sync: bool) -> Claim:
        """Keep `entry`, claimed. Raises OSError: SpoolFullError, a full disk, a folder that is not ours.

        Without `sync` it survives the end of this process but maybe not that of the machine, and costs no wait.
        """
        text = entry.text()
        self._make_room(len(text))
        path = self.queue / _name(entry)
        return Claim(path, _write(path, text, sync=sync), entry)

    def foreign(self) -> str:
        """Whose the folder is, and what to do, in words; empty where it is ours, or not there yet."""
        try:
            self.folder.lstat()
        except FileNotFoundError:
            return ""
        except OSError:
            pass  # a folder above it is closed: `private` has better words
        try:
            private(self.queue)
        except OSError as error:
            return str(error)
        return ""

    def obstacle(self) -> str:
        """Why nothing can be kept here now, in words; empty where nothing is known to be in the way."""
        if not self._max_files:
            return "callbacks.spool.max_files is 0"
        try:
            self._make_room(0)
        except OSError as error:
            return str(error)
        return ""

    def _make_room(self, size: int) -> None:
        """Make the folder, and look whether it takes so many bytes more. Raises OSError."""
        private(self.queue)
        files, found = _weight(self.queue)
        if files >= self._max_files or found + size > self._max_bytes:
            raise SpoolFullError(f"the spool {self.queue} is full: {files} files, {found} bytes")

    def names(self) -> list[str]:
        """The waiting entries, oldest first."""
        return _names(self.queue)

    def dead_names(self) -> list[str]:
        """The dead letters, oldest first."""
        return _names(self.dead)

    def claim(self, name: str) -> Claim | None:
        """Take an entry; None: another process has it, or had it. Raises ValueError for a file that is no entry.

        One that was written at a time that is yet to come waits no longer.
        """
        path = self.queue / name
        descriptor = _lock(path)
        if descriptor is None:
            return None
        try:
            entry = entry_of(os.pread(descriptor, record.LARGEST, 0))
        except (OSError, ValueError) as error:  # a FIFO can be locked, and not be read
            os.close(descriptor)
            raise ValueError(str(error)) from None
        written = max(entry.created, os.fstat(descriptor).st_mtime)
        if clock.is_ahead(written):
            clock.complain(f"{path}, which waits to be delivered,", written)
            entry = entry._replace(created=clock.believed(entry.created), boot=clock.boot(), not_before=0.0)
        return Claim(path, descriptor, entry)

    def bury(self, entry: Entry, reason: str) -> None:
        """Keep a dead letter, with the reason. Never raises: then it is lost, as its count says."""
        with contextlib.suppress(OSError, IndexError):
            private(self.dead)
            files, size = _weight(self.dead)
            while files and (files >= self._max_files or size > self._max_bytes):
                (self.dead / _names(self.dead)[0]).unlink()
                files, size = _weight(self.dead)
            if self._max_files:
                dead = entry._replace(problem=reason[:500], begun=())
                os.close(_write(self.dead / _name(dead), dead.text(), sync=True))

    def bury_file(self, name: str) -> None:
        """Move what is no entry out of the way."""
        with contextlib.suppress(OSError):
            private(self.dead)
            (self.queue / name).replace(self.dead / name)

    def revive(self, name: str) -> bool:
        """Let a dead letter be tried again; False: it is no entry, or gone, or there is no room."""
        try:
            entry = entry_of(record.content(self.dead / name))
            # Without its number: what was told since must not stand for it.
            fresh = entry._replace(created=time.time(), boot=clock.boot(), not_before=0.0, attempts=0, serial=0)
            self.put(fresh, sync=True).release()
            (self.dead / name).unlink()
        except (OSError, ValueError):
            return False
        return True

    def sweep(self) -> None:
        """Remove what processes that died left half-written."""
        for folder in (self.queue, self.dead, self.runs):
            with contextlib.suppress(OSError):
                for file in folder.glob(".*.tmp"):
                    descriptor = _lock(file) if time.time() - file.stat().st_mtime > _ORPHAN else None
                    if descriptor is not None:
                        file.unlink()
                        os.close(descriptor)


def of(settings: Settings) -> Spool:
    """The spool of these settings; nothing is made before something is put there."""
    config = settings.callbacks.spool
    return Spool(folder(settings), config.max_files, config.max_bytes)


def folder(settings: Settings) -> Path:
    """Where this host keeps what callbacks must remember for `settings.cluster`."""
    return folders.of(settings.callbacks.spool.dir, settings.cluster)


def private(path: Path) -> None:
    """Make a folder that nobody else can read, or look whether it is one. Raises OSError, which says whose it is."""
    for place, ours in ((path.parent.parent, False), (path.parent, True), (path, True)):
        place.mkdir(mode=0o700, exist_ok=True, parents=True)
        found = place.lstat() if ours else place.stat()
        # The folder that is configured may be a volume of root's, shared with a group.
        owners, writable = ((os.getuid(),), 0o022) if ours else ((os.getuid(), 0), 0o002)
        if not stat.S_ISDIR(found.st_mode):
            raise PermissionError(f"{place} is no folder; remove it, or name another one in callbacks.spool.dir")
        if found.st_uid not in owners:
            raise PermissionError(
                f"{place} belongs to {_user(found.st_uid)}, and this process runs as {_user(os.getuid())}:"
                " run both as one user, or name another folder in callbacks.spool.dir"
            )
        if found.st_mode & writable:
            raise PermissionError(f"others may write to {place}: chmod go-w {place}")


def _user(uid: int) -> str:
    with contextlib.suppress(KeyError):  # a container's user may have no name
        return f"user {pwd.getpwuid(uid).pw_name}"
    return f"user {uid}"


def replace_file(path: Path, text: str) -> None:
    """Write a file as a whole or not at all. Raises OSError."""
    os.close(_write(path, text, sync=False))


def _write(path: Path, text: str, *, sync: bool) -> int:
    """Put a file in its place in one step; returns it open and locked."""
    temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
    descriptor = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        data = text.encode(errors="replace")
        while data:
            data = data[os.write(descriptor, data) :]
        if sync:
            os.fsync(descriptor)
        temporary.replace(path)
        if sync:
            _sync_folder(path.parent)
    except BaseException:
        os.close(descriptor)
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    return descriptor


def _sync_folder(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _lock(path: Path) -> int | None:
    """Open and lock a file; None: it is gone, not ours, or another's. A file that was replaced meanwhile is another."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.stat(path).st_ino == os.fstat(descriptor).st_ino:  # noqa: PTH116  beside os.fstat
            return descriptor
    except OSError:
        pass
    os.close(descriptor)
    return None


def _name(entry: Entry) -> str:
    """In the order of time, and another for each entry."""
    return f"{int(entry.created * 1000):015d}-{entry.id[:12]}.json"


def _names(path: Path) -> list[str]:
    try:
        return sorted(file.name for file in path.iterdir() if file.suffix == ".json" and file.name[0] != ".")
    except OSError:
        return []


def _weight(path: Path) -> tuple[int, int]:
    """Files and bytes."""
    files = size = 0
    with os.scandir(path) as found:
        for file in found:
            with contextlib.suppress(FileNotFoundError):  # it was delivered meanwhile
                size += file.stat().st_size
                files += 1
    return files, size
