"""From what happened to a message, within the budget; nothing that goes wrong on the way reaches the caller."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, TypeVar

from windsock.airflow import compat
from windsock.exceptions import SettingsError
from windsock.redaction import redact
from windsock.text import line

from . import bounded, occurrence, recovery
from .options import DEFAULT

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from windsock.events import Event
    from windsock.settings import Settings

    from .context import Outcome
    from .delivery import Delivery
    from .options import Options

log = logging.getLogger("windsock.callbacks")

_Result = TypeVar("_Result")

_spent: list[tuple[float, float]] = []
"""Callbacks of this process that could not deliver: when each began, and the seconds that it took."""

_READING = 5.0
"""Seconds that reading the settings may take; the budget stands in them."""
_DELIVERED, _GIVEN_UP = 0.9, 0.95
"""Shares of the budget after which a delivery stops waiting, and is no longer waited for; the rest is for counting."""
_TOGETHER, _LEAST = 20.0, 1.0
"""Airflow stops a task's callbacks after so many seconds for all of them: what earlier ones of this process spent
within that time without delivering is taken off the budget, which still keeps the second number."""
_ASKING = 0.3
"""Share of it for asking Airflow more."""
_REMEMBERING = 0.1
"""Share of what is left that each look at this host's files may take before the alert is sent."""
_REPLAYED = 20
"""Entries of the spool that one callback delivers beside its own."""
_WITHHELD = "withheld"
"""An author's choice kept it back: it counts neither as sent nor as failed."""
_LINE = 500
"""Characters of what a log line says about the outcome."""


def report(
    find: Callable[[], Sequence[Outcome]],
    options: Options = DEFAULT,
    enrich: Callable[[Outcome], Outcome] | None = None,
) -> None:
    """Tell of the outcomes that `find` returns, each of them after `enrich`, which may take a while.

    Takes `callbacks.budget` seconds at most for all of them, logs one line for each to `windsock.callbacks`, and lets
    nothing out but what Airflow itself raises in this process to end a task (a BaseException: a timeout, a SIGTERM).
    """
    started = time.monotonic()
    failed = True
    try:
        failed = _report(find, options, enrich, started)
    finally:
        now = time.monotonic()
        recent = [(start, seconds) for start, seconds in _spent if now - start < _TOGETHER]
        _spent[:] = [*recent, (started, now - started)] if failed else recent


def _report(
    find: Callable[[], Sequence[Outcome]],
    options: Options,
    enrich: Callable[[Outcome], Outcome] | None,
    started: float,
) -> bool:
    """As `report`; returns whether something could not be delivered."""
    budget, settings = _READING, None
    outcomes: Sequence[Outcome | None] = ()
    problem = detail = ""
    failed, counts = False, True
    try:
        outcomes = find()
        if not outcomes:
            return False
        settings = bounded.run(_load, _READING)
        budget = _left(settings.callbacks.budget, started) / len(outcomes)
    except SettingsError as error:
        # The defaults would be in force now, and they name no Alertmanager.
        problem, detail = "settings", error.problems[0]
    except TimeoutError as error:
        problem, detail = "timeout", str(error)
    except Exception as error:  # noqa: BLE001  the host comes first; what it was is in the line below
        problem, detail = "internal", _named(error)
    if settings is not None and not settings.callbacks.enabled:
        log.debug("switched off by callbacks.enabled")
        return False
    for number, outcome in enumerate(outcomes or (None,)):
        started = time.monotonic() if number else started
        if settings is not None and outcome is not None:
            problem, detail, counts = _one(outcome, settings, options, enrich, (started, budget))
        if problem == _WITHHELD:
            what = f"{' of '.join(_what(outcome))} {outcome.task_id or '' if outcome else ''}"
            log.info("%s withheld: %s", line(what, _LINE), line(detail, _LINE))
            continue
        failed |= bool(problem)
        _tell(outcome, problem, detail, time.monotonic() - started)
        if counts:
            _count(outcome, problem, started + budget - time.monotonic())
    return failed


def _one(
    outcome: Outcome,
    settings: Settings,
    options: Options,
    enrich: Callable[[Outcome], Outcome] | None,
    time_given: tuple[float, float],
) -> tuple[str, str, bool]:
    """Return the word for what went wrong, empty for nothing, what a person reads about it, and whether it counts."""
    started, budget = time_given
    try:
        delivery = bounded.run(
            lambda: _act(
                _enriched(outcome, enrich, budget * _ASKING), settings, options, started + budget * _DELIVERED
            ),
            started + budget * _GIVEN_UP - time.monotonic(),
        )
    except SettingsError as error:
        return "settings", error.problems[0], True
    except TimeoutError as error:
        return "timeout", str(error), True
    except Exception as error:  # noqa: BLE001  as above
        return "internal", _named(error), True
    return delivery.problem, delivery.detail, delivery.counts or bool(delivery.problem)


def _left(budget: float, now: float) -> float:
    """What is left of the budget, where others of this process have just used some of it."""
    return min(budget, max(_LEAST, budget - sum(seconds for start, seconds in _spent if now - start < _TOGETHER)))


