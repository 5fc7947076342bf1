"""The lines of one try, as they stand in its files, out of Elasticsearch; for Airflow's own page.

Airflow reads a log as files: a worker's, and one for each trigger. So do we: one stream for each, in the order of its
bytes, which Airflow then merges exactly as it merges files.

Which source is shown: while a task runs, its files, as without any of this. When it has finished, Elasticsearch,
unless the files are here and have more lines than have arrived. Where Elasticsearch can't say, nothing is returned, and
Airflow asks for the files.
"""

from __future__ import annotations

import json
import logging
import math
import re
import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from windsock import regular
from windsock.exceptions import WindsockError

from .elasticsearch import Elasticsearch

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from windsock.settings import Settings

log = logging.getLogger(__name__)

PATH = re.compile(
    r"dag_id=([^/]+)/run_id=([^/]+)/task_id=([^/]+)/(?:map_index=(\d+)/)?attempt=(\d+)\.log(?:\.trigger\.\d+\.log)?$"
)
"""As in line.js."""
DAY = 86_400
PAGE = 1000
FILES = 10_000
"""Files of one try at most: the worker's, one for each triggerer that it was deferred to, one for each of its pods."""
FRESH = 15.0
"""Seconds after its end in which a try's last lines may be on their way; they take 3 at most."""
PIECE = 1 << 20
"""Bytes of a line that are read at once: it may have no end."""
PATIENCE = 6.0
TIMEOUT = 10.0
NAMES = ("timestamp", "level", "event", "logger", "filename", "lineno", "chan", "error_detail")
IDENTITY = ("dag_id", "run_id", "task_id", "map_index", "try_number", "ti_id")


class Reader:
    """Reads what Filebeat shipped. A server that is away is no error: it is said, and the files are shown."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._index = f"{settings.logs.index}-2*,{settings.logs.index}-undated"

    def find(self, path: str, folder: Path, ended: datetime | None) -> tuple[list[str], list[Iterator[dict[str, Any]]]]:
        """Return what to tell the user, and one stream of documents a file; none where the files are to be shown.

        `path` is the log's, relative to `folder`, where Airflow keeps logs; `ended`: when the try did.
        """
        try:
            server = Elasticsearch(self._settings, TIMEOUT)
            files = self._files(server, path)
            here = lines(folder, path)
            if here is None:
                files = self._settled(server, path, files, ended)
            elif here > sum(files.values()):
                return [], []
        except WindsockError as error:
            log.warning("the log of %s is not read from Elasticsearch: %s", path, error)
            return [f"Elasticsearch was not asked: {error}"], []
        if not files:
            return [], []
        where = self._settings.logs.elasticsearch.urls[0]
        said = [f"{file} ({count} lines in Elasticsearch, {where})" for file, count in files.items()]
        return said, [self._lines(server, path, file) for file in files]

    def link(self, path: str) -> str:
        """The try's lines in Kibana; an empty text where no Kibana is configured."""
        base = self._settings.logs.kibana
        if base is None:
            return ""
        # A day's index is there for a day longer than its retention.
        when = f"(time:(from:now-{math.ceil(self._settings.logs.retention / DAY) + 2}d,to:now))"
        query = f'log_id : "{log_id(path)}"'.replace("'", "!'")
        state = (
            f"(index:'{self._settings.logs.index}',columns:!(level,event),"
            f"query:(language:kuery,query:'{query}'),sort:!(!(offset,asc)))"
        )
        return f"{base}/app/discover#/?{urlencode({'_g': when, '_a': state}, quote_via=quote)}"

    def _files(self, server: Elasticsearch, path: str) -> dict[str, int]:
        """How many documents each file of the try has."""
        body = {
            "size": 0,
            "query": self._query(path),
            "aggs": {"files": {"terms": {"field": "log.file.path", "size": FILES, "order": {"_key": "asc"}}}},
        }
        found = server.request("POST", f"{self._index}/_search?ignore_unavailable=true", body)
        buckets = found.get("aggregations", {}).get("files", {}).get("buckets", [])
        return {bucket["key"]: bucket["doc_count"] for bucket in buckets}

    def _settled(
        self, server: Elasticsearch, path: str, files: dict[str, int], ended: datetime | None
    ) -> dict[str, int]:
        """There is no file to compare with: wait until a try that has just ended gets no more lines."""
        end = time.monotonic() + PATIENCE
        while ended and (datetime.now(timezone.utc) - ended).total_seconds() < FRESH and time.monotonic() < end:
            time.sleep(1.5)
            before, files = files, self._files(server, path)
            if files and files == before:
                break
        return files

    def _lines(self, server: Elasticsearch, path: str, file: str) -> Iterator[dict[str, Any]]:
        # A trigger that is started again begins its file anew, and a pod's output is rotated: there time says more than
        # the place in the file.
        by_place = PATH.search(file) and ".log.trigger." not in file
        order = ["log.offset", "offset"] if by_place else ["offset", "log.offset"]
        body: dict[str, Any] = {
            "size": PAGE,
            "query": {"bool": {"filter": [self._query(path), {"term": {"log.file.path": file}}]}},
            "sort": [{field: "asc"} for field in order],
        }
        while True:
            found = server.request("POST", f"{self._index}/_search?ignore_unavailable=true", body)["hits"]["hits"]
            for hit in found:
                yield hit["_source"]
            if len(found) < PAGE:
                return
            body["search_after"] = found[-1]["sort"]

    def _query(self, path: str) -> dict[str, Any]:
        identity = [{"term": {"log_id": log_id(path)}}, {"term": {"cluster": self._settings.cluster}}]
        return {"bool": {"filter": identity}}


