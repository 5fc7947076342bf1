"""Airflow 3: `[logging] logging_config_class = windsock.logging.airflow3.LOGGING_CONFIG`.

Airflow's own configuration, or the one that `logs.airflow_logging` names, with REMOTE_TASK_LOG, through which finished
logs are read from Elasticsearch, and a handler that links to Kibana. A remote store that is configured beside it (S3,
GCS …) still gets every log, and is read where Elasticsearch has nothing.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from . import pods, wiring

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

BASE = wiring.base("airflow.config_templates.airflow_local_settings.DEFAULT_LOGGING_CONFIG")


class RemoteTaskLog:
    """Airflow's RemoteLogStreamIO over Elasticsearch, and over `other`, the store that is configured beside it."""

    def __init__(self, other: Any) -> None:
        self._other = other

    @property
    def processors(self) -> tuple[Any, ...]:
        """What `other` adds to the way of each line; of ours only in a pod, whose output says not whose it is."""
        ours = (pods.identify,) if pods.path() else ()
        return (*(getattr(self._other, "processors", None) or ()), *ours)

    def upload(self, path: os.PathLike[str] | str, ti: Any = None) -> None:
        """Give a finished log to `other`."""
        if self._other is not None:
            self._other.upload(path, ti)

    def read(self, relative_path: str, ti: Any) -> tuple[list[str], list[str]]:
        """As `stream`, for callers that know no streams: each file as one text."""
        said, streams = self.stream(relative_path, ti)
        return said, ["\n".join(stream) for stream in streams]

    def stream(self, relative_path: str, ti: Any) -> tuple[list[str], list[Iterator[str]]]:
        """Return what to tell the user, and a stream of JSON lines a file; none where Airflow shall read the files."""
        if wiring.is_running(ti):
            return [], []
        said, files = wiring.find(relative_path, ti)
        if files or self._other is None:
            return said, [_json(file) for file in files]
        if hasattr(self._other, "stream"):
            more, streams = self._other.stream(relative_path, ti)
            return [*said, *more], list(streams or [])
        more, texts = self._other.read(relative_path, ti)
        return [*said, *more], [_split(text) for text in texts or []]


def _json(file: Iterator[dict[str, Any]]) -> Iterator[str]:
    from .reader import original  # noqa: PLC0415  only where a log is read

    for document in file:
        yield json.dumps(original(document))


def _split(text: str) -> Iterator[str]:
    yield from text.split("\n")


TaskHandler = wiring.linked(BASE.handler)
LOGGING_CONFIG = BASE.config(f"{__name__}.TaskHandler")
DEFAULT_REMOTE_CONN_ID = BASE.attribute("DEFAULT_REMOTE_CONN_ID")
REMOTE_TASK_LOG = RemoteTaskLog(BASE.attribute("REMOTE_TASK_LOG"))
