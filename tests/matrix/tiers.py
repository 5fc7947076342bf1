"""Data tiers on real clusters of the oldest and the newest Elasticsearch, as far as registries have them.

Where an index may be is decided by Elastic's own decider, and what lifecycle would do under the policy is asked of
Elastic's own classes; here it is done by hand, since who does it when an index is old enough is in no registry.
"""

from __future__ import annotations

import pytest
from real import data_tiers
from real.waiting import until

from windsock import parts
from windsock.logging import mappings
from windsock.settings import Settings

VERSIONS = [parts.ELASTICSEARCH.oldest, parts.ELASTICSEARCH.current]
HOT, WARM = ["master", "data_hot"], ["data_warm"]
DAY = "airflow-logs-2026.11.22"


def install(node, **logs):
    """Templates without lifecycle, which this server does not know."""
    for path, body in mappings.files(Settings(logs={"lifecycle": False, "replicas": 0, **logs})).items():
        assert node.ask("PUT", path, body) == {"acknowledged": True}


def put(node, index, number):
    line = {"@timestamp": "2026-11-22T05:00:00Z", "event": f"line {number}", "offset": number}
    return node.ask("PUT", f"{index}/_create/{number}?refresh=true&timeout=1s", line)


def found(node):
    hits = node.ask("POST", f"{DAY}/_search", {"query": {"match": {"event": "line"}}})["hits"]
    return hits["total"]["value"]


@pytest.mark.parametrize("version", VERSIONS)
def test_a_day_goes_from_hot_to_warm_and_is_found_there(version):
    logs = {"tiers": True, "cold_after": "10d"}
    with data_tiers.cluster(version, {"hot": HOT, "warm": WARM}) as node:
        install(node)
        assert put(node, "airflow-logs-2026.11.21", 1)["error"]["type"] == "unavailable_shards_exception"
        assert node.where("airflow-logs-2026.11.21") == {("", "UNASSIGNED")}

        install(node, **logs)
        for number in range(10):
            assert put(node, DAY, number)["result"] == "created"
        for index in (DAY, "airflow-logs-undated", "airflow-logs-rejected"):
            put(node, index, 99)
            assert node.where(index) == {("hot", "STARTED")}

        policy = mappings.lifecycle(Settings(logs=logs))["policy"]
        steps = node.ask("POST", "_windsock/steps", policy)["steps"]
        moves = {step["phase"]: step["settings"] for step in steps if step["name"] == "migrate"}
        assert list(moves) == ["warm", "cold"]
        warm = [step["name"] for step in steps if step["phase"] == "warm"]
        assert warm.index("migrate") < warm.index("readonly") < warm.index("forcemerge")
        assert [step["name"] for step in steps if step["phase"] == "delete"][-2:] == ["delete", "complete"]

        for phase in ("warm", "cold"):
            # There is no cold node: it stays.
            node.ask("PUT", f"{DAY}/_settings", moves[phase])
            until(lambda: node.where(DAY) == {("warm", "STARTED")})
            node.ask("POST", f"{DAY}/_forcemerge?max_num_segments=1")
            assert found(node) == 11
        assert node.where("airflow-logs-undated") == {("hot", "STARTED")}


@pytest.mark.parametrize(
    ("version", "roles"), [(VERSIONS[0], None), (VERSIONS[0], ["master", "data"]), (VERSIONS[1], None)]
)
def test_one_node_without_tiers_takes_all_of_it(version, roles):
    with data_tiers.cluster(version, {"only": roles}) as node:
        install(node, tiers=True)
        assert put(node, DAY, 1)["result"] == "created"
        assert node.where(DAY) == {("only", "STARTED")}
        moves = {"index.routing.allocation.include._tier_preference": "data_warm,data_hot"}
        assert node.ask("PUT", f"{DAY}/_settings", moves) == {"acknowledged": True}
        assert node.where(DAY) == {("only", "STARTED")}
        assert node.ask("GET", "_cluster/health")["unassigned_shards"] == 0
