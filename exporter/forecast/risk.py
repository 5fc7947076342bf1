"""When an estimate becomes an alarm, and when it ends."""

from __future__ import annotations

from dataclasses import dataclass

EARLY, LATE = 0.95, 0.35
"""The probability from which it is an alarm: while there is time, what is as good as sure can't turn out false; at the
last moment at which somebody can act, one in three. Chosen with `benchmarks/at_risk.py`, on seeds 3 to 5."""
FAR, NEAR = 0.45, 0.27
"""Of a run's usual duration, left to the promised end: from `FAR` on it is early, below `NEAR` late."""
TOO_LATE = 0.25
"""The same: with less than that left nobody can do anything before the promise itself is broken."""
ENDS = 0.2
"""Lower, so that an estimate that goes up and down between two looks is one alarm."""


@dataclass
class Risk:
    """Of one run."""

    on: bool = False

    def look(self, chance: float, *, left: float, usual: float) -> bool:
        """Return whether it is at risk.

        `chance` is the probability that it is late, `left` the seconds to the promised end, `usual` those of a run.
        """
        time = left / usual if usual else FAR
        early = min(1.0, max(0.0, (time - NEAR) / (FAR - NEAR)))
        begins = chance >= LATE + early * (EARLY - LATE) and time >= TOO_LATE
        self.on = chance >= ENDS if self.on else begins
        return self.on
