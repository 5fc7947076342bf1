"""Filebeat's configuration, for the three generations of it that differ: 7.17, 8.19 and 9.x."""

from __future__ import annotations

import fnmatch
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import masking

if TYPE_CHECKING:
    from windsock.settings import Settings

    from .owners import Row

VERSIONS = ("7.17", "8.19", "9.x")
DAY = 86_400
SCRIPT = Path(__file__).with_name("line.js")
LONGEST_LINE = 10 << 20
"""Bytes of a line that Filebeat reads whole; four times as long a one it skips."""
START_OF_TEXT = r"^(\{|\[\d{4}-\d{2}-\d{2}T)"


def configuration(settings: Settings, version: str, dags: tuple[Row, ...] = ()) -> dict[str, Any]:
    """The whole of filebeat.yml for one of VERSIONS; `dags` says whose the DAGs are."""
    logs = settings.logs
    return {
        "filebeat.inputs": [_tasks(settings, version), *_components(settings, version)],
        # Known at every moment, so that a kill repeats little.
        "filebeat.registry.flush": "1s",
        "processors": _processors(settings, dags),
        "queue.mem": {"events": 8192, "flush": {"min_events": 512, "timeout": "200ms"}},
        **_template(settings),
        "setup.ilm.enabled": False,
        "output.elasticsearch": {
            "hosts": list(logs.elasticsearch.urls),
            **_credential(settings),
            **({} if version == "7.17" else {"preset": "custom"}),
            # By the day of the line, not of its arrival: a line that is sent again finds itself.
            "index": f"{logs.index}-%{{[@metadata.day]}}",
            "non_indexable_policy.dead_letter_index.index": f"{logs.index}-rejected",
            # No document is larger than line.js lets it be: a request stays below Elasticsearch's limit of 100 MiB.
            "bulk_max_size": 50,
            "worker": 4,
            "compression_level": 1,
            "backoff": {"init": "1s", "max": "5s"},
        },
        "http": {"enabled": True, "host": logs.stats.rpartition(":")[0], "port": int(logs.stats.rpartition(":")[2])},
        "logging.to_stderr": True,
    }


def _template(settings: Settings) -> dict[str, Any]:
    """Never Filebeat's own: it takes `event` for an object, and lines would be rejected."""
    logs = settings.logs
    if logs.template is None:
        return {"setup.template.enabled": False}
    ours = {"enabled": True, "name": logs.index, "path": logs.template}
    common = {"name": logs.index, "pattern": f"{logs.index}-*", "type": "index", "overwrite": True}
    return {"setup.template": {**common, "json": ours}}


def _tasks(settings: Settings, version: str) -> dict[str, Any]:
    """Task, trigger and dag processor files: each belongs to one writer, is never renamed, and ends some time."""
    logs, folder = settings.logs, settings.logs.folder.rstrip("/")
    task = f"{folder}/dag_id=*/run_id=*/task_id=*"
    return {
        **_file(settings, "airflow", version),
        "paths": [
            f"{task}/attempt=*.log*",
            f"{task}/map_index=*/attempt=*.log*",
            *_deep(f"{folder}/dag_processor/[0-9]*"),
            *_deep(f"{folder}/scheduler/[0-9]*"),
        ],
        # By path: an inode is given again to the next of thousands of files, and a fingerprint (the default from 9.0
        # on) leaves files below 1024 bytes unread.
        "file_identity.path": None,
        "parsers": _parsers(json=logs.format == "json"),
    }


def _deep(folder: str) -> tuple[str, str]:
    """All files below it: Filebeat's ** goes eight folders deep, so a second one begins where the first one ends."""
    return f"{folder}/**/*.log", f"{folder}/{'*/' * 9}**/*.log"


def _components(settings: Settings, version: str) -> list[dict[str, Any]]:
    """What processes print. Such files are rotated, so the inode says which file it is, and the id has no path."""
    found = []
    kinds, text = settings.logs.components, settings.logs.format == "text"
    # 2.11 alone writes this one, and rotates it.
    manager = {"dag-processor-manager": (f"{settings.logs.folder.rstrip('/')}/dag_processor_manager/*.log",)}
    files = {**_canary(settings), **(manager if text else {}), **kinds.files}
    for kind, sources in (("files", files), ("containers", kinds.containers)):
        for source, paths in sources.items():
            container: list[dict[str, Any]] = [{"container": {"stream": "all"}}] if kind == "containers" else []
            found.append(
                {
                    **_file(settings, f"airflow-{source}", version),
                    "paths": list(paths),
                    "file_identity.native": None,
                    **({"prospector.scanner.symlinks": True} if container else {}),
                    "parsers": [*container, *_parsers(json=not text)],
                    **_named(source),
                }
            )
    for source, units in kinds.journald.items():
        decode = {"fields": ["message"], "target": "line", "process_array": False, "max_depth": 1}
        found.append(
            {
                "type": "journald",
                "id": f"airflow-{source}",
                "include_matches.match": [f"_SYSTEMD_UNIT={unit}" for unit in units],
                "processors": [{"decode_json_fields": decode}],
                **_named(source),
            }
        )
    return found


