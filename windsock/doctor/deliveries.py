"""What an Alertmanager counts of its attempts to tell people, by what it calls an integration: slack, pagerduty …"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from prometheus_client.parser import text_string_to_metric_families

_REQUESTS = "alertmanager_notification_requests"
"""What it counts of each attempt; a message counts as failed when it gives up, minutes later."""


@dataclass
class Deliveries:
    """Since its start."""

    tried: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)

    def read(self, exposition: str) -> None:
        """Add what an Alertmanager says at /metrics. Raises ValueError."""
        counts = {_REQUESTS: self.tried, f"{_REQUESTS}_failed": self.failed}
        for family in text_string_to_metric_families(exposition):
            if family.name in counts:
                for sample in family.samples:
                    if sample.name.endswith("_total"):
                        counts[family.name][sample.labels.get("integration", "")] += int(sample.value)

    def since(self, before: Deliveries) -> Deliveries:
        """Return what has come after `before`; one that was started again has nothing to add."""
        return Deliveries(self.tried - before.tried, self.failed - before.failed)

    def taken(self, integration: str) -> int:
        """How many attempts a platform did not refuse."""
        return self.tried[integration] - self.failed[integration]
