"""What Elasticsearch is told: mappings, templates, lifecycle, and the keys of who writes and who reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from windsock.settings import Settings

KEYWORD = {"type": "keyword", "ignore_above": 1024}
TEXT = {"type": "text"}
INTEGER = {"type": "integer", "ignore_malformed": True}

FIELDS: dict[str, Any] = {
    "@timestamp": {"type": "date"},
    "timestamp": {"type": "date", "ignore_malformed": True},
    "cluster": KEYWORD,
    "source": KEYWORD,
    "level": KEYWORD,
    # Text, where Filebeat's own template has an object.
    "event": TEXT,
    # A line of plain text as it was: Airflow 2.11 shows it.
    "message": {"type": "text", "index": False},
    "logger": KEYWORD,
    "chan": KEYWORD,
    # Not analysed: Airflow asks for it with match_phrase, which would find longer ids too.
    "log_id": {"type": "keyword", "ignore_above": 8191},
    "offset": {"type": "long"},
    "dag_id": KEYWORD,
    "run_id": KEYWORD,
    "task_id": KEYWORD,
    "map_index": INTEGER,
    "try_number": INTEGER,
    "ti_id": KEYWORD,
    "trigger_job": {"type": "long"},
    "bundle": KEYWORD,
    "dag_file": {"type": "keyword", "ignore_above": 4096},
    "filename": {"type": "keyword", "ignore_above": 4096},
    "lineno": INTEGER,
    "error": {"properties": {"type": KEYWORD, "message": TEXT, "frame": KEYWORD}},
    # Kept for Airflow's page, but not indexed: a traceback has a hundred fields.
    "error_detail": {"type": "object", "enabled": False},
    # All other keywords of an author, in one field: extra.customer: 42
    # Deeper than line.js lets anything be; Lucene's limit of a term holds a key of all its levels and a value.
    "extra": {"type": "flattened", "ignore_above": 1024, "depth_limit": 20},
    "tags": KEYWORD,
    "team": KEYWORD,
    "owner": KEYWORD,
    "host": {"properties": {"name": KEYWORD}},
    "log": {
        "properties": {
            "offset": {"type": "long"},
            "flags": KEYWORD,
            "file": {"properties": {"path": {"type": "keyword", "ignore_above": 4096}}},
        }
    },
}


def files(settings: Settings) -> dict[str, dict[str, Any]]:
    """The bodies of Elasticsearch's requests, by what `windsock logs install` sends: `_component_template/NAME` …"""
    logs = settings.logs
    index = logs.index
    found: dict[str, dict[str, Any]] = {
        f"_component_template/{index}-mappings": {"template": {"mappings": {"dynamic": False, "properties": FIELDS}}},
        f"_component_template/{index}-settings": {
            "template": {
                "settings": {
                    "number_of_shards": logs.shards,
                    "number_of_replicas": logs.replicas,
                    "refresh_interval": "1s",
                    "codec": "best_compression",
                    "mapping.total_fields.limit": 200,
                    # Above a page of any reader, and a text of line.js. Below a million, which Filebeat, where it loads
                    # the template, writes as 1e+06: no integer for Elasticsearch.
                    "max_result_window": 10_000,
                    "highlight.max_analyzed_offset": 500_000,
                    "sort.field": ["log_id", "offset"],
                    **({"lifecycle.name": index} if logs.lifecycle else {}),
                }
            }
        },
        f"_index_template/{index}": {
            "index_patterns": [f"{index}-2*", f"{index}-undated"],
            "priority": 500,
            "composed_of": [f"{index}-mappings", f"{index}-settings"],
        },
        # Takes anything: what is rejected here is tried for ever.
        f"_index_template/{index}-rejected": {
            "index_patterns": [f"{index}-rejected"],
            "priority": 501,
            "template": {
                "settings": {"number_of_shards": 1, "number_of_replicas": logs.replicas},
                "mappings": {
                    "dynamic": False,
                    "properties": {
                        "@timestamp": {"type": "date"},
                        "message": {"type": "text"},
                        "error.type": KEYWORD,
                        "error.message": {"type": "text"},
                    },
                },
            },
        },
    }
    if logs.lifecycle:
        found = {f"_ilm/policy/{index}": lifecycle(settings), **found}
    return found


def template(settings: Settings) -> dict[str, Any]:
    """One index template without components, for who can load one file only."""
    made = files(settings)
    index = settings.logs.index
    parts = [made[f"_component_template/{index}-{part}"]["template"] for part in ("settings", "mappings")]
    whole = {key: value for key, value in made[f"_index_template/{index}"].items() if key != "composed_of"}
    return {**whole, "template": {key: value for part in parts for key, value in part.items()}}


def lifecycle(settings: Settings) -> dict[str, Any]:
    """Hot, warm, gone. No rollover: a line that is sent again after one would be there twice; a day is the bound."""
    logs = settings.logs
    phases: dict[str, Any] = {"hot": {"min_age": "0ms", "actions": {"set_priority": {"priority": 100}}}}
    if logs.warm_after < logs.retention:
        phases["warm"] = {
            "min_age": _hours(logs.warm_after),
            "actions": {"set_priority": {"priority": 50}, "forcemerge": {"max_num_segments": 1}},
        }
    # A day's index is made when its first line arrives, at midnight UTC: its last line is a day younger.
    phases["delete"] = {"min_age": _hours(logs.retention + 86_400), "actions": {"delete": {}}}
    return {"policy": {"phases": phases}}


def api_keys(settings: Settings) -> dict[str, Any]:
    """Bodies for `POST /_security/api_key`: Filebeat's may only add lines, Airflow's only read them."""
    index = settings.logs.index

    def key(name: str, cluster: list[str], privileges: list[str]) -> dict[str, Any]:
        role = {"cluster": cluster, "indices": [{"names": [f"{index}-*"], "privileges": privileges}]}
        return {"name": f"{index}-{name}", "role_descriptors": {f"{index}-{name}": role}}

    return {
        "filebeat": key("filebeat", ["monitor"], ["create_doc", "auto_configure"]),
        "airflow": key("airflow", ["monitor"], ["read", "view_index_metadata"]),
    }


def _hours(seconds: float) -> str:
    return f"{int(seconds // 3600)}h"
