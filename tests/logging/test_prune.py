"""`windsock logs prune`: old days go, young ones stay, and so do indices of others."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

NOW = datetime.now(timezone.utc)


def day(ago):
    return (NOW - timedelta(days=ago)).strftime("%Y.%m.%d")


def test_old_days_and_old_lines_go(ship, elasticsearch):
    shipping = ship(retention="3d")
    index = shipping.index
    others = (f"{index}-2020.01.01-kept", f"{index}x-2020.01.01")
    for name in (*(f"{index}-{day(ago)}" for ago in range(6)), *others):
        elasticsearch.ask("PUT", name)
    for name in ("undated", "rejected"):
        for ago in (1, 9):
            line = {"@timestamp": (NOW - timedelta(days=ago)).isoformat(), "event": f"{ago} days old"}
            elasticsearch.ask("PUT", f"{index}-{name}/_create/{ago}", line)
    said = shipping.windsock("prune").splitlines()
    assert said == [
        f"{index}-{day(5)} deleted",
        f"{index}-{day(4)} deleted",
        f"1 lines of {index}-undated deleted",
        f"1 lines of {index}-rejected deleted",
    ]
    left = {row["index"] for row in elasticsearch.ask("GET", f"_cat/indices/{index}*?format=json&h=index")}
    assert left == {*(f"{index}-{day(ago)}" for ago in range(4)), f"{index}-undated", f"{index}-rejected", *others}
    assert [hit["_source"]["event"] for hit in elasticsearch.documents(f"{index}-undated")] == ["1 days old"]
    assert shipping.windsock("prune") == "nothing is old enough\n"
