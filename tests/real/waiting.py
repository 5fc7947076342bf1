"""Waiting for what comes by itself, on a machine of any speed: a limit costs time only where a test fails."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


def until(
    question: Callable[[], Any], seconds: float = 120.0, why: Callable[[], str] = str, least: float = 0.05
) -> Any:
    """Ask until the answer is true, and return it; an OSError is no answer yet.

    What else `question` raises, such as the assertion that a process still runs, ends it. `why` is asked what to show
    of a wait in vain: a log, a page. `least` seconds are between two questions: more, where one costs much.
    """
    begun = time.monotonic()
    while True:
        try:
            answer = question()
        except OSError as error:
            answer, last = None, repr(error)
        else:
            last = repr(answer)
        if answer:
            return answer
        waited = time.monotonic() - begun
        if waited > seconds:
            pytest.fail(f"still {last} after {seconds:g} s; {why()[-3000:]}")
        # Whoever asks all the time takes the processor that the answer needs.
        time.sleep(min(1.0, max(least, waited / 10)))
