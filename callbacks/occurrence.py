"""Which failure an event tells of: Airflow calls twice for one try in places, and a task may have two callbacks.

2.11 does where a task is killed in its callback, 3.x where two schedulers find the same heartbeat missing. What counts
failures counts these, not calls.
"""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from windsock.events import DEADLINE_MISSED

if TYPE_CHECKING:
    from windsock.events import Event


def of(event: Event) -> str:
    """Return a name that no other failure of the same task, run, check or deadline has; empty: the event does not say.

    A task's is of its run, map index and try; a run's of the time of its end, since it may be cleared and fail again.
    """
    said = event.annotations
    number = said.get("try", "").partition(" ")[0]
    which = "missed" if event.alertname == DEADLINE_MISSED else number or said.get("failed_at", "")
    run_id = event.run_id or said.get("run_id", "")
    facts = (event.alertname, which, said.get("map_index", ""), said.get("late_tasks", ""), run_id)
    return sha256("\0".join(facts).encode(errors="replace")).hexdigest()[:16] if which else ""
