"""What windsock.yaml tells DAGs apart by, and how loud their failures are."""

from __future__ import annotations

from typing import Literal

from windsock.settings.formats import Patterns
from windsock.settings.section import Section

Severity = Literal["critical", "warning", "info"]


class Match(Section):
    """Facts of a DAG, each by one of its patterns, with * and ?; every key that is given must match."""

    dag: Patterns = ()
    owner: Patterns = ()
    tag: Patterns = ()
