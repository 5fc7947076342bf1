"""What Airflow hands to a callback, as plain values: its shape differs by version, by process and by what happened."""

# Annotations are values in this module: a named tuple would compile each text, in each callback's process.

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import Any, Literal, NamedTuple

from windsock.airflow import compat
from windsock.teams import DagFacts, owners_of

Kind = Literal["failure", "retry", "success", "skipped", "deadline", "check"]

_ID = 250
"""Characters of an id in Airflow's database."""
_WORDS = 1000
"""Characters of what is shown."""
_MANY = 100
"""Tags and failed tasks that are looked at."""


class Outcome(NamedTuple):
    """What became of one task instance or of one run; what Airflow did not say is None or empty."""

    kind: Kind
    dag: DagFacts
    run_id: str
    task_id: str | None = None
    """None: the run as a whole."""
    error: BaseException | str | None = None
    """None for a failed task: its process ended without a word."""
    reason: str = ""
    """Why the run failed, in Airflow's word: task_failure, timed_out, all_tasks_deadlocked."""
    failed_task: str = ""
    """The task that made the run fail: the first one where `first_is_known`, else the latest."""
    tasks: tuple[str, ...] = ()
    """All of the run's failed tasks that are known, or its late ones."""
    first_is_known: bool = False
    run_due: datetime | None = None
    started: datetime | None = None
    ended: datetime | None = None
    try_number: int | None = None
    max_tries: int | None = None
    """Retries that the task may have: one less than its tries."""
    map_index: int | None = None
    operator: str = ""
    hostname: str = ""
    log_url: str = ""
    run_url: str = ""
    conf: Mapping[str, Any] | None = None
    """What the run was given."""
    deadline: str = ""
    """Which one of the run's deadlines: Airflow's id."""
    name: str = ""
    """The author's name for a deadline or a check."""
    passed: bool = False
    """Whether a check that had failed is good again."""
    due: str = ""
    """When a deadline was, RFC 3339."""


def read(context: Any, called: Kind | None = None) -> Outcome:
    """Return what `context` says; `called` is the callback that it was handed to, None: not known.

    Whichever it was, the state says what there is to tell of, of all but a check, which is made while its task runs.

    Raises ValueError where it does not even name a DAG and a run, and where nothing has ended.
    """
    get = compat.read
    if not hasattr(context, "get"):
        raise ValueError(f"expected Airflow's context, got {type(context).__name__}")
    dag_level = compat.is_dag_level(context)
    any_instance = context.get("task_instance")
    instance = compat.failed_task(context) if dag_level else any_instance
    task = get(instance, "task")
    run = context.get("dag_run")
    # Not context["dag"] first: a Python task's own arguments may stand under the names of the context.
    dags = (get(task, "dag"), context.get("dag"), get(get(any_instance, "task"), "dag"))
    dag = next((one for one in dags if words(get(one, "dag_id"))), None)
    dag_id = words(get(dag, "dag_id"), _ID) or words(get(any_instance, "dag_id"), _ID)
    run_ids = (get(instance, "run_id"), context.get("run_id"), get(any_instance, "run_id"))
    run_id = next(filter(None, (words(one, _ID) for one in run_ids)), "")
    dues = (_moment(get(run, name)) for name in ("run_after", "data_interval_end", "logical_date"))
    if not dag_id or not run_id:
        raise ValueError("the context names no DAG and run")
    log_url = words(get(instance, "log_url"), 2 * _WORDS)
    outcome = Outcome(
        called if called == "check" else compat.kind(context, called),
        facts_of(dag, dag_id),
        run_id,
        run_due=next(filter(None, dues), None),
        conf=conf if isinstance(conf := get(run, "conf"), dict) else None,
        log_url=log_url,
        run_url=compat.run_page(log_url or words(get(any_instance, "log_url"), 2 * _WORDS)),
    )
    if dag_level:
        return outcome._replace(
            reason=words(context.get("reason")),
            failed_task=words(get(instance, "task_id"), _ID),
            started=_moment(get(run, "start_date")),
            ended=_moment(get(run, "end_date")),
        )
    map_index = _number(get(instance, "map_index"))
    return outcome._replace(
        task_id=words(get(instance, "task_id"), _ID) or "unknown",
        error=compat.exception(context),
        started=_moment(get(instance, "start_date")),
        ended=_moment(get(instance, "end_date")),
        try_number=_number(get(instance, "try_number")),
        max_tries=_number(get(instance, "max_tries")),
        map_index=map_index if map_index is not None and map_index >= 0 else None,
        operator=words(get(task, "operator_name")),
        hostname=words(get(instance, "hostname")),
    )


def with_failed_tasks(outcome: Outcome, context: Mapping[str, Any]) -> Outcome:
    """Ask Airflow which tasks of a failed run failed, and which of them first: one request, which may take a while."""
    if outcome.kind != "failure" or outcome.reason != "task_failure":
        return outcome
    found, first = compat.failed_tasks(context, outcome.dag.dag_id, outcome.run_id)
    tasks = tuple(words(task, _ID) for task in found[:_MANY])
    if first is not None:
        link = words(compat.read(first, "log_url"), 2 * _WORDS)
        return outcome._replace(tasks=tasks, failed_task=tasks[0], first_is_known=True, log_url=link)
    return outcome._replace(tasks=tasks, first_is_known=tasks == (outcome.failed_task,))


def facts_of(dag: Any, dag_id: str) -> DagFacts:
    """What teams and severities are matched by; `dag` may be anything."""
    owner, tags = compat.read(dag, "owner"), compat.read(dag, "tags")
    try:
        names = sorted(filter(None, (words(tag, _ID) for tag in islice(tags, _MANY))))
    except Exception:  # noqa: BLE001  not something to go through
        names = []
    return DagFacts(dag_id, owners_of(owner[:_WORDS] if isinstance(owner, str) else None), tuple(names))


def words(value: Any, limit: int = _WORDS) -> str:
    """`value` as a text of at most `limit` characters; empty where there is none, or where it can't be printed."""
    if value is None or value is False:
        return ""
    try:
        text = (value if isinstance(value, str) else str(value))[:limit]
    except Exception:  # noqa: BLE001  anything may stand in a context; a fact that can't be printed is a missing one
        return ""
    return "" if text.isspace() else text


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 10**9 else None


def _moment(value: Any) -> datetime | None:
    return value if isinstance(value, datetime) and value.tzinfo is not None else None
