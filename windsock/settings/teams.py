"""Which DAGs are whose, and how loud their failures are.

A module of its own: a callback without `teams` and `severity` in its windsock.yaml has nothing of it built.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from windsock.settings.formats import Severity, no_default
from windsock.settings.matching import Match
from windsock.settings.model import Addresses
from windsock.settings.reconcile import Resolve
from windsock.settings.section import Section


class Team(Addresses):
    """Who is told about which DAGs, and where."""

    match: Match = Match.unset()
    """Any of these makes a DAG the team's; of several teams, the first in this file has it."""
    resolve: tuple[Resolve, ...] | None = None
    """What ends a failure of this team; None: as `reconcile.resolve` says."""


class SeverityRule(Section):
    """The first rule that matches decides."""

    match: Match
    is_: Severity = Field(alias="is")
    """critical pages, warning tells the channel, info is only recorded."""


Teams = Annotated[dict[str, Team], AfterValidator(no_default)]
SeverityRules = tuple[SeverityRule, ...]
