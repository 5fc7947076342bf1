"""What windsock.yaml tells DAGs apart by."""

from __future__ import annotations

from windsock.settings.formats import Patterns
from windsock.settings.section import Section


class Match(Section):
    """Facts of a DAG, each by one of its patterns, with * and ?; every key that is given must match."""

    dag: Patterns = ()
    owner: Patterns = ()
    tag: Patterns = ()
