"""Metrics of a DAG's own: what it loaded, how long a call took, how many rows were bad.

    from windsock import metrics

    metrics.gauge("orders_loaded", 1234, unit="rows")
    metrics.count("orders_rejected", 3)
    metrics.timing("api_call", 0.42)
    with metrics.timed("api_call"):
        ...

The exporter shows them as `airflow_custom_<name>` (a gauge), `…_total` (a count) and `…_seconds` (a histogram), with
the labels dag_id, task_id and team, and unit where one is given. They go where Airflow's own StatsD lines go. What
can't be sent is one line in the log, never an error in the task.
"""

from __future__ import annotations

import logging
import math
import re
import time
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Literal

from windsock.airflow import compat
from windsock.teams import DagFacts, route

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.settings import Settings

__all__ = ["count", "gauge", "timed", "timing"]

log = logging.getLogger(__name__)

_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")
_UNIT = re.compile(r"[a-z][a-z0-9_]{0,29}")
# A name that ends so would be that of another metric's samples.
_TAKEN = re.compile(r"_(?:total|seconds_(?:bucket|count|sum))$")
# What Airflow's StatsD clients refuse, with the whole line.
_REFUSED = re.compile(r"[^A-Za-z0-9_-]")


def gauge(name: str, value: float, *, unit: str = "") -> None:
    """Say how much of something there is now; the value stays until the task says another one, or for a week."""
    _send("gauge", name, value, unit)


def count(name: str, value: float = 1, *, unit: str = "") -> None:
    """Add to what only grows; `value` is 0 or more."""
    _send("count", name, value, unit)


def timing(name: str, duration: float | timedelta) -> None:
    """Say how long something took, in seconds."""
    seconds = duration.total_seconds() if isinstance(duration, timedelta) else duration
    _send("timing", name, seconds, "")


@contextmanager
def timed(name: str) -> Iterator[None]:
    """Time what is inside, whether it succeeds or not."""
    started = time.monotonic()
    try:
        yield
    finally:
        timing(name, time.monotonic() - started)


def _send(kind: Literal["gauge", "count", "timing"], name: str, value: float, unit: str) -> None:
    try:
        problem = _problem(kind, name, value, unit) or _off()
        if problem:
            _say(f"{name!s:.100}", problem)
            return
        facts, task_id = compat.running_task()
        # In this order they follow the name in the plain dialect: what has no dots first, and the ids last.
        tags = {"unit": unit, "team": _team(facts), "dag_id": facts.dag_id, "task_id": task_id}
        compat.send(kind, f"custom.{name}", value * 1000 if kind == "timing" else value, tags)
    except Exception as error:  # noqa: BLE001  a metric never breaks a task, whatever Airflow or its client raise
        _say(f"{name!s:.100}", f"{type(error).__name__}: {error}")


def _problem(kind: str, name: object, value: object, unit: object) -> str:
    if not isinstance(name, str) or not _NAME.fullmatch(name) or _TAKEN.search(name):
        return "expected a name of a-z, 0-9 and _ that does not end in _total, such as orders_loaded"
    if not isinstance(unit, str) or (unit and not _UNIT.fullmatch(unit)):
        return "expected a unit of a-z, 0-9 and _, such as rows"
    if not isinstance(value, (int, float)) and not hasattr(value, "__float__"):
        return f"expected a number, got {type(value).__name__}"
    number = float(value)
    if not math.isfinite(number) or (number < 0 and kind != "gauge"):
        return f"expected a finite number{'' if kind == 'gauge' else ' that is 0 or more'}, got {number}"
    return ""


@cache
def _off() -> str:
    return compat.statsd_off()


@cache
def _settings() -> Settings:
    from windsock import settings  # noqa: PLC0415  it brings pydantic: only where a metric is sent

    try:
        return settings.load(cwd=False)
    except Exception as error:  # noqa: BLE001  a broken file means defaults, as everywhere in Airflow's processes
        _say("windsock.yaml", f"can't be used, so no team is known: {error}")
        return settings.Settings()


@cache
def _team(facts: DagFacts) -> str:
    return _REFUSED.sub("_", route(facts, _settings())[0])


@cache
def _say(about: str, problem: str) -> None:
    """One line for each different problem of a process."""
    log.warning("metric %s is not sent: %s", about, problem)
