"""The functions that Airflow calls. Nothing that goes wrong in them reaches the task."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, Any

from windsock import _compat
from windsock.exceptions import SettingsError
from windsock.redaction import redact
from windsock.text import line

from . import bounded
from .context import read
from .delivery import deliver
from .event import build

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.settings import Settings

    from .context import Failure

log = logging.getLogger("windsock.callbacks")

_READING = 5.0
"""Seconds that reading the settings may take; the budget stands in them."""
_DELIVERED, _GIVEN_UP = 0.9, 0.95
"""Shares of the budget after which a delivery stops waiting, and is no longer waited for; the rest is for counting."""
_LINE = 500
"""Characters of what a log line says about the outcome."""


def on_failure(context: Mapping[str, Any] | None = None, *_: object, **__: object) -> None:
    """Send an alert for the failed task, or the failed run, that `context` tells of.

    Takes `callbacks.budget` seconds at most, logs one line about the outcome to `windsock.callbacks`, and lets nothing
    out but what Airflow itself raises in this process to end a task (a BaseException: a timeout, a SIGTERM).
    """
    started = time.monotonic()
    failure, budget = None, _READING
    try:
        failure = read(context)
        settings = bounded.run(_load, _READING)
        if not settings.callbacks.enabled:
            log.debug("switched off by callbacks.enabled")
            return
        budget = settings.callbacks.budget
        delivery = bounded.run(
            lambda: deliver(build(failure, settings), settings, started + budget * _DELIVERED),
            started + budget * _GIVEN_UP - time.monotonic(),
        )
        problem, detail = delivery.problem, delivery.detail
    except SettingsError as error:
        # The defaults would be in force now, and they name no Alertmanager.
        problem, detail = "settings", error.problems[0]
    except TimeoutError as error:
        problem, detail = "timeout", str(error)
    except Exception as error:  # noqa: BLE001  the host comes first; what it was is in the line below
        problem, detail = "internal", f"{type(error).__name__}: {error}"
    _tell(failure, problem, detail, time.monotonic() - started)
    _count(failure, problem, started + budget - time.monotonic())


def _load() -> Settings:
    from windsock import settings  # noqa: PLC0415  it brings pydantic, which no process without a failure needs

    return settings.load(cwd=False)


def _tell(failure: Failure | None, problem: str, detail: str, seconds: float) -> None:
    what = f"{failure.alertname} of {failure.dag.dag_id} {failure.task_id or ''}".rstrip() if failure else "an alert"
    if problem:
        log.warning("%s not delivered (%s): %s", what, problem, line(redact(detail), _LINE))
    else:
        log.info("%s delivered to %s in %.0f ms", what, line(redact(detail), _LINE), seconds * 1000)


def _count(failure: Failure | None, problem: str, seconds: float) -> None:
    """Report to the exporter, so that failures that no callback reported can be told from those that one did."""
    tags = {
        **({"reason": problem} if problem else {}),
        "alertname": failure.alertname if failure else "unknown",
        "dag_id": failure.dag.dag_id if failure else "unknown",
    }
    try:
        bounded.run(lambda: _compat.count(f"windsock.callback.{'failed' if problem else 'sent'}", tags), seconds)
    except Exception as error:  # noqa: BLE001  no Airflow here, or its metrics are broken
        log.debug("not counted: %s", error)
