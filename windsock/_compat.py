"""What differs between the Airflow versions that windsock runs in (2.11 and 3.x); no other module asks for a version.

Airflow is imported inside the functions only: most of windsock runs where there is none.
"""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

_MASKERS = (
    "airflow.sdk._shared.secrets_masker",  # 3.1 and later: what the task SDK has read
    "airflow._shared.secrets_masker",  # 3.1 and later: what the core has read, in the dag processor
    "airflow.sdk.execution_time.secrets_masker",  # 3.0
    "airflow.utils.log.secrets_masker",  # 2.11
)


def read(thing: Any, name: str) -> Any:
    """Return an attribute of one of Airflow's objects, or None where it can't be had.

    The task instance of a killed task has no `start_date` in 3.x (it is built without validation), and in 2.11 an
    object that has lost its database session raises DetachedInstanceError for what it had not loaded.
    """
    try:
        return getattr(thing, name)
    except Exception:  # noqa: BLE001  any property of Airflow's may raise anything; a missing fact is no error
        return None


def exception(context: Mapping[str, Any]) -> BaseException | str | None:
    """Return what the task failed of; None where its process had no chance to say.

    3.x leaves the key out for a killed task, 2.11 puts the heartbeat's report there: the text of a dict.
    """
    value = context.get("exception")
    if isinstance(value, str) and value.startswith("{'DAG Id': "):
        return None
    return value if isinstance(value, (BaseException, str)) else None


def is_dag_level(context: Mapping[str, Any]) -> bool:
    """Whether a DAG's own callback was called, not a task's.

    Both get a task instance. Only the DAG's context has a `reason`; a task's may have one by chance, since a Python
    task's arguments are put into its context, but then it has run, and so it has an `exception` (3.x: None after a
    success).
    """
    return context.get("task_instance") is None or ("reason" in context and "exception" not in context)


def kind(context: Mapping[str, Any]) -> Literal["failure", "retry", "success", "skipped"]:
    """Which callback a context was made for: Airflow does not say it. Raises ValueError where nothing has ended.

    A task's process and 2.11 know the state; 3.x calls for a killed task without one, and what decides there whether
    `on_retry_callback` or `on_failure_callback` is called is whether it has a try left.
    """
    if is_dag_level(context):
        return "success" if context.get("reason") == "success" else "failure"
    instance = context.get("task_instance")
    state = state_of(instance)
    if state in _ENDS:
        return _ENDS[state]
    if state in ("running", "deferred", "up_for_reschedule", "queued", "scheduled") and not context.get("exception"):
        raise ValueError(f"nothing to tell of a task that is {state}")
    tries, allowed = read(instance, "try_number"), read(instance, "max_tries")
    return "retry" if isinstance(tries, int) and isinstance(allowed, int) and 0 < tries <= allowed else "failure"


_ENDS: Mapping[str, Literal["failure", "retry", "success", "skipped"]] = {
    "failed": "failure",
    "up_for_retry": "retry",
    "success": "success",
    "skipped": "skipped",
}


def state_of(instance: Any) -> str:
    """A task instance's state as Airflow writes it (`up_for_retry`); empty where it has none."""
    state = read(instance, "state")
    return "" if state is None else str(getattr(state, "value", state))


def failed_task(context: Mapping[str, Any]) -> Any:
    """Return the task instance that made the run fail, for a DAG-level context; None where Airflow does not say.

    3.x hands over the latest failed one, without its state, when the reason is `task_failure`; 2.11 hands over any
    one of the run, with its state.
    """
    instance = context.get("task_instance")
    failed = state_of(instance) in ("", "failed")
    return instance if context.get("reason") == "task_failure" and failed else None


def failed_tasks(context: Mapping[str, Any], dag_id: str, run_id: str) -> tuple[list[str], bool]:
    """Return the ids of the run's failed tasks, and whether they stand in the order in which they failed.

    3.x has no database here; the dag processor answers for the states, without times. 2.11 reads the database, as it
    has just done for the context. Raises what Airflow raises.
    """
    instance = context.get("task_instance")
    ask = read(instance, "get_task_states")
    if callable(ask):
        states = ask(dag_id=dag_id, run_ids=[run_id]).get(run_id, {})
        failed = [name for name, state in states.items() if str(getattr(state, "value", state)) == "failed"]
        known = set(read(context.get("dag"), "task_ids") or ())
        # A mapped instance is called `task_3` there.
        plain = (name if name in known else re.sub(r"_\d+$", "", name) for name in failed)
        return sorted(set(plain)), False
    find = read(context.get("dag_run"), "get_task_instances")
    if not callable(find):
        return [], False
    found = sorted(find(state=["failed"]), key=lambda instance: str(read(instance, "end_date") or "~"))
    return list(dict.fromkeys(str(read(instance, "task_id")) for instance in found)), True


