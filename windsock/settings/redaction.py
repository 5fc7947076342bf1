"""The section `redaction` of windsock.yaml."""

from __future__ import annotations

from windsock.settings.formats import SecretPattern
from windsock.settings.section import Section


class Redaction(Section):
    """What is taken out of every text before it leaves, beside what issuers of secrets publish."""

    patterns: tuple[SecretPattern, ...] = ()
    """Regular expressions of your own secrets; a group called `keep` stays. One repeat without a bound at most, and
    no repeated group that holds a repeat or alternatives: Python can't stop one that takes long."""
