"""The functions that Airflow calls for tasks and runs. Nothing that goes wrong in them reaches the task."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windsock.airflow import compat

from . import bounded, recovery, sending
from .context import read, with_failed_tasks
from .options import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .context import Kind, Outcome
    from .options import Options

    Callback = Callable[..., object]

_NOTHING: Mapping[str, Any] = {}
"""What Airflow never hands over."""
_ASKING = 2.0
"""Seconds that Airflow has to say in which state a killed task is."""


def on_failure(context: Mapping[str, Any] | None = _NOTHING, *_: object, **others: object) -> Callback | None:
    """Send an alert for the failed task, or the failed run, that `context` tells of.

    It goes by the state, as all of these do: a try that another one follows is told as `on_retry` tells it. Takes
    `callbacks.budget` seconds at most, logs one line about the outcome to `windsock.callbacks`, and lets nothing out
    but what Airflow itself raises in this process to end a task (a BaseException: a timeout, a SIGTERM).

    Without anything it is itself: `on_failure_callback=on_failure()`, as Airflow's notifiers are attached, means this.
    """
    if context is _NOTHING and not others:
        return on_failure  # attached with brackets, as notifiers are
    handle(context, "failure")
    return None


def on_retry(context: Mapping[str, Any] | None = _NOTHING, *_: object, **others: object) -> Callback | None:
    """Send an alert, never a critical one, for a try that failed where another one follows; else as `on_failure`."""
    if context is _NOTHING and not others:
        return on_retry
    handle(context, "retry")
    return None


def on_success(context: Mapping[str, Any] | None = _NOTHING, *_: object, **others: object) -> Callback | None:
    """End the alerts of a task, or of a DAG's runs, that had failed before; else as `on_failure`.

    That is so where this is not the run's first try, or where this host remembers it. All other successes cost a look
    at the file system, and no request.
    """
    if context is _NOTHING and not others:
        return on_success
    handle(context, "success")
    return None


def on_skipped(context: Mapping[str, Any] | None = _NOTHING, *_: object, **others: object) -> Callback | None:
    """Send an alert, never a critical one, for a task that skipped itself; else as `on_failure`."""
    if context is _NOTHING and not others:
        return on_skipped
    handle(context, "skipped")
    return None


def handle(context: Any, called: Kind | None, options: Options = DEFAULT) -> None:
    """Tell of what `context` says: the one door for the functions above, and for `Notify`, which knows no callback."""

    def find() -> tuple[Outcome, ...]:
        outcome = read(context, called)
        if outcome.kind == "retry" and called != "retry":
            outcome = _settled(outcome, context)
        return (outcome,) if outcome.kind != "success" or _had_failed(outcome) else ()

    sending.report(find, options, lambda outcome: with_failed_tasks(outcome, context))


def _settled(outcome: Outcome, context: Any) -> Outcome:
    """What is a retry by its number alone, as Airflow has it: a task that hung in `queued` has failed for good."""
    try:
        failed = bounded.run(lambda: compat.stands(context), _ASKING) == "failed"
    except Exception as error:  # noqa: BLE001  nobody says more than the context
        sending.log.debug("not asked for the state: %s", error)
        return outcome
    return outcome._replace(kind="failure") if failed else outcome


def _had_failed(outcome: Outcome) -> bool:
    """Whether anybody may wait to hear of this success."""
    if outcome.map_index is not None:
        # Others of the same task may be failing now, and they are one alert: the database knows, this process doesn't.
        return False
    if outcome.task_id is not None and (outcome.try_number or 1) > 1:
        return True
    return recovery.waited_for(
        lambda: recovery.failed_before(recovery.here().cluster, outcome.dag.dag_id, outcome.task_id)
    )