def run_page(log_url: str) -> str:
    """Return the run's page, from the link to a log in it: 3.x …/runs/R/tasks/T, 2.11 …/grid?dag_run_id=R&task_id=T."""
    return log_url.partition("/tasks/")[0].partition("&task_id=")[0] if log_url else ""


def run_url(dag_id: str, run_id: str) -> str:
    """The run's page in 3.x, where this process knows Airflow's own address; a deadline's context has no link."""
    try:
        from airflow.configuration import conf  # noqa: PLC0415  only where something happened

        base = conf.get("api", "base_url", fallback="")
    except Exception:  # noqa: BLE001  no Airflow here
        return ""
    return f"{base.rstrip('/')}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}" if base else ""


def has_slas(dag: Any) -> bool:
    """Whether `dag` may have a callback for missed SLAs: 3.x has none, and complains about the attribute."""
    return type(dag).__module__ == "airflow.models.dag"


def current_context() -> Any:
    """The context of the task that runs in this process; None where none does."""
    try:
        try:
            from airflow.sdk import get_current_context  # noqa: PLC0415  only where a check is made
        except ImportError:
            from airflow.operators.python import get_current_context  # noqa: PLC0415  2.11
        return get_current_context()
    except Exception:  # noqa: BLE001  no Airflow, or no task
        return None


def base_notifier() -> type:
    """Airflow's class of notifiers. Raises ImportError where there is no Airflow."""
    try:
        from airflow.sdk.bases.notifier import BaseNotifier  # noqa: PLC0415
    except ImportError:
        from airflow.notifications.basenotifier import BaseNotifier  # noqa: PLC0415  2.11
    found: type = BaseNotifier
    return found


def mask(text: str) -> str:
    """Let Airflow's own masker work on `text`: it knows the connections and variables that this process has read.

    Each copy of it knows what was read through that copy, and one that was never imported knows nothing.
    """
    for name in _MASKERS:
        module = sys.modules.get(name)
        if module is not None:
            try:
                text = str(module.redact(text))
            except Exception:  # noqa: BLE001, S112  2.11's raises where Airflow's logging is not set up
                continue
    return text


def count(metric: str, tags: Mapping[str, str]) -> None:
    """Add 1 to a counter through Airflow's own StatsD client: with its address, prefix and dialect.

    The plain dialect sends no tags: there the values follow the name, in the order of `tags`, as in
    `windsock.callback.sent.AirflowTaskFailed.my.dag`; a value with dots comes last. Raises what Airflow raises, and
    ImportError where there is no Airflow.
    """
    stats, tagged = _stats()
    if tagged:
        stats.incr(metric, tags=dict(tags))
    else:
        stats.incr(".".join((metric, *tags.values())))


def _stats() -> tuple[Any, bool]:
    """Airflow's StatsD client, and whether its dialect has tags."""
    try:
        from airflow.sdk.configuration import conf  # noqa: PLC0415  only where something failed
        from airflow.sdk.observability.stats import Stats  # noqa: PLC0415  3.2 and later
    except ImportError:
        from airflow.configuration import conf  # noqa: PLC0415
        from airflow.stats import Stats  # noqa: PLC0415  up to 3.1

    if conf.getboolean("metrics", "statsd_datadog_enabled", fallback=False):
        tagged = conf.getboolean("metrics", "statsd_datadog_metrics_tags", fallback=True)
    elif conf.getboolean("metrics", "statsd_on", fallback=False):
        tagged = conf.getboolean("metrics", "statsd_influxdb_enabled", fallback=False)
    else:
        tagged = True  # OpenTelemetry, or nothing that listens
    return Stats, tagged


def connection(conn_id: str) -> Any:
    """Return an Airflow connection, from whichever place this process may read them. Raises what Airflow raises.

    ImportError where there is no Airflow. It takes 12 to 36 ms, and once 5 s in the dag processor.
    """
    try:
        from airflow.sdk import Connection  # noqa: PLC0415  3.x: through the supervisor, no database
    except ImportError:
        from airflow.hooks.base import BaseHook  # noqa: PLC0415

        return BaseHook.get_connection(conn_id)
    return Connection.get(conn_id)


def time_of(metric: str, milliseconds: float, tags: Mapping[str, str]) -> None:
    """Report a duration as `count` reports an event. A plain number: a timedelta's unit differs by dialect."""
    stats, tagged = _stats()
    if tagged:
        stats.timing(metric, milliseconds, tags=dict(tags))
    else:
        stats.timing(".".join((metric, *tags.values())), milliseconds)
