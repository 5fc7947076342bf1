"""Where in the author's own code an exception came from."""

from __future__ import annotations

import linecache
import sys
import sysconfig
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import TracebackType

_FRAMES = 3
_DEPTH = 2000
"""Frames that are looked at: a recursion without an end has a thousand."""
_SOURCE = 160
_FOREIGN = ("site-packages", "dist-packages")


def last_of(error: BaseException | str | None) -> str:
    """Return the last frames of the author's code, innermost last; empty where there are none.

    orders/load.py:42 in load
        cursor.execute(statement)
    """
    trace = getattr(error, "__traceback__", None)
    found: list[tuple[str, int, str]] = []
    for _ in range(_DEPTH):
        if trace is None:
            break
        if _own(trace.tb_frame.f_code.co_filename):
            found.append(_place(trace))
        trace = trace.tb_next
    return "\n".join(_shown(*place) for place in found[-_FRAMES:])


def _place(trace: TracebackType) -> tuple[str, int, str]:
    return trace.tb_frame.f_code.co_filename, trace.tb_lineno, trace.tb_frame.f_code.co_name


def _own(file: str) -> bool:
    """Whether it is no library's: those of Python, of its packages, or none on disk at all."""
    if file.startswith("<") or any(f"/{name}/" in file for name in _FOREIGN):
        return False
    library = sysconfig.get_path("stdlib")
    return not file.startswith((library, sys.prefix + "/lib/"))


def _shown(file: str, line: int, function: str) -> str:
    source = linecache.getline(file, line).strip()[:_SOURCE]
    place = f"{_short(file)}:{line} in {function}"
    return f"{place}\n    {source}" if source else place


def _short(file: str) -> str:
    """Below the DAGs' folder, or the last three steps: the rest is the same for everybody."""
    _, found, below = file.rpartition("/dags/")
    return below if found else "/".join(file.split("/")[-3:])
