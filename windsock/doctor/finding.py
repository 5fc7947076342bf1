"""A finding: what a check looked at, what it found, how bad that is, and how to mend it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal, get_args

if TYPE_CHECKING:
    from collections.abc import Iterable

Grade = Literal["good", "unseen", "warning", "critical"]
"""From the best to the worst: `unseen` is what could not be looked at, `critical` what keeps alerts from people."""
GRADES: tuple[Grade, ...] = get_args(Grade)
VERSION = "Windsock-Version"
"""The header in which an exporter says at /doctor what it is."""


@dataclass(frozen=True)
class Finding:
    """One thing that a check found, in sentences without a secret."""

    check: str
    """Its name, `PART.WHAT`: what scripts and alerts go by."""
    grade: Grade
    found: str
    mend: str = ""
    looked_at: str = ""
    """The part, with its address."""

    @property
    def sentences(self) -> str:
        """What was found, and what to do."""
        return f"{self.found} {self.mend}".rstrip()

    def json(self) -> dict[str, Any]:
        """Its fields, by name."""
        return asdict(self)


def worst(findings: Iterable[Finding]) -> Grade:
    """Return the worst grade; `good` where there is none."""
    return max((finding.grade for finding in findings), key=GRADES.index, default="good")


def read(content: Any, looked_at: str) -> list[Finding]:
    """Return the findings that another process says, as `Finding.json` writes them. Raises ValueError."""
    if not isinstance(content, list) or not all(isinstance(one, dict) for one in content):
        raise ValueError("expected a list of findings")
    names = ("check", "grade", "found", "mend")
    found = [Finding(**{name: str(one.get(name, "")) for name in names}, looked_at=looked_at) for one in content]  # type: ignore[arg-type]  # looked at below
    if any(one.grade not in GRADES for one in found):
        raise ValueError(f"expected one of {', '.join(GRADES)} as grade")
    return found
