"""Log shipping, as the doctor sees it: does Elasticsearch answer, have its templates, and get lines?"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

from windsock.airflow import configured
from windsock.doctor.finding import Finding
from windsock.exceptions import WindsockError
from windsock.settings.logs import Logs
from windsock.settings.units import format_age

from .elasticsearch import Elasticsearch, RefusedError
from .mappings import FIELDS, merged_after
from .searches import indices

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.settings import Settings

_TIMEOUT = 5.0
_LATE = 900.0
"""Seconds: an Airflow that runs writes lines all the time."""
_NOT_FOUND = 404
_BLOCKS = {f"index.blocks.{name}" for name in ("read_only", "read_only_allow_delete", "write")}
_MERGED = "index.blocks.write"
"""What lifecycle sets of an index that it merges."""
_DEFAULT_PATH = "dag_id={{ti.dag_id}}/run_id={{ti.run_id}}/task_id={{ti.task_id}}/attempt={{try_number}}.log"
"""Airflow's default for log_filename_template, but for spaces and the map index."""
_PATH = re.compile(r"dag_id={{ti\.dag_id}}/run_id={{ti\.run_id}}/task_id={{ti\.task_id}}/.*attempt=.*\.log$")
_LOG_ID = "{dag_id}-{task_id}-{run_id}-{map_index}-{try_number}"
"""Of Airflow's provider for Elasticsearch, by default."""


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what is found. Raises SettingsError for a credential that can't be had here."""
    if settings.logs == Logs():
        mend = "See docs/logs.md, which `windsock docs` serves."
        yield Finding("logs.unknown", "unseen", "Log shipping is not configured.", mend, "Logs")
        return
    yield from _airflow()
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


def _airflow() -> Iterator[Finding]:
    """What Airflow is told here of its logs' names: by them a line is known to be of a task, and found again."""
    found = configured.here()
    looked_at = f"Airflow's settings here ({found.origin or 'none'})"
    named = _PATH.search("".join(found.get("logging", "log_filename_template").split()) or _DEFAULT_PATH)
    if not named:
        yield Finding(
            "logs.path",
            "critical",
            "[logging] log_filename_template is not Airflow's own: no line says of which task it is.",
            "Leave it as Airflow has it, and restart Airflow's processes.",
            looked_at,
        )
    if found.get("elasticsearch", "log_id_template", _LOG_ID).strip() != _LOG_ID:
        yield Finding(
            "logs.log_id",
            "warning",
            "[elasticsearch] log_id_template is not Airflow's own: its provider finds none of these lines.",
            f"Leave it at {_LOG_ID}, and restart Airflow's processes.",
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
    else:
        yield from _template(server, index, looked_at)
    yield from _blocked(server, settings, looked_at)
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


def _template(server: Elasticsearch, index: str, looked_at: str) -> Iterator[Finding]:
    """Whether the template is the one in force: another one of a higher priority may have its place."""
    made = server.request("POST", f"_index_template/_simulate_index/{index}-2000.01.01").get("template", {})
    if made.get("mappings", {}).get("properties", {}).get("log_id") != FIELDS["log_id"]:
        yield Finding(
            "logs.template",
            "critical",
            f"For {index}-2* another template than windsock's is in force: lines get fields that Airflow can't read.",
            f"`windsock logs install`, and take {index}-2* from the others' index_patterns.",
            looked_at,
        )


def _begun(index: str) -> datetime:
    """The first moment of an index' day; of one without a day, now."""
    try:
        return datetime.strptime(index.rpartition("-")[2], "%Y.%m.%d").replace(tzinfo=timezone.utc)
    except ValueError:
        return datetime.now(timezone.utc)


def _blocked(server: Elasticsearch, settings: Settings, looked_at: str) -> Iterator[Finding]:
    """What may not be written to: Elasticsearch does so itself where its disk is nearly full."""
    path = f"{indices(settings)}/_settings/index.blocks.*?flat_settings=true&ignore_unavailable=true"
    found = {
        name: sorted(key for key, value in one["settings"].items() if str(value).lower() == "true")
        for name, one in server.request("GET", path).items()
    }
    merged = datetime.now(timezone.utc) - timedelta(seconds=merged_after(settings))
    blocked = sorted(
        name
        for name, keys in found.items()
        if set(keys) & _BLOCKS - ({_MERGED} if settings.logs.lifecycle and _begun(name) <= merged else set())
    )
    if blocked:
        yield Finding(
            "logs.blocked",
            "critical",
            f"Nothing can be written to {blocked[-1]}" + (f" and {len(blocked) - 1} others" * (len(blocked) > 1)) + ".",
            "Give Elasticsearch disk (past the flood stage it blocks by itself, and ends that itself), or set"
            " index.blocks.read_only_allow_delete to null.",
            looked_at,
        )
