"""The rules: when a failure is over. All else about failures is what the database says of states.

A failed task instance is one that Airflow will not try again: with retries left its state is `up_for_retry`.
`upstream_failed` is no failure of its own. A run that failed by `dagrun_timeout` has skipped tasks and fails as a run.
A task that a person marked as failed, and one that was stuck in queued and given up, are `failed` like any other; the
reason is told apart in `reasons.py`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from windsock.exporter.database.schema import FINISHED

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

Standing = Literal["failed", "cleared", "rerun", "passed", "ended", "gone"]
"""What became of something that had failed: it is failed; it waits or runs again; it has succeeded; it ended neither
way (skipped, removed, what is before it failed); what was tried again has ended in any way; it is no more in the
database."""


def of_task(states: Mapping[str | None, int]) -> Standing:
    """The standing of a task, from the number of its instances in each state; a cleared one has no state."""
    if states.get("failed"):
        return "failed"
    if not states:
        return "gone"
    if not all(state in FINISHED for state in states):
        return "cleared"
    return "rerun" if states.get("success") else "passed"


def of_retry(states: Mapping[str | None, int]) -> Standing:
    """The standing of a retry that someone was told of: it lasts until the task has ended, either way."""
    if not states:
        return "gone"
    return "ended" if all(state in FINISHED for state in states) else "failed"


def of_run(state: str | None) -> Standing:
    """The standing of a run."""
    if state is None:
        return "gone"
    return {"failed": "failed", "success": "rerun"}.get(state, "cleared")  # type: ignore[return-value]  # as they are


def of_deadline(state: str | None) -> Standing:
    """The standing of a run that missed its deadline: it is late until it succeeds."""
    if state is None:
        return "gone"
    return "rerun" if state == "success" else "failed"


_OVER: Mapping[Standing, tuple[str, str]] = {
    "gone": ("", "its run was deleted"),
    "ended": ("", "what was tried again has ended"),
    "rerun": ("rerun", "it succeeded on a rerun"),
    "passed": ("rerun", "it is failed no more: skipped, removed, or not reached on a rerun"),
    "cleared": ("cleared", "it was cleared"),
}
"""By standing: the policy by which it ends a failure, empty where it always does, and why."""


def over(standing: Standing, dag: str, *, later: bool, policy: Collection[str]) -> str:
    """Say why a failure is over; empty where it lasts.

    `dag` is `active`, `paused`, `stopped` or `deleted`, `later` whether a run that was due later has succeeded. A DAG
    that Airflow stopped, because it failed too often, is as broken as before.
    """
    if dag in {"paused", "deleted"}:
        return f"its DAG is {dag}"
    needs, why = _OVER.get(standing, ("never", ""))
    if not needs or needs in policy:
        return why
    return "a later run succeeded" if later and "later_run" in policy else ""
