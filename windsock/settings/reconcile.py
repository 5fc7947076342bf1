"""The section `reconcile` of windsock.yaml."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from windsock.settings.section import Section
from windsock.settings.units import Duration

Resolve = Literal["rerun", "cleared", "later_run"]


def _switch(value: Any) -> Any:
    return {"enabled": value} if isinstance(value, (bool, str)) else value


class Reconcile(Section):
    """The reconciler: tells Alertmanager of the failures that the metadata database knows, and of their end."""

    enabled: Literal["auto"] | bool = "auto"
    """auto: in the exporter, where a database and an Alertmanager are known."""
    store: str | None = None
    """The file of its memory; None: reconciler-CLUSTER.db in $STATE_DIRECTORY, or in ~/.local/state/windsock."""
    window: Duration = Field(default=86_400.0, ge=60)
    """How far back it looks after an outage of its own, and at its first start."""
    resolve: tuple[Resolve, ...] = ("rerun", "cleared", "later_run")
    """What ends a failure: its success on a rerun, its being cleared, the success of a run of the DAG that was due
    later. A DAG that is paused or deleted ends all of its failures."""
    logs: str | None = None
    """Airflow's folder of task logs, where this host has it; None: AIRFLOW__LOGGING__BASE_LOG_FOLDER."""


Reconciling = Annotated[Reconcile, BeforeValidator(_switch, json_schema_input_type=Reconcile | bool | Literal["auto"])]
"""`auto`, `true` or `false` stands for `enabled` alone."""
