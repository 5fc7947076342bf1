"""What windsock.yaml promises about DAGs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock.settings.formats import Patterns, TimeOfDay
from windsock.settings.matching import Match
from windsock.settings.section import Section
from windsock.settings.units import Duration, Ratio

if TYPE_CHECKING:
    from collections.abc import Sequence

KEPT = 0.99
"""Of the time, unless `kept` says otherwise: of four weeks 6 h 43 min are left."""


class Promised(Match):
    """Whose promise it is: facts of a DAG, and its team; every key that is given must match."""

    team: Patterns = ()


class Objective(Section):
    """What is promised about the DAGs whose id the entry's name matches, with * and ?, or which `match` says."""

    match: Promised | None = None
    """In place of the name: tags, owners, teams, patterns of ids."""
    success: Ratio | None = None
    """The share of their runs that succeed, such as 99.5%."""
    fresh_within: Duration | None = None
    """The latest success is no older than this, such as 26h."""
    finish_by: TimeOfDay | None = None
    """A time of day with its zone, such as 06:00 Europe/Berlin, by which the run has succeeded."""
    kept: Ratio | None = None
    """The share of the time in which `fresh_within` and `finish_by` hold; None: 99%."""

    def goals(self) -> dict[str, float]:
        """The share to be kept, by promise: of runs for `success`, of the time for the others."""
        time = self.kept or KEPT
        return {
            **({"success": self.success} if self.success is not None else {}),
            **({"fresh_within": time} if self.fresh_within is not None else {}),
            **({"finish_by": time} if self.finish_by is not None else {}),
        }


def merged(found: Sequence[Objective]) -> Objective:
    """What several entries promise about one DAG: of each key the first one that gives it."""
    keys = ("success", "fresh_within", "finish_by", "kept")
    return found[0].model_copy(
        update={key: next((value for one in found if (value := getattr(one, key)) is not None), None) for key in keys}
    )
