"""A call that takes no longer than it is given, whatever hangs inside it: DNS, a file system, a slow answer."""

from __future__ import annotations

import contextlib
import threading
import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_Result = TypeVar("_Result")


def run(work: Callable[[], _Result], seconds: float) -> _Result:
    """Return what `work` returns, or raise what it raises; TimeoutError once `seconds` are over.

    The thread that hangs is left behind: a daemon, so that it never holds up the end of its process. What the host
    raises in the calling thread meanwhile (a timeout's alarm, SIGTERM) goes through untouched.
    """
    results: list[_Result] = []
    errors: list[BaseException] = []

    def target() -> None:
        try:
            results.append(work())
        except BaseException as error:  # noqa: BLE001  raised again below, in the thread that can hear it
            errors.append(error)

    thread = threading.Thread(target=target, name="windsock", daemon=True)
    thread.start()
    thread.join(max(0.0, seconds))
    if results:
        return results[0]
    if errors and isinstance(errors[0], Exception):
        raise errors[0]
    if errors:
        # SystemExit and its like ended our thread; raised here they would end the task.
        raise RuntimeError(type(errors[0]).__name__)
    raise TimeoutError(f"not done within {seconds:.3g} s")


def side_by_side(works: Sequence[Callable[[], _Result]], deadline: float) -> list[_Result | None]:
    """Return what each of `works` returns, in their order, once all are done or the monotonic clock reaches `deadline`.

    None for one that is not done or has raised.
    """
    results: list[_Result | None] = [None] * len(works)

    def target(index: int) -> None:
        with contextlib.suppress(BaseException):  # a thread that fails aloud would write into the task's log
            results[index] = works[index]()

    threads = [
        threading.Thread(target=target, args=(index,), name="windsock", daemon=True) for index in range(len(works))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    return list(results)
