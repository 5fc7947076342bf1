"""The queries, grouped by what they are about: each with its statement, and how rows become samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import capacity, dags, forecast, objectives, runs, tables, tasks

if TYPE_CHECKING:
    from windsock.exporter.database.ledger import Ledger
    from windsock.exporter.database.query import Query


def make(ledger: Ledger) -> list[Query]:
    """All queries in the order in which they run: each after those that it needs."""
    return [
        dags.Tags(),
        dags.Dags(),
        runs.Runs(ledger),
        runs.Sweep(ledger),
        tasks.Finished(ledger),
        runs.PastRuns(),
        objectives.Objectives(),
        forecast.Forecast(),
        tasks.Unfinished(),
        capacity.Pools(),
        capacity.Components(),
        capacity.Triggers(),
        dags.ImportErrors(),
        objectives.Deadlines(),
        objectives.Backfills(),
        objectives.Assets(),
        tables.Tables(),
        tables.OldestRows(),
    ]
