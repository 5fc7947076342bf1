"""What a clock that was ahead left behind: state that is in the future is not believed, and it is said.

Otherwise one pass with a clock 30 days ahead would let new failures be ignored for 23 days: `since` would be so late.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock.clock import is_ahead

if TYPE_CHECKING:
    from .failure import Alert
    from .store import Memory


def set_right(memory: Memory, now: float, window: float) -> str:
    """Take back what is in the future; returns what was wrong, in words, empty where nothing was.

    The last `window` seconds are looked at again, but for what was over and is forgotten.
    """
    state = memory.state
    times = ("since", "passed", "gap_at", "forgot")
    ahead = {name: state.pop(name) for name in times if is_ahead(state.get(name, 0), now)}
    if "since" in ahead:
        state["since"] = max(now - window, state.get("forgot", 0.0))
    if "gap_at" in ahead:
        del state["gap"]
    furthest = max([*ahead.values(), *(_take_back(one, now) for one in memory.alerts.values())], default=0.0)
    if not is_ahead(furthest, now):
        return ""
    return f"what was noted is {furthest - now:.0f} s ahead of the clock, and not believed: it was wrong, or is now"


def _take_back(one: Alert, now: float) -> float:
    """Let no time of it be later than now; returns the latest that was."""
    times = one.first, one.posted, one.ended, one.over or 0.0
    if is_ahead(max(times), now):
        one.first, one.posted, one.ended = (min(time, now) for time in times[:3])
        one.over = None if one.over is None else min(one.over, now)
        one.dirty = True
    return max(times)
