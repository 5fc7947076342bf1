"""What differs between the Airflow versions that windsock runs in (2.11 and 3.x); no other module asks for a version.

Airflow is imported inside the functions only: most of windsock runs where there is none.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from typing import TYPE_CHECKING, Any, Literal, cast
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.teams import DagFacts

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


def kind(context: Mapping[str, Any], called: str | None = None) -> Literal["failure", "retry", "success", "skipped"]:
    """What has become of the task or run of a context; `called`: the callback that it was handed to, None: not known.

    A task's process and 2.11 know the state, and that decides: 3.0 to 3.1 call `on_failure_callback` for a killed task
    that is `up_for_retry` (https://github.com/apache/airflow/issues/65400). Where 3.x has no state, it is a failure or
    a retry by the tries that are left; `stands` asks for more. Raises ValueError where nothing has ended.
    """
    if is_dag_level(context):
        reason = _reason(context) or called
        return "success" if reason == "success" else "failure"
    instance = context.get("task_instance")
    state = state_of(instance)
    if state in _ENDS:
        return _ENDS[state]
    if called in ("success", "skipped", "retry"):
        return cast("Literal['success', 'skipped', 'retry']", called)
    if (
        called is None
        and state in ("running", "deferred", "up_for_reschedule", "queued", "scheduled")
        and context.get("exception") is None
    ):
        raise ValueError(f"nothing to tell of a task that is {state}")
    tries, allowed = read(instance, "try_number"), read(instance, "max_tries")
    return "retry" if isinstance(tries, int) and isinstance(allowed, int) and 0 < tries <= allowed else "failure"


def stands(context: Mapping[str, Any]) -> str:
    """The state that Airflow has a task instance in, for a context of 3.x that has none; empty: nobody says.

    The dag processor answers, and takes a while. It matters where tries are left: a task that hung in `queued` has
    failed for good all the same. Raises what Airflow raises.
    """
    instance = context.get("task_instance")
    ask = read(instance, "get_task_states")
    if state_of(instance) or not callable(ask):
        return ""
    dag_id, run_id, task_id, map_index = (read(instance, name) for name in ("dag_id", "run_id", "task_id", "map_index"))
    states = ask(dag_id=dag_id, task_ids=[task_id], map_index=map_index, run_ids=[run_id]).get(run_id, {})
    return next((str(getattr(state, "value", state)) for state in states.values()), "")


_ENDS: Mapping[str, Literal["failure", "retry", "success", "skipped"]] = {
    "failed": "failure",
    "up_for_retry": "retry",
    "success": "success",
    "skipped": "skipped",
}


def state_of(instance: Any) -> str:
    """A task instance's state as Airflow writes it (`up_for_retry`); empty where it has none."""
    state = read(instance, "state")
    state = getattr(state, "value", state)
    return state if isinstance(state, str) else ""


def _reason(context: Mapping[str, Any]) -> str:
    reason = context.get("reason")
    return reason if isinstance(reason, str) else ""


def failed_task(context: Mapping[str, Any]) -> Any:
    """Return the task instance that made the run fail, for a DAG-level context; None where Airflow does not say.

    3.x hands over the latest failed one, without its state, when the reason is `task_failure`; 2.11 hands over any
    one of the run, with its state.
    """
    instance = context.get("task_instance")
    failed = state_of(instance) in ("", "failed")
    return instance if _reason(context) == "task_failure" and failed else None


def failed_tasks(context: Mapping[str, Any], dag_id: str, run_id: str) -> tuple[list[str], Any]:
    """Return the ids of the run's failed tasks, and the instance that failed first: then they stand in that order.

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
        return sorted(set(plain)), None
    find = read(context.get("dag_run"), "get_task_instances")
    if not callable(find):
        return [], None
    found = sorted(find(state=["failed"]), key=lambda instance: str(read(instance, "end_date") or "~"))
    return list(dict.fromkeys(str(read(instance, "task_id")) for instance in found)), next(iter(found), None)


def run_page(log_url: str) -> str:
    """Return the run's page, from the link to a log in it: 3.x …/runs/R/tasks/T, 2.11 …/grid?dag_run_id=R&task_id=T."""
    return log_url.partition("/tasks/")[0].partition("&task_id=")[0] if log_url else ""


def run_url(dag_id: str, run_id: str) -> str:
    """The run's page, where this process knows Airflow's own address: contexts of what is late have no link."""
    try:
        from airflow.configuration import conf  # noqa: PLC0415  only where something happened

        dag, run = quote(dag_id, safe=""), quote(run_id, safe="")
        if base := conf.get("api", "base_url", fallback=""):
            return f"{base.rstrip('/')}/dags/{dag}/runs/{run}"
        base = conf.get("webserver", "base_url", fallback="")  # 2.11
    except Exception:  # noqa: BLE001  no Airflow here
        return ""
    return f"{base.rstrip('/')}/dags/{dag}/grid?dag_run_id={run}" if base else ""


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
    """Add 1 to a counter, from a task or a callback, as `send` does."""
    send("count", metric, 1, tags)


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
    send("timing", metric, milliseconds, tags)


def send(
    kind: Literal["count", "gauge", "timing"],
    metric: str,
    value: float,
    tags: Mapping[str, str],
    *,
    core: bool = False,
) -> None:
    """Send one value through Airflow's own StatsD client: with its address, prefix and dialect; times in milliseconds.

    The plain dialect sends no tags: there the values follow the name, in the order of `tags`, as in
    `windsock.callback.sent.AirflowTaskFailed.my.dag`, an empty one as `none`; a value with dots comes last. `core` says
    that this is the scheduler or another component, not a task or a callback. Raises what Airflow raises, and
    ImportError where there is no Airflow.
    """
    conf, stats = _stats(core=core)
    call = getattr(stats, {"count": "incr"}.get(kind, kind))
    if _tagged(conf):
        call(metric, value, tags={name: text for name, text in tags.items() if text})
    else:
        call(".".join((metric, *(text or "none" for text in tags.values()))), value)


def statsd_off(*, core: bool = False) -> str:
    """Why nothing that `send` takes arrives anywhere; empty where it does. Raises ImportError without Airflow."""
    conf, _ = _stats(core=core)
    if conf.getboolean("metrics", "statsd_datadog_enabled", fallback=False):
        package = "datadog"
    elif conf.getboolean("metrics", "statsd_on", fallback=False):
        package = "statsd"
    elif conf.getboolean("metrics", "otel_on", fallback=False):
        return ""
    else:
        return "Airflow's [metrics] statsd_on is off"
    return "" if importlib.util.find_spec(package) else f"the package {package} is not installed here"


def _stats(*, core: bool) -> tuple[Any, Any]:
    """Airflow's configuration and its StatsD client: from 3.2 tasks have one, the other components another."""
    try:
        if core:
            from airflow.configuration import conf  # noqa: PLC0415
            from airflow.observability.stats import Stats  # noqa: PLC0415  3.2 and later
        else:
            from airflow.sdk.configuration import conf  # noqa: PLC0415
            from airflow.sdk.observability.stats import Stats  # noqa: PLC0415  3.2 and later
    except ImportError:
        from airflow.configuration import conf  # noqa: PLC0415
        from airflow.stats import Stats  # noqa: PLC0415  up to 3.1
    return conf, Stats


def _tagged(conf: Any) -> bool:
    """Whether the dialect that is configured carries tags."""
    if conf.getboolean("metrics", "statsd_datadog_enabled", fallback=False):
        return bool(conf.getboolean("metrics", "statsd_datadog_metrics_tags", fallback=True))
    if conf.getboolean("metrics", "statsd_on", fallback=False):
        return bool(conf.getboolean("metrics", "statsd_influxdb_enabled", fallback=False))
    return True  # OpenTelemetry, or nothing that listens


def running_task() -> tuple[DagFacts, str]:
    """The DAG and the task id of the task that this process runs, without its database. Raises ValueError outside."""
    from windsock.teams import DagFacts, owners_of  # noqa: PLC0415  not in every process that loads the plugin

    context = current_context()
    if context is None:
        raise ValueError("no task is running here")
    task = context["task"]
    dag = read(task, "dag") or context.get("dag")
    tags = tuple(sorted(map(str, read(dag, "tags") or ())))
    return DagFacts(str(dag.dag_id), owners_of(read(dag, "owner")), tags), str(task.task_id)


def structured_logger(name: str) -> Any:
    """The logger of structlog, with which Airflow 3 writes the logs; None: 2.11. Raises ImportError without Airflow."""
    from airflow import __version__  # noqa: PLC0415  asked where it runs

    return None if __version__.startswith("2.") else importlib.import_module("structlog").get_logger(name)


def plugin_base() -> type:
    """The class that a plugin derives from, of the package that this process has already imported.

    From 3.2 a task's process has only the SDK's, whose twin in the core would cost it the import of the core.
    """
    loaded = sys.modules.get("airflow.sdk.plugins_manager")
    if loaded is not None:
        return cast("type", loaded.AirflowPlugin)
    from airflow.plugins_manager import AirflowPlugin  # noqa: PLC0415

    return cast("type", AirflowPlugin)
