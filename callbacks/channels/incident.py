"""The key of an incident, where a channel pages.

It has no try and no run in it, so a later success resolves what an earlier run opened, from whichever host.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from windsock.events import Event

_KEY = 255
"""Characters that PagerDuty takes; Opsgenie takes 512."""


def key(event: Event) -> str:
    """What makes two events one incident: installation, DAG, task, deadline."""
    parts = [event.cluster, event.dag_id, event.task_id or "", event.deadline or ""]
    text = "/".join(["windsock", *(part for part in parts if part)])
    return (
        text
        if len(text) <= _KEY and text.isprintable()
        else hashlib.sha256("\0".join(parts).encode(errors="replace")).hexdigest()
    )
