"""Checks of data that alert and let the DAG go on.

from windsock.callbacks import check

@task
def load():
    rows = …
    check(rows, "orders has no rows today", name="orders is not empty")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock.airflow import compat
from windsock.text import safe

from . import recovery, sending
from .context import read
from .options import Options, forgiving

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .context import Outcome

_NAME = 100


def check(  # noqa: PLR0913  a check has so many sides, each with a default
    ok: object,
    message: str,
    *,
    name: str | None = None,
    severity: str = "warning",
    team: str | None = None,
    channels: Sequence[str] | None = None,
) -> bool:
    """Send the alert AirflowDataCheckFailed where `ok` is false, and end it where `ok` is true again; return `ok`.

    Called inside a task. The alert is that of the task and of `name`, whichever run finds it: give each check of a task
    a name of its own, one without values in it. Takes at most `callbacks.budget` seconds where the check failed, and
    raises nothing: whoever wants the task to fail raises on the answer. Outside a task it only logs.
    """
    passed = bool(ok)
    chosen = {"severity": severity, "team": team, "channels": channels}
    options = forgiving(chosen, sending.ignored, Options(severity="warning"))

    def find() -> tuple[Outcome, ...]:
        context = compat.current_context()
        if context is None:
            if not passed:
                sending.log.warning("outside a task, so nobody is told: %s", safe(str(message)))
            return ()
        outcome = read(context, "check")._replace(name=(name or "")[:_NAME], error=str(message), map_index=None)
        if passed and not recovery.waited_for(lambda: _had_failed(outcome)):
            return ()
        return (outcome._replace(passed=passed),)

    sending.report(find, options)
    return passed


def _had_failed(outcome: Outcome) -> bool:
    return recovery.check_failed_before(recovery.here().cluster, outcome.dag.dag_id, outcome.task_id, outcome.name)
