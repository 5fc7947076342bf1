"""What windsock.yaml tells DAGs apart by, and how loud their failures are."""

from __future__ import annotations

from typing import Literal

from windsock._formats import Patterns
from windsock._section import Section

Severity = Literal["critical", "warning", "info"]


class Match(Section):
    """Facts of a DAG; each key that is given must match (one of its patterns, with * and ?)."""

    dag: Patterns = ()
    owner: Patterns = ()
    tag: Patterns = ()
