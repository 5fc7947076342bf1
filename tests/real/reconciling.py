"""What a live reconciler keeps firing in an Alertmanager."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

from windsock.events import RECONCILING, rfc3339


def sign(alertmanager: Any, covers_since: datetime, cluster: str = "airflow") -> None:
    """Say that every failure from `covers_since` on is the reconciler's business."""
    now = datetime.now(timezone.utc)
    alertmanager.post(
        {
            "labels": {"alertname": RECONCILING, "cluster": cluster, "severity": "info"},
            "annotations": {"covers_since": rfc3339(covers_since)},
            "startsAt": rfc3339(now),
            "endsAt": rfc3339(now + timedelta(hours=1)),
        }
    )
