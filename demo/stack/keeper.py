"""No process is left behind, whichever way `windsock up` ends.

The command forks. The child does the work; the parent, whose pid the user sees, only passes signals on. Both adopt
what their descendants leave behind (Linux' PR_SET_CHILD_SUBREAPER), a daemon in a session of its own too, so that
"all processes of the stack" is exactly "all my descendants", and none is left when waitpid() knows no child any more.
Each of the two cleans up when the other is killed with SIGKILL: the child is told by PR_SET_PDEATHSIG.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from windsock.exceptions import StackError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import FrameType

GRACE = 3.0
"""Seconds from SIGTERM to SIGKILL."""

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PR_SET_PDEATHSIG = 1  # linux/prctl.h
_PR_SET_CHILD_SUBREAPER = 36


@contextmanager
def kept() -> Iterator[None]:
    """Run the block in a child process, in which SIGINT, SIGTERM and SIGHUP raise KeyboardInterrupt.

    The parent leaves with the child's exit code (SystemExit). Raises StackError on a system other than Linux.
    """
    if sys.platform != "linux":
        raise StackError("`windsock up` needs Linux; elsewhere use docker-compose.observability.yaml")
    parent = os.getpid()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    # Nothing may get lost between the fork and the handlers.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    child = os.fork()
    if child:
        _wait(child)
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    _handle(_interrupt)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    try:
        if os.getppid() != parent:  # it died before PR_SET_PDEATHSIG
            raise KeyboardInterrupt
        yield
    finally:
        _ignore_signals()
        end_children(GRACE)


def end_children(grace: float) -> None:
    """End every process below this one: SIGTERM from the top down, and SIGKILL after `grace` seconds."""
    deadline = time.monotonic() + grace
    told: set[int] = set()
    while _reap():
        late = time.monotonic() > deadline
        for pid in _children():
            if late or pid not in told:
                # A thread that waits for its own child may have reaped it just now; its pid is nobody's yet.
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
                told.add(pid)
        time.sleep(0.05)


def _wait(child: int) -> NoReturn:
    _handle(lambda number, _: os.kill(child, number))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    _, status = os.waitpid(child, 0)
    _ignore_signals()
    end_children(GRACE)
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        sys.stderr.write(f"windsock: the stack was ended by {signal.Signals(-code).name}\n")
        code = 1
    sys.exit(code)


def _handle(handler: Callable[[int, FrameType | None], None]) -> None:
    for number in _SIGNALS:
        # nohup's SIGHUP stays ignored.
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
            signal.signal(number, handler)


def _interrupt(number: int, frame: FrameType | None) -> None:
    del number, frame
    _ignore_signals()
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


def _reap() -> bool:
    """Take the ended children; False where there are no children at all."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        return False
    return True


def _children() -> list[int]:
    me = str(os.getpid())
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            # pid (command, which may hold anything) state ppid …
            state, ppid = stat.read_text(errors="replace").rpartition(")")[2].split()[:2]
        except (OSError, ValueError):
            continue  # it has ended meanwhile
        if ppid == me and state != "Z":
            found.append(int(stat.parent.name))
    return found


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise StackError(f"prctl({option}): {os.strerror(ctypes.get_errno())}")