def _act(outcome: Outcome, settings: Settings, options: Options, deadline: float) -> Delivery:
    from . import delivery, spool  # noqa: PLC0415  they bring the HTTP client
    from .event import build  # noqa: PLC0415

    place = spool.folder(settings)
    event = build(outcome, settings, options)
    choice = delivery.Choice(options.channels, options.template)
    seconds = (deadline - time.monotonic()) * _REMEMBERING
    if outcome.kind == "success" or outcome.passed:
        result = delivery.resolve(event, settings, deadline, choice)
        if not result.problem:
            _unless_it_hangs(lambda: recovery.mark_resolved(event, place), seconds)
            _unless_it_hangs(lambda: delivery.flush(settings, deadline, _REPLAYED), deadline - time.monotonic())
        return result._replace(counts=False)

    def remembered() -> str:
        why = withheld(outcome, event, options, place)
        # Before it is sent: a process that is killed while it sends has failed all the same.
        recovery.mark_failed(event, place, told=not why)
        return why

    why = _unless_it_hangs(remembered, seconds)
    if why:
        return delivery.Delivery(_WITHHELD, why)
    result = delivery.deliver(event, settings, deadline, choice)
    if not result.problem:
        news = _unless_it_hangs(lambda: recovery.mark_delivered(event, place), seconds)
        result = result._replace(counts=news is not False)
        _unless_it_hangs(lambda: delivery.flush(settings, deadline, _REPLAYED), deadline - time.monotonic())
    return result


def _unless_it_hangs(work: Callable[[], _Result], seconds: float) -> _Result | None:
    """What this host's files say; None where they do not answer: no alert waits for a disk."""
    try:
        return bounded.run(work, seconds)
    except TimeoutError:
        return None


def withheld(outcome: Outcome, event: Event, options: Options, place: Path | None = None) -> str:
    """Why the author wants nothing to be told of this one; empty where it is told."""
    after = options.only_after_retries
    if outcome.kind == "retry" and after is True:
        return "only_after_retries, and a retry is left"
    if outcome.kind == "retry" and after and (outcome.try_number or 1) <= after:
        return f"only_after_retries={after}, and this was try {outcome.try_number}"
    if not options.only_on_state_change and not options.seconds:
        return ""
    mark = recovery.last(event, place)
    if options.only_on_state_change and mark.open and mark.since != outcome.run_id:
        return f"only_on_state_change, and {mark.since} had failed before it"
    age = time.time() - (max(mark.told, mark.told_retry) if outcome.kind == "retry" else mark.told)
    # Another callback of the task, or another call for the same try, is no second failure.
    if age < options.seconds and occurrence.of(event) not in mark.tries:
        return f"throttle, and the last one is {age:.0f} s old"
    return ""


def ignored(problem: str) -> None:
    """Say which of an author's choices can't be, and is done without."""
    log.warning("ignored, and told all the same: %s", line(redact(problem), _LINE))


def _enriched(outcome: Outcome, enrich: Callable[[Outcome], Outcome] | None, seconds: float) -> Outcome:
    if enrich is None or outcome.task_id is not None:  # of a task all is known, and a thread would do nothing
        return outcome
    try:
        return bounded.run(lambda: enrich(outcome), seconds)
    except Exception as error:  # noqa: BLE001  more would have been good to know; what is known is told
        log.debug("not asked for more: %s", error)
        return outcome


def _load() -> Settings:
    from windsock.settings import sections  # noqa: PLC0415  it brings pydantic, which no process without a failure needs

    return sections.load()


def _named(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"


def _what(outcome: Outcome | None) -> tuple[str, str]:
    """Alert name and DAG."""
    from .event import alertname  # noqa: PLC0415

    return (alertname(outcome), outcome.dag.dag_id) if outcome else ("unknown", "unknown")


def _tell(outcome: Outcome | None, problem: str, detail: str, seconds: float) -> None:
    name, dag_id = _what(outcome)
    end = "the end of " if outcome and (outcome.kind == "success" or outcome.passed) else ""
    what = line(f"{end}{name} of {dag_id} {outcome.task_id or ''}", _LINE) if outcome else "an alert"
    if problem:
        log.warning("%s not delivered (%s): %s", what, problem, line(redact(detail), _LINE))
    else:
        log.info("%s delivered to %s in %.0f ms", what, line(redact(detail), _LINE), seconds * 1000)


def _count(outcome: Outcome | None, problem: str, seconds: float) -> None:
    """Report a failure to the exporter, which tells what no callback reported from what one did: each of them once."""
    name, dag_id = _what(outcome)
    tags = {**({"reason": problem} if problem else {}), "alertname": name, "dag_id": dag_id}
    try:
        bounded.run(lambda: compat.count(f"windsock.callback.{'failed' if problem else 'sent'}", tags), seconds)
    except Exception as error:  # noqa: BLE001  no Airflow here, or its metrics are broken
        log.debug("not counted: %s", error)
