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
                    "refresh_interval": "500ms",
                    "codec": "best_compression",
                    "mapping.total_fields.limit": 200,
                    # Above a page of any reader, and a text of line.js. Below a million, which Filebeat, where it loads
                    # the template, writes as 1e+06: no integer for Elasticsearch.
                    "max_result_window": 10_000,
                    "highlight.max_analyzed_offset": 500_000,
                    "sort.field": ["log_id", "offset"],
                    **_first_tier(settings),
                }
            }
        },
        f"_index_template/{index}": {
            "index_patterns": [f"{index}-2*"],
            "priority": 500,
            "composed_of": [f"{index}-mappings", f"{index}-settings"],
            **({"template": {"settings": {"lifecycle.name": index}}} if logs.lifecycle else {}),
        },
        # Without lifecycle, under which an index takes no more lines one day: this one is there for ever.
        f"_index_template/{index}-undated": {
            "index_patterns": [f"{index}-undated"],
            "priority": 501,
            "composed_of": [f"{index}-mappings", f"{index}-settings"],
        },
        # Takes anything: what is rejected here is tried for ever.
        f"_index_template/{index}-rejected": {
            "index_patterns": [f"{index}-rejected"],
            "priority": 501,
            "template": {
                "settings": {"number_of_shards": 1, "number_of_replicas": logs.replicas, **_first_tier(settings)},
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
    """One index template without components, for who can load one file only; lines without a day come under it too."""
    made = files(settings)
    index = settings.logs.index
    parts = {part: made[f"_component_template/{index}-{part}"]["template"][part] for part in ("settings", "mappings")}
    if settings.logs.lifecycle:
        parts["settings"] = {**parts["settings"], "lifecycle.name": index}
    return {"index_patterns": [f"{index}-2*", f"{index}-undated"], "priority": 500, "template": parts}


def lifecycle(settings: Settings) -> dict[str, Any]:
    """Hot, warm, cold, gone. No rollover: a line that is sent again after one would be there twice; a day is the bound.

    Lifecycle itself moves an index to the nodes of its phase (the action `migrate`, without its being named).
    """
    logs = settings.logs
    phases: dict[str, Any] = {"hot": {"min_age": "0ms", "actions": {"set_priority": {"priority": 100}}}}
    warm = merged_after(settings)
    if warm < logs.retention:
        phases["warm"] = {
            "min_age": _hours(warm),
            "actions": {"set_priority": {"priority": 50}, "forcemerge": {"max_num_segments": 1}},
        }
    if logs.cold_after is not None and logs.cold_after < logs.retention:
        cold = {"min_age": _hours(max(logs.cold_after, warm)), "actions": {"set_priority": {"priority": 0}}}
        phases["cold"] = cold
    # A day's index is made when its first line arrives, at midnight UTC: its last line is a day younger.
    phases["delete"] = {"min_age": _hours(logs.retention + 86_400), "actions": {"delete": {}}}
    return {"policy": {"phases": phases}}


def merged_after(settings: Settings) -> float:
    """Seconds from a day's beginning until lifecycle may merge its index: who merges one lets nobody write to it."""
    return max(settings.logs.warm_after, settings.logs.catch_up + 86_400)


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


def _first_tier(settings: Settings) -> dict[str, str]:
    """Nodes without such a role are taken where there is none with it."""
    tiers = {"routing.allocation.include._tier_preference": "data_hot,data_content"}
    return tiers if settings.logs.tiers else {}


def _hours(seconds: float) -> str:
    return f"{int(seconds // 3600)}h"
