"""Of what is due less often one a pass: each has its turn, however many there are."""

from __future__ import annotations

import itertools

from windsock.exporter.database import metrics
from windsock.exporter.database.ledger import Ledger
from windsock.exporter.database.schedule import Schedule

PASSES = 120


def test_every_query_has_its_turn():
    schedule = Schedule(metrics.make(Ledger()))
    asked = {query.name: [] for query in schedule.queries}
    for number in range(PASSES):
        schedule.passes = number
        chosen = schedule.shared(lately=False, everything=False, failing=())
        chosen += schedule.others(chosen, everything=False, failing=())
        assert sum(query.every > 1 for query in chosen) <= 1
        for query in chosen:
            asked[query.name].append(number)
    for query in schedule.queries:
        turns = [0, *asked[query.name], PASSES]
        longest = max(after - before for before, after in itertools.pairwise(turns))
        # What it said is shown for four times as long as it is asked.
        assert longest <= max(1, 4 * query.every), f"{query.name}: {turns}"
