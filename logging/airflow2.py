"""Airflow 2.11: `[logging] logging_config_class = windsock.logging.airflow2.LOGGING_CONFIG`.

Airflow's own configuration, or the one that `logs.airflow_logging` names, with a task handler that is the one
configured there and reads finished logs from Elasticsearch first: one that uploads to S3 goes on uploading, and is
asked where Elasticsearch has nothing. With `logs.format: json` the files have JSON lines, and pages show them as text.
"""

from __future__ import annotations

from typing import Any

from . import wiring

JSON = wiring.settings().logs.format == "json"
BASE = wiring.base("airflow.config_templates.airflow_local_settings.DEFAULT_LOGGING_CONFIG")


class _Reading:
    """Put before a FileTaskHandler: what its `_read` asks for remote logs."""

    def _read_remote_logs(
        self, ti: Any, try_number: int, metadata: dict[str, Any] | None = None
    ) -> tuple[list[str], list[str]]:
        if wiring.is_running(ti):
            return [], []
        handler: Any = super()
        path = handler._render_filename(ti, try_number)  # noqa: SLF001  where all of 2.11's handlers are extended
        said, files = wiring.find(path, ti)
        if files:
            from .reader import plain  # noqa: PLC0415  only where a log is read

            return said, ["\n".join(map(plain, file)) for file in files]
        more, texts = _shown(handler._read_remote_logs(ti, try_number, metadata))  # noqa: SLF001
        return [*said, *more], texts

    def _read_from_local(self, worker_log_path: Any) -> tuple[list[str], list[str]]:
        return _shown(super()._read_from_local(worker_log_path))  # type: ignore[misc]  # of the handler behind it

    def _read_from_logs_server(self, ti: Any, worker_log_rel_path: str) -> tuple[list[str], list[str]]:
        return _shown(super()._read_from_logs_server(ti, worker_log_rel_path))  # type: ignore[misc]  # the same


def _shown(found: tuple[list[str], list[str]]) -> tuple[list[str], list[str]]:
    """What Airflow has read, with JSON lines as the text that its pages show."""
    if not JSON:
        return found
    from .reader import text  # noqa: PLC0415  as above

    said, files = found
    return said, ["\n".join(map(text, file.split("\n"))) for file in files]


TaskHandler = type("TaskHandler", (_Reading, wiring.linked(BASE.handler)), {"__doc__": "The configured one, reading."})
LOGGING_CONFIG = BASE.config(f"{__name__}.TaskHandler", "windsock.logging.lines.JSONLines" if JSON else None)
