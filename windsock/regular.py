"""Files whose place somebody else can write to, such as Airflow's logs, where tasks run as the same user.

What stands there may be a FIFO, which an ordinary `open` waits for without end, a device, or a link to another's file.
"""

from __future__ import annotations

import errno
import os
import stat
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from typing import BinaryIO

_ALWAYS = os.O_NONBLOCK | os.O_CLOEXEC


def reading(path: Path) -> BinaryIO:
    """Open a regular file. Raises OSError where it is none, without waiting, and where its last part is a link."""
    return os.fdopen(_open(path, os.O_RDONLY | os.O_NOFOLLOW), "rb")


def appending(path: Path) -> BinaryIO:
    """The same to write behind what there is; a file that is not there is made."""
    return os.fdopen(_open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW), "ab")


def private(path: Path, mode: int) -> None:
    """Make a file of our own, which may be a link, where there is none, and give it `mode`. Raises OSError."""
    descriptor = _open(path, os.O_RDWR | os.O_CREAT, mode)
    try:
        os.fchmod(descriptor, mode)
    finally:
        os.close(descriptor)


def content(path: Path, most: int) -> bytes:
    """Return what a file of an operator's holds, `most` bytes at most; it may be a link, as in Kubernetes' volumes.

    Raises OSError.
    """
    with os.fdopen(_open(path, os.O_RDONLY), "rb") as file:
        found = file.read(most + 1)
    if len(found) > most:
        raise OSError(0, f"more than {most:,} bytes")
    return found


def _open(path: Path, flags: int, mode: int = 0o644) -> int:
    descriptor = os.open(path, flags | _ALWAYS, mode)
    found = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(found):
        os.close(descriptor)
        if stat.S_ISDIR(found):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        raise OSError(0, "not a regular file", str(path))
    return descriptor
