"""Runs that are late: 3.1's Deadline Alerts and 2.11's SLAs.

    DeadlineAlert(..., callback=AsyncCallback(on_deadline_missed, kwargs={"name": "by six", "team": "payments"}))
    DeadlineAlert(..., callback=SyncCallback(on_deadline_missed_sync, kwargs={"severity": "critical"}))
    DAG(..., sla_miss_callback=windsock.callbacks.sla_missed)

Airflow stores a deadline's callback as the path of a function and calls it with keyword arguments, in the triggerer
(async) or in an executor's process. It hands over the run and the deadline's id and time: no owner and no tags, so that
teams are matched by the DAG's id alone, unless the author names one. Up to 3.4.0b2 the run is JSON in the context. With
https://github.com/apache/airflow/pull/66608 (merged, not released) it is an object, and what is known of the deadline
may stand beside the context, which is missing where the run could not be fetched.
"""

from __future__ import annotations

import asyncio
import contextlib
import threading
from datetime import datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from windsock.airflow import compat
from windsock.events import rfc3339
from windsock.teams import DagFacts

from . import sending
from .context import Outcome, facts_of, words
from .options import BESIDE, DEFAULT, Options, forgiving

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_MARKS = frozenset({"deadline", "deadline_id", "deadline_time"})
_RUNS = 3
"""Runs that one call of 2.11 tells of, the newest: after a pause there may be hundreds."""


async def on_deadline_missed(context: Mapping[str, Any] | None = None, **chosen: Any) -> None:
    """Send an alert for the missed deadline, from the triggerer; `chosen` is what `Notify` takes, and `name`."""
    await aside(lambda: on_deadline_missed_sync(context, **chosen))


def on_deadline_missed_sync(context: Mapping[str, Any] | None = None, **chosen: Any) -> None:
    """Send an alert for the missed deadline, from an executor's process; as `on_deadline_missed`."""
    name = words(chosen.pop("name", ""))
    known = {key: value for key, value in chosen.items() if key in Options.__dataclass_fields__}
    beside = {key: chosen[key] for key in BESIDE if key in chosen}
    # It is too late for an error: the deadline is missed, and somebody must hear of it.
    options = forgiving(known, sending.ignored, DEFAULT)
    tell(joined(context, beside), options, name)


def tell(context: Any, options: Options, name: str = "") -> None:
    """Tell of the deadline in Airflow's `context`."""
    sending.report(lambda: (_read(context, name),), options)


def joined(context: Any, beside: Mapping[str, Any]) -> Any:
    """`context` with what Airflow said `beside` it; it has none where it could not fetch the run."""
    return {**(context or {}), **beside} if context is None or isinstance(context, dict) else context


def is_one(context: Any) -> bool:
    """Whether a context is that of a missed deadline, not of a task or a run."""
    return isinstance(context, dict) and "task_instance" not in context and not _MARKS.isdisjoint(context)


async def aside(work: Callable[[], None]) -> None:
    """Run `work` beside the event loop, which many triggers share. A daemon: it never holds up the end of a process."""
    loop = asyncio.get_running_loop()
    done = asyncio.Event()

    def target() -> None:
        try:
            work()
        finally:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(done.set)

    threading.Thread(target=target, name="windsock", daemon=True).start()
    await done.wait()


def sla_missed(
    dag: Any = None,
    task_list: Any = None,
    blocking_task_list: Any = None,
    slas: Iterable[Any] | None = None,
    blocking_tis: Any = None,
    *_: object,
    **__: object,
) -> None:
    """Send an alert for each run that missed an SLA (2.11), with its late tasks; else as `on_failure`."""
    late(dag, (task_list, blocking_task_list, slas, blocking_tis), DEFAULT)


def late(dag: Any, more: tuple[Any, ...], options: Options) -> None:
    """Tell of the SLAs in what 2.11 hands over: the DAG, and tasks, blocking tasks, SLAs, blocking instances."""
    slas = more[2] if len(more) > 2 else None
    sending.report(lambda: _late(dag, slas or ()), options)


def _read(context: Any, name: str) -> Outcome:
    context = context if hasattr(context, "get") else {}
    run, deadline = _facts(context.get("dag_run")), _facts(context.get("deadline"))
    dag_id = words(compat.read(run, "dag_id") or context.get("dag_id"), 250)
    run_id = words(compat.read(run, "dag_run_id") or compat.read(run, "run_id") or context.get("run_id"), 250)
    if not dag_id or not run_id:
        raise ValueError("the context names no DAG and run")
    due = compat.read(deadline, "deadline_time") or context.get("deadline_time")
    conf = compat.read(run, "conf")
    return Outcome(
        "deadline",
        DagFacts(dag_id),
        run_id,
        reason=compat.state_of(run),
        run_url=compat.run_url(dag_id, run_id),
        conf=conf if isinstance(conf, dict) else None,
        deadline=words(compat.read(deadline, "id") or context.get("deadline_id"), 250) or name[:250] or "unknown",
        name=name,
        due=rfc3339(due) if isinstance(due, datetime) else words(due),
    )


def _facts(thing: Any) -> Any:
    """JSON's values as an object has them, which it is in later versions."""
    if not isinstance(thing, dict):
        return thing
    return SimpleNamespace(**{name: value for name, value in thing.items() if isinstance(name, str)})


def _late(dag: Any, slas: Iterable[Any]) -> tuple[Outcome, ...]:
    dag_id = words(compat.read(dag, "dag_id"), 250)
    if not dag_id:
        raise ValueError("expected Airflow's DAG")
    late: dict[datetime, list[str]] = {}
    for sla in slas:
        date = compat.read(sla, "execution_date")
        if isinstance(date, datetime):
            late.setdefault(date, []).append(words(compat.read(sla, "task_id"), 250))
    return tuple(
        Outcome(
            "deadline",
            facts_of(dag, dag_id),
            # SLAs are those of scheduled runs alone.
            f"scheduled__{date.isoformat()}",
            tasks=tuple(sorted(late[date])),
            run_url=compat.run_url(dag_id, f"scheduled__{date.isoformat()}"),
            deadline="sla",
        )
        for date in sorted(late, reverse=True)[:_RUNS]
    )
