"""Airflow's listener hooks: what StatsD lacks. They run inside the scheduler, the DAG processor and the API server.

No hook may wait, ask the database or raise. An argument that is not needed is not declared: pluggy refuses what a
version does not know, and the versions differ.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pluggy import HookimplMarker

from .outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

hookimpl = HookimplMarker("airflow")
outbox = Outbox()

# Airflow's StatsD clients drop a whole line for any other character.
_REFUSED = re.compile(r"[^A-Za-z0-9_./-]")
_LONGEST = 120


@hookimpl
def on_dag_run_running(dag_run: Any) -> None:
    """A run has begun."""
    _tell("dag_runs", lambda: {"state": "running", "dag_id": _column(dag_run, "dag_id")})


@hookimpl
def on_dag_run_success(dag_run: Any) -> None:
    """A run has succeeded."""
    _tell("dag_runs", lambda: {"state": "success", "dag_id": _column(dag_run, "dag_id")})


@hookimpl
def on_dag_run_failed(dag_run: Any) -> None:
    """A run has failed."""
    _tell("dag_runs", lambda: {"state": "failed", "dag_id": _column(dag_run, "dag_id")})


@hookimpl
def on_new_dag_import_error(filename: Any) -> None:
    """A file can't be imported any more."""
    _tell("import_errors", lambda: {"event": "new", "file_path": _text(filename)})


@hookimpl
def on_existing_dag_import_error(filename: Any) -> None:
    """A file still can't be imported: at each parse."""
    _tell("import_errors", lambda: {"event": "existing", "file_path": _text(filename)})


@hookimpl
def on_asset_changed(asset: Any) -> None:
    """3.x: an asset has an event."""
    _tell("asset_events", lambda: {"asset": _text(asset.uri)})


@hookimpl
def on_dataset_changed(dataset: Any) -> None:
    """2.11: a dataset has an event."""
    _tell("asset_events", lambda: {"asset": _text(dataset.uri)})


def _tell(what: str, tags: Callable[[], Mapping[str, str]]) -> None:
    try:
        outbox.put(f"windsock.listener.{what}", tags())
    except Exception:  # noqa: BLE001  whatever an object of Airflow's raises: the host comes first
        outbox.dropped += 1


def _column(row: Any, name: str) -> str:
    # An attribute that is not loaded would be read from the database.
    return str(vars(row)[name])


def _text(value: Any) -> str:
    return _REFUSED.sub("_", str(value))[-_LONGEST:]
