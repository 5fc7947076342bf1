"""What becomes of a point, in one word, and what that means."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OUTCOMES: Mapping[str, str] = {
    "stored": "it said more than before, and that was added",
    "repeated": "it says nothing new: an export that came again or too late, or a process to which nothing happened",
    "doubtful": "it began before the exporter or is of a process that was forgotten, and may have been counted then; "
    "from its next export on differences count",
    "legacy": "the same fact comes under another name, and that one is stored",
    "unmapped": "no metric of the catalogue has this name",
    "ignored": "left out on purpose",
    "from_statsd": "a collector made it of StatsD's lines, and the exporter hears StatsD itself",
}
"""Those that a sender is not told of."""

REFUSALS: Mapping[str, str] = {
    "summary": "summaries can't be added up",
    "no_value": "its flag says that there is none",
    "no_time": "it has no time",
    "no_start_time": "without the time at which it began a sum can't be told from another process's",
    "in_future": "its time is more than five minutes ahead of the exporter's clock",
    "stale": "a gauge of so long ago is not shown as one of now",
    "not_a_number": "NaN, or an infinite sum",
    "negative": "a counter can't fall",
    "malformed": "it contradicts itself or the protocol",
    "too_long": "its name or its attributes are longer, or more, than Airflow's can be",
    "unit": "a histogram in another unit than ms and s is none of Airflow's timers",
    "temporality": "it is neither cumulative nor a delta",
    "type_conflict": "the catalogue has this name with another type",
    "bad_name": "a custom metric's name that Prometheus could not tell from another",
    "custom_budget": "its DAG has more custom metrics than exporter.budgets.custom allows",
}
"""Those that a sender is told of, as rejected points."""
