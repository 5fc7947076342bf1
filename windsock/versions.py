"""Versions of Prometheus and Alertmanager: how windsock.yaml and the servers say them, and how they compare."""

from __future__ import annotations

import re

from . import parts

AUTO = "auto"
"""In windsock.yaml: what the running servers say."""
ALERTMANAGER = parts.ALERTMANAGER.oldest.rpartition(".")[0]
PROMETHEUS = parts.PROMETHEUS.oldest.rpartition(".")[0]
"""The oldest that are supported, as people say them: what is in force where nothing is said."""

_SAID = r"v?(\d+\.\d+(?:\.\d+)?)"
_VERSION = r"\d+\.\d+(\.\d+)?"


def at_least(version: str, wanted: str) -> bool:
    """Whether `version` has what came with `wanted`; one that is not known yet (`auto`) has nothing new."""
    return version != AUTO and key(version) >= key(wanted)


def key(version: str) -> tuple[int, ...]:
    """What orders versions."""
    return tuple(map(int, version.split(".")))


def is_version(text: str) -> bool:
    """Whether `text` is one as people write it: 0.35, 0.35.0."""
    return re.fullmatch(_VERSION, text) is not None


def said(text: object) -> str | None:
    """`2.42.0` of what a server says of itself, such as `2.42.0+ds` or `v3.16.0-rc.0`; None: that is no version."""
    match = re.match(_SAID, text) if isinstance(text, str) else None
    return match[1] if match else None