def _canary(settings: Settings) -> dict[str, tuple[str, ...]]:
    """What `windsock logs watch` writes and looks for."""
    return {"canary": (f"{settings.logs.folder.rstrip('/')}/windsock/canary.log*",)}


def _named(source: str) -> dict[str, Any]:
    return {"fields_under_root": True, "fields": {"source": source}}


def _file(settings: Settings, name: str, version: str) -> dict[str, Any]:
    keep = math.ceil(settings.logs.catch_up / 3600)
    return {
        "type": "filestream",
        "id": name,
        # Files appear each second, and each is looked at again each second.
        "prospector.scanner.check_interval": "1s",
        "prospector.scanner.exclude_files": [r"\.gz$"],
        **({"prospector.scanner.fingerprint.enabled": False} if version == "9.x" else {}),
        "backoff": {"init": "100ms", "max": "500ms"},
        # Closed, so that few are open; but what a file had unread then, because Elasticsearch was away or a line came
        # at that moment, is read only when it grows again or Filebeat is started (elastic/beats#46923, mended at the
        # end of 2025). So: longer than most outages, and not as long as a sensor sleeps between two lines.
        "close.on_state_change.inactive": "11m",
        # A file that is deleted is read to its end first, and its place is remembered for that.
        "close.on_state_change.removed": False,
        "clean_removed": False,
        "ignore_older": f"{keep}h",
        "clean_inactive": f"{keep + 24}h",
        "message_max_bytes": LONGEST_LINE,
        "harvester_limit": 0,  # none: a file that waits for its turn may be gone by then
    }


_NDJSON = {"target": "line", "overwrite_keys": False, "add_error_key": False, "ignore_decoding_error": True}


def _parsers(*, json: bool) -> list[dict[str, Any]]:
    lines = {"type": "pattern", "pattern": START_OF_TEXT, "negate": True, "match": "after"}
    several = {"multiline": {**lines, "max_lines": 100_000, "timeout": "1s"}}
    return [*([] if json else [several]), {"ndjson": _NDJSON}]


def _processors(settings: Settings, dags: tuple[Row, ...]) -> list[dict[str, Any]]:
    """Of the whole Filebeat, not of an input: an input compiles its processors anew for each file that it opens."""
    params = {
        "json": settings.logs.format == "json",
        "oldest": int(settings.logs.retention + DAY),
        "teams": _teams(settings),
        # A list: Filebeat takes the dot in a key for a level.
        "dags": [list(row) for row in dags],
    }
    return [
        # Without a tag: 7.17 counts by tag, and takes two files that are opened at one moment for one.
        {
            "script": {
                "lang": "javascript",
                "params": params,
                "source": masking.javascript(settings) + SCRIPT.read_text(encoding="utf-8"),
            }
        },
        {
            "timestamp": {
                "field": "timestamp",
                "layouts": ["2006-01-02T15:04:05.999999Z"],
                "ignore_missing": True,
                "ignore_failure": True,
            }
        },
        # The same line sent twice is the same document. The content belongs to it: a trigger begins its file anew.
        {
            "fingerprint": {
                "fields": ["@metadata.place", "log.offset", "timestamp", "event"],
                "target_field": "@metadata._id",
                "ignore_missing": True,
            }
        },
        {"add_fields": {"target": "", "fields": {"cluster": settings.cluster}}},
        {"drop_fields": {"fields": ["agent", "ecs", "input"], "ignore_missing": True}},
    ]


def _teams(settings: Settings) -> list[dict[str, str]]:
    """Patterns of DAG ids as regular expressions: the rest of what a team matches, a log line does not know."""
    return [
        {"team": name, "dag": fnmatch.translate(pattern).replace("(?s:", "^(?:").replace(r")\Z", ")$")}
        for name, team in settings.teams.items()
        for pattern in team.match.dag
    ]


def _credential(settings: Settings) -> dict[str, Any]:
    server = settings.logs.elasticsearch
    given = {
        "api_key": server.api_key,
        "username": server.username,
        "password": server.password,
        "ssl.certificate_authorities": [server.ca_file] if server.ca_file else None,
    }
    return {key: value for key, value in given.items() if value is not None}
