"""The annotations: what people read of a failure that the database knows, and how they go with those of a callback."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from windsock import causes, links
from windsock.events import DEADLINE_MISSED, TASK_FAILED, rfc3339
from windsock.settings.units import format_elapsed
from windsock.text import LIMIT, line, safe, shorten
from windsock.times import clock_time

from .reasons import killed, why

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.settings import Links
    from windsock.teams import DagFacts

    from .details import Details
    from .failure import Failure

_SUMMARY = 250
_INDEXES = 8

STOPPED = "Airflow paused the DAG after too many failed runs in a row: nothing of it runs until somebody unpauses it"
OURS = frozenset({"map_index", "reason", "frequency", "impact", "log_tail"})
"""What the database and the log know better than a callback, which sees one task instance from inside."""


def write(  # noqa: PLR0913  each is what another part found
    failure: Failure, found: Details, *, dag: DagFacts, impact: str, log_tail: str, base: Links, zone: str, modern: bool
) -> dict[str, str]:
    """Return what the database says of a failure, with the names that callbacks use.

    `zone` is that of its team, `modern` means Airflow 3's pages.
    """
    key = failure.key
    first = found.instances[0] if found.instances else None
    failed_at = failure.ended or time.time()
    reason = why(key, found, failed_at) or killed(log_tail)
    texts = {
        "summary": line(_summary(failure, found, reason or causes.of_log(log_tail), zone), _SUMMARY),
        "reason": line(safe(reason), LIMIT),
        "failed_at": rfc3339(_moment(failed_at)),
        "since": clock_time(_moment(failed_at), zone),
        # A callback's success ends what was due no later than its own run.
        "due_at": rfc3339(_moment(failure.due)) if failure.due is not None else "",
        "map_index": _indexes(found),
        "frequency": _frequency(found),
        "impact": impact,
        "log_tail": log_tail,
        "owner": ", ".join(sorted(dag.owners)),
        "tags": ", ".join(dag.tags),
        "run_url": links.run(base, key.dag_id, key.run_id, modern=modern),
        "dashboard_url": links.dashboard(base, key.dag_id, failed_at),
        "runbook_url": links.runbook(base, key.alertname),
    }
    if first is not None:
        index = first.map_index if first.map_index >= 0 else None
        texts |= {
            "try": f"{first.try_number} of {max(first.try_number, first.max_tries + 1)}" if first.try_number else "",
            "duration": format_elapsed(first.ended - first.started) if first.started and first.ended else "",
            "operator": first.operator,
            "hostname": first.hostname,
            "log_url": links.log(
                base, (key.dag_id, key.run_id, key.task_id), map_index=index, try_number=first.try_number, modern=modern
            ),
        }
    return {name: shorten(text, LIMIT) for name, text in texts.items() if text}


def merge(ours: Mapping[str, str], theirs: Mapping[str, str]) -> dict[str, str]:
    """Return what both say together. What a callback wrote stays: it saw the exception; nothing is ever taken away."""
    merged = {**ours, **theirs} if theirs.get("exception") or not ours else {**theirs, **ours}
    return {**merged, **{name: ours[name] for name in OURS & ours.keys()}}


def stop(texts: Mapping[str, str], *, stopped: bool) -> dict[str, str]:
    """Return them with the word that Airflow stopped the DAG, or without it."""
    others = {name: text for name, text in texts.items() if name != "stopped"}
    return {**others, "stopped": STOPPED} if stopped else others


def recount(texts: Mapping[str, str], failed: int) -> dict[str, str]:
    """Return them for another number of failed instances of a mapped task, whose indexes were not asked for again."""
    return {**texts, "map_index": f"{failed} failed"} if "map_index" in texts else dict(texts)


def _summary(failure: Failure, found: Details, reason: str, zone: str) -> str:
    key = failure.key
    if key.alertname == DEADLINE_MISSED:
        return f"{key.dag_id} missed its deadline: it was due at {clock_time(_moment(failure.ended or 0), zone)}"
    said = f": {reason}" if reason else ""
    if key.alertname != TASK_FAILED:
        return f"{key.dag_id} failed{said}"
    which = f" ({found.failed} of {found.total})" if found.total > 1 else ""
    return f"{key.dag_id}: {key.task_id}{which} failed{said}"


def _indexes(found: Details) -> str:
    """`3 of 20 failed: 0, 4, 7`, of a mapped task."""
    indexes = [str(one.map_index) for one in found.instances if one.map_index >= 0]
    if not indexes:
        return ""
    more = " …" if found.failed > len(indexes[:_INDEXES]) else ""
    return f"{found.failed} of {found.total} failed: {', '.join(indexes[:_INDEXES])}{more}"


def _frequency(found: Details) -> str:
    return f"failed in {found.failures} of its last {found.runs} runs" if found.runs > 1 else ""


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, timezone.utc)
