"""What the doctor says of the lines in a real Elasticsearch."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

from windsock.logging.health import examine
from windsock.settings import Settings


def found(elasticsearch, index):
    elasticsearch.ask("POST", f"{index}*/_refresh")
    logs = {"folder": "/logs", "index": index, "elasticsearch": {"urls": [elasticsearch.url]}}
    return {one.check: one.found for one in examine(Settings.model_validate({"logs": logs}))}


def put(elasticsearch, index, ago):
    line = {"@timestamp": (datetime.now(timezone.utc) - ago).isoformat(), "event": "one"}
    elasticsearch.ask("PUT", f"{index}/_create/{ago.total_seconds():g}", line)


def test_before_the_templates_are_there(elasticsearch):
    index = "doctor-nothing"
    said = found(elasticsearch, index)
    assert said == {
        "logs.template": f"It has no template for {index}: lines get fields that Airflow's pages can't read.",
        "logs.late": "No line has arrived yet.",
    }


def test_lines_that_stopped_lines_that_are_there_and_lines_that_were_rejected(ship, elasticsearch):
    index = ship().index  # its Filebeat is not started
    put(elasticsearch, f"{index}-2026.11.01", timedelta(hours=2))
    assert found(elasticsearch, index) == {"logs.late": "The newest line is 2 h 0 min old."}
    put(elasticsearch, f"{index}-2026.11.01", timedelta(seconds=5))
    assert found(elasticsearch, index) == {}
    put(elasticsearch, f"{index}-rejected", timedelta(seconds=5))
    assert found(elasticsearch, index) == {"logs.rejected": "1 lines were rejected."}
