"""An organisation's callbacks: what `callbacks.attach` says, attached to tasks and DAGs as they are parsed.

The result depends on the DAG and on windsock.yaml alone, so each process of Airflow that has the same file attaches the
same: the scheduler's side, which decides whether a callback is called, and the worker, which calls it.
"""

from __future__ import annotations

import functools
import logging
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any

from windsock.airflow import compat
from windsock.exceptions import SettingsError

if TYPE_CHECKING:
    from windsock.settings import Settings
    from windsock.settings.callbacks import Attach
    from windsock.teams import DagFacts

log = logging.getLogger("windsock.callbacks")

_TASK = {
    "failure": "on_failure_callback",
    "retry": "on_retry_callback",
    "success": "on_success_callback",
    "skipped": "on_skipped_callback",
}
_RUN = {"run_failure": "on_failure_callback", "run_success": "on_success_callback"}
_OURS = "windsock.callbacks"
_CHOICES = ("channels", "severity", "team", "only_after_retries", "only_on_state_change", "template", "throttle")
_said: set[str] = set()


def to_dag(dag: Any) -> None:
    """Attach to the runs of `dag`."""
    settings = _settings()
    if settings is None:
        return
    facts = _facts(dag)
    for hook, attribute in _RUN.items():
        if _add(dag, attribute, _callback(hook, facts, settings)):
            # Airflow computes this when the DAG is made, before policies; the scheduler looks at nothing else.
            setattr(dag, f"has_{attribute}", True)
    if compat.has_slas(dag):
        _add(dag, "sla_miss_callback", _callback("sla", facts, settings))


def to_task(task: Any) -> None:
    """Attach to `task`, unless it is one that Airflow never runs: with a callback it would have to."""
    settings = _settings()
    if settings is None or compat.read(task, "inherits_from_empty_operator"):
        return
    facts = _facts(compat.read(task, "dag"))
    for hook, attribute in _TASK.items():
        _add(task, attribute, _callback(hook, facts, settings))


def count(reason: str, detail: str) -> None:
    """Log and count what kept callbacks from being attached: once a process."""
    if reason in _said:
        return
    _said.add(reason)
    from windsock.redaction import redact  # noqa: PLC0415  only where something is wrong

    log.warning("no callbacks attached (%s): %s", reason, redact(detail))
    try:
        compat.count("windsock.policy.errors", {"reason": reason})
    except Exception as error:  # noqa: BLE001  Airflow's metrics are broken
        log.debug("not counted: %s", error)


@functools.cache
def _settings() -> Settings | None:
    """The settings; None where they attach nothing. Read once: a process that parses DAGs lives for one file."""
    from windsock.settings import sources  # noqa: PLC0415  it brings pydantic and YAML, which Airflow has loaded

    try:
        source = sources.read(cwd=False)
        if source.file is None and not source.values:
            log.info("no callbacks attached: no windsock.yaml and no WINDSOCK__ variable is known to this process")
            return None
        callbacks = source.values.get("callbacks")
        if not isinstance(callbacks, dict) or not callbacks.get("attach") or not callbacks.get("enabled", True):
            return None
        from windsock.settings import sections  # noqa: PLC0415  20 ms: only where something may be attached

        found = sections.load()
        if not found.callbacks.enabled or not found.callbacks.attach:
            return None
        _ = found.teams, found.defaults, found.severity  # what `route` asks for: an error in them is told of here
    except SettingsError as error:
        count("settings", error.problems[0])
        return None
    return found


def _facts(dag: Any) -> DagFacts:
    from .context import facts_of, words  # noqa: PLC0415  as above

    return facts_of(dag, words(compat.read(dag, "dag_id")))


def _callback(hook: str, facts: DagFacts, settings: Settings) -> Any:
    """The callback for `hook`, None where no rule gives one."""
    from windsock.teams import route  # noqa: PLC0415  as above

    if any(fnmatchcase(tag, pattern) for tag in facts.tags for pattern in settings.callbacks.opt_out):
        return None
    team, _ = route(facts, settings)
    for rule in settings.callbacks.attach:
        if hook in rule.on and _applies(rule, facts, team):
            return _made(hook, rule)
    return None


def _applies(rule: Attach, facts: DagFacts, team: str) -> bool:
    from windsock.teams import matches  # noqa: PLC0415  as above

    match = rule.match
    if match.team and not any(fnmatchcase(team, pattern) for pattern in match.team):
        return False
    return not (match.dag or match.owner or match.tag) or matches(match, facts)


def _made(hook: str, rule: Attach) -> Any:
    chosen = {name: getattr(rule, name) for name in _CHOICES if getattr(rule, name)}
    if hook in ("retry", "skipped") and chosen.get("severity") == "critical":
        # As in `event.build`: a severity for all of `on` does not mean that a retry should wake someone.
        chosen["severity"] = "warning"
    if chosen:
        from .notify import Notify  # noqa: PLC0415  as above

        return Notify(**chosen)
    from . import deadline, handlers  # noqa: PLC0415  as above

    return deadline.sla_missed if hook == "sla" else getattr(handlers, f"on_{hook.removeprefix('run_')}")


def _add(thing: Any, attribute: str, callback: Any) -> bool:
    """Put `callback` behind what the author set, unless one of ours is there; say whether it was put."""
    if callback is None:
        return False
    there = getattr(thing, attribute, None)
    found = list(there) if isinstance(there, (list, tuple, set)) else [] if there is None else [there]
    if any(_is_ours(one) for one in found):
        return False
    # A list of its own: the author's may stand in default_args, which all tasks share; Airflow 3 insists on a list.
    setattr(thing, attribute, [*found, callback])
    return True


def _is_ours(callback: Any) -> bool:
    """Whether it is one of windsock's functions, a Notify, a Notifier, one derived from it, or a partial of these."""
    while isinstance(callback, functools.partial):
        callback = callback.func
    homes = (getattr(kind, "__module__", None) for kind in (callback, *type(callback).__mro__))
    return any(str(home).startswith(_OURS) for home in homes)
