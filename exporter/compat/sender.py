"""One value for each gauge, whoever sends it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock.exporter.statsd.ingest import Ingest

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence


class SenderlessIngest(Ingest):
    """statsd_exporter does not tell senders apart: a change that one of them sends changes what another one set."""

    def feed(self, datagrams: Sequence[bytes], sender: Hashable = None) -> None:
        """Store what the datagrams say. Never raises."""
        del sender
        super().feed(datagrams)
