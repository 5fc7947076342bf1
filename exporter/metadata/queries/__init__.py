"""The queries, grouped by what they are about: each with its statement, and how rows become samples."""

from __future__ import annotations

from typing import TYPE_CHECKING

from . import capacity, dags, promises, runs, tables, tasks

if TYPE_CHECKING:
    from windsock.exporter.metadata.ledger import Ledger
    from windsock.exporter.metadata.query import Query


def make(ledger: Ledger) -> list[Query]:
    """All queries in the order in which they run: each after those that it needs."""
    return [
        dags.Tags(),
        dags.Dags(),
        runs.Runs(ledger),
        runs.Sweep(ledger),
        tasks.Finished(ledger),
        runs.PastRuns(),
        promises.Objectives(),
        tasks.Unfinished(),
        capacity.Pools(),
        capacity.Components(),
        capacity.Triggers(),
        capacity.Deferred(),
        dags.ImportErrors(),
        promises.Deadlines(),
        promises.Backfills(),
        promises.Assets(),
        tables.Tables(),
        tables.OldestRows(),
    ]
