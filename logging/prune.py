"""Old lines go: whole days, and those lines of the two indices without a day that arrived too long ago."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING, Any

from .elasticsearch import Elasticsearch, RefusedError

if TYPE_CHECKING:
    from windsock.settings import Settings

PAGE = 1000
NOT_FOUND = 404


def prune(settings: Settings, server: Elasticsearch, now: datetime) -> list[str]:
    """Delete what is older than the retention; returns what was deleted, one line each. Raises WindsockError."""
    index = settings.logs.index
    oldest = now.astimezone(timezone.utc) - timedelta(seconds=settings.logs.retention)
    # A day is kept until its last line is old enough.
    gone = [name for name, day in _days(server, index).items() if day + timedelta(days=1) <= oldest]
    for name in sorted(gone):
        server.request("DELETE", name)
    said = [f"{name} deleted" for name in sorted(gone)]
    counts = {name: _lines(server, name, oldest) for name in (f"{index}-undated", f"{index}-rejected")}
    return said + [f"{count} lines of {name} deleted" for name, count in counts.items() if count]


def _days(server: Elasticsearch, index: str) -> dict[str, datetime]:
    found = server.request("GET", f"_cat/indices/{index}-2*?format=json&h=index&expand_wildcards=all")
    form = re.compile(re.escape(index) + r"-(\d{4}\.\d{2}\.\d{2})")
    days = {}
    for row in found:
        if match := form.fullmatch(row["index"]):
            days[row["index"]] = datetime.strptime(match[1], "%Y.%m.%d").replace(tzinfo=timezone.utc)
    return days


def _lines(server: Elasticsearch, name: str, oldest: datetime) -> int:
    """By search and bulk: a server without the reindex module has no delete-by-query."""
    query = {"range": {"@timestamp": {"lt": oldest.isoformat()}}}
    count = 0
    while True:
        try:
            server.request("POST", f"{name}/_refresh")
            found: dict[str, Any] = server.request(
                "POST", f"{name}/_search", {"size": PAGE, "query": query, "_source": False}
            )
        except RefusedError as error:
            if error.status == NOT_FOUND:
                return count
            raise
        ids = [hit["_id"] for hit in found["hits"]["hits"]]
        if not ids:
            return count
        answer = server.request("POST", f"{name}/_bulk", [{"delete": {"_id": one}} for one in ids])
        deleted: int = sum(item["delete"]["status"] < 300 for item in answer["items"])
        count += deleted
        if not deleted:
            return count