def log_id(path: str) -> str:
    """Airflow's own id of a try, from the path of its log. Raises WindsockError for another path."""
    part = PATH.search(path)
    if part is None:
        raise WindsockError(
            f"{path} is not named as Airflow names logs by default: leave [logging] log_filename_template as it is"
        )
    dag, run, task, index, attempt = part.groups()
    return f"{dag}-{task}-{run}-{-1 if index is None else index}-{attempt}"


def lines(folder: Path, path: str) -> int | None:
    """How many documents the try's files here are; None where there is no file."""
    name = folder / path
    files = [file for file in name.parent.glob("*") if file.name.startswith(name.name)]
    return sum(map(_count, files)) if files else None


def _count(file: Path) -> int:
    count, first, whole = 0, True, True
    try:
        with regular.reading(file) as content:
            while line := content.readline(PIECE):
                # In plain text a line that begins otherwise belongs to the one before it.
                begins = whole and (line.startswith((b"{", b"[2")) or first)
                count += begins and not line.isspace()
                first, whole = False, line.endswith(b"\n")
    except OSError as error:
        log.warning("%s: the lines of a log can't be counted: %s", file, error.strerror or error)
    return count


def original(document: dict[str, Any]) -> dict[str, Any]:
    """The JSON line that a document was made of; its values, not its order."""
    line = {name: document[name] for name in NAMES if name in document}
    # The process that runs the task knows whose lines these are; what it caught of others, it does not say.
    if "ti_id" in document:
        line |= {name: document[name] for name in IDENTITY if name in document}
    return {**line, **document.get("extra", {})}


def plain(document: dict[str, Any]) -> str:
    """The text that 2.11 shows: the line as it was, or one like it where the line was JSON."""
    if "message" in document or not isinstance(document.get("timestamp"), str):
        return str(document.get("message", document.get("event", "")))
    stamp = f"{document['timestamp'][:23]}+0000"
    where = f"{{{document.get('filename', '?')}:{document.get('lineno', 0)}}}"
    text = f"[{stamp}] {where} {str(document.get('level', 'info')).upper()} - {document.get('event', '')}"
    return "\n".join((text, *_traceback(document.get("error_detail"))))


def text(line: str) -> str:
    """A line of a file as `plain` shows its document."""
    if not line.startswith("{"):
        return line
    try:
        document = json.loads(line)
    except (ValueError, RecursionError):
        return line
    return plain(document) if isinstance(document, dict) and "event" in document else line


def _traceback(errors: Any) -> Iterator[str]:
    """What Python prints, without the source: the cause first."""
    for error in reversed(_dicts(errors)):
        yield "Traceback (most recent call last):"
        for frame in _dicts(error.get("frames")):
            yield f'  File "{frame.get("filename")}", line {frame.get("lineno")}, in {frame.get("name")}'
        yield f"{error.get('exc_type')}: {error.get('exc_value')}"


def _dicts(values: Any) -> list[dict[str, Any]]:
    """Those of a list: what stands in a file may be anything."""
    return [value for value in values if isinstance(value, dict)] if isinstance(values, list) else []
