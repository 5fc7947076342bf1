"""A rule's threshold: what is compared with what, for all, and for those of which windsock.yaml says otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from windsock.settings.units import format_duration

from .promql import of_dags

Unit = Literal["number", "seconds", "share", "bytes"]

_LABEL = "windsock_limit"
"""Says which override is a series's; gone before there is an alert."""


@dataclass(frozen=True)
class Override:
    """Series of which a label matches, and the threshold that is theirs; None: none of them is looked at."""

    label: str
    pattern: str
    """A regular expression, anchored at both ends."""
    threshold: float | None


@dataclass(frozen=True)
class Limit:
    """`of` is beyond `threshold`, and what `also` says holds as well."""

    of: str
    """PromQL of the value, which the alert has too."""
    sign: Literal[">", ">=", "<", "<="]
    threshold: float
    unit: Unit = "number"
    also: str = ""
    """What follows the comparison: `and on (…) …`, `unless on (…) …`."""
    overrides: tuple[Override, ...] = ()
    """The first that matches decides."""

    def promql(self, by: tuple[str, ...]) -> str:
        """Return the rule's expression, whose labels are `by`; of a team, only where an override may ask for it."""
        compared = f"({self.of}) {self.sign} {_number(self.threshold)}"
        if self.overrides:
            compared = self._with_overrides(by)
        return f"{compared}\n{self.also}" if self.also else compared

    def text(self) -> str:
        """The threshold as it is written in windsock.yaml."""
        return written(self.threshold, self.unit)

    def _with_overrides(self, by: tuple[str, ...]) -> str:
        """Each series is told which threshold is its own by a label, which exists for this comparison alone."""
        of = of_dags(self.of) if "team" in by else self.of
        for number, one in reversed([*enumerate(self.overrides)]):
            # The last that is applied stays.
            of = f'label_replace({of}, "{_LABEL}", "{number}", "{one.label}", "{_escaped(one.pattern)}")'
        thresholds = [
            f'label_replace(vector({_number(one.threshold)}), "{_LABEL}", "{number}", "", "")'
            for number, one in enumerate(self.overrides)
            if one.threshold is not None
        ]
        # `or` and not one vector: who matches none has no such label, and is compared with what has none.
        wanted = " or ".join([*thresholds, f"vector({_number(self.threshold)})"])
        return f"max by ({', '.join(by)}) (\n  {of}\n    {self.sign} on ({_LABEL}) group_left ()\n  ({wanted})\n)"


def written(threshold: float, unit: Unit) -> str:
    """Return a threshold as people write it: 30m, 5%, 10GiB, 3."""
    if unit == "seconds":
        return format_duration(threshold)
    if unit == "share":
        return f"{threshold * 100:g}%"
    if unit == "bytes":
        return f"{threshold / (1 << 30):g}GiB"
    return f"{threshold:g}"


def _number(threshold: float) -> str:
    return f"{threshold:.15g}".replace("inf", "Inf")


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
