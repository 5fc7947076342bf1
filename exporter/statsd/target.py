"""What a line's values do: to which series, or why they do nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from windsock.catalog import Metric
    from windsock.exporter.series.labels import Labels

Operation = Literal["add", "set", "observe"]


class Target(NamedTuple):
    """A series, and what a value does to it. `factor` turns the value into the unit that the store keeps."""

    metric: Metric
    labels: Labels
    operation: Operation
    factor: float = 1.0
    ambiguous: bool = False
    relative: bool = False
    """A value with a sign is a change of the gauge; in the Datadog dialect it is the value."""
    judged: bool = False
    """`ParseTimes` says the factor, value by value."""
    once: bool = False
    """Airflow sends this line twice in a row: an equal value right after it is not a second one."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Tags that are no label, and why."""


class Rejected(NamedTuple):
    """Nothing is stored; counted as `windsock_<kind>_total{…=reason}`."""

    kind: Literal["unmapped", "duplicates", "sample_errors", "ignored"]
    reason: str
