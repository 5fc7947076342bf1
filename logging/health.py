"""Log shipping, as the doctor sees it: does Elasticsearch answer, have its templates, and get lines?"""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING

from windsock.doctor.finding import Finding
from windsock.exceptions import WindsockError
from windsock.settings.logs import Logs
from windsock.settings.units import format_age

from .elasticsearch import Elasticsearch, RefusedError
from .searches import indices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.settings import Settings

_TIMEOUT = 5.0
_LATE = 900.0
"""Seconds: an Airflow that runs writes lines all the time."""
_NOT_FOUND = 404


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what is found. Raises SettingsError for a credential that can't be had here."""
    if settings.logs == Logs():
        yield Finding("logs.unknown", "unseen", "Log shipping is not configured.", "See docs/logs.md.", "Logs")
        return
    server = Elasticsearch(settings, _TIMEOUT)
    looked_at = f"Logs in Elasticsearch {', '.join(settings.logs.elasticsearch.urls)}"
    try:
        yield from _findings(server, settings, looked_at)
    except WindsockError as error:
        yield Finding(
            "logs.down",
            "warning",
            f"{error}.",
            "Start it, or mend logs.elasticsearch: Filebeat keeps its place meanwhile, and nothing is lost.",
            looked_at,
        )


def _findings(server: Elasticsearch, settings: Settings, looked_at: str) -> Iterator[Finding]:
    index = settings.logs.index
    try:
        server.request("GET", f"_index_template/{index}")
    except RefusedError as error:
        if error.status != _NOT_FOUND:
            raise
        yield Finding(
            "logs.template",
            "critical",
            f"It has no template for {index}: lines get fields that Airflow's pages can't read.",
            "`windsock logs install`.",
            looked_at,
        )
    # Where no index is there yet, it leaves the whole answer out.
    found = server.request(
        "POST",
        f"{indices(settings)}/_search?ignore_unavailable=true",
        {"size": 0, "aggs": {"newest": {"max": {"field": "@timestamp"}}}},
    )
    newest = found.get("aggregations", {}).get("newest", {}).get("value")
    age = None if newest is None else datetime.now(timezone.utc).timestamp() - newest / 1000
    if age is None or age > _LATE:
        yield Finding(
            "logs.late",
            "warning",
            "No line has arrived yet." if age is None else f"The newest line is {format_age(age)} old.",
            "Look at Filebeat's own log; `windsock logs watch` beside it measures the way of a line.",
            looked_at,
        )
    rejected = server.request("GET", f"{index}-rejected/_count?ignore_unavailable=true")["count"]
    if rejected:
        yield Finding(
            "logs.rejected",
            "warning",
            f"{rejected:,} lines were rejected.",
            f"They are in {index}-rejected, each with the reason.",
            looked_at,
        )
