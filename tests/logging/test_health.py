"""What the doctor says of the lines in a real Elasticsearch."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from windsock.logging.health import examine
from windsock.settings import Settings


@pytest.fixture(autouse=True)
def no_airflow(monkeypatch, tmp_path):
    """None that runs here by chance."""
    monkeypatch.setenv("AIRFLOW_HOME", str(tmp_path))


def found(elasticsearch, index, **changes):
    elasticsearch.ask("POST", f"{index}*/_refresh")
    logs = {"folder": "/logs", "index": index, "elasticsearch": {"urls": [elasticsearch.url]}, **changes}
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


def test_another_template_in_the_place_of_windsocks(ship, elasticsearch):
    index = ship().index
    put(elasticsearch, f"{index}-2026.11.01", timedelta(seconds=5))
    other = {"index_patterns": [f"{index}-*"], "priority": 900, "template": {"mappings": {"properties": {}}}}
    elasticsearch.ask("PUT", f"_index_template/{index}-other", other)
    assert set(found(elasticsearch, index)) == {"logs.template"}
    elasticsearch.ask("DELETE", f"_index_template/{index}-other")
    assert found(elasticsearch, index) == {}


def test_an_index_that_takes_nothing_more(ship, elasticsearch):
    index = ship().index
    put(elasticsearch, f"{index}-2026.11.01", timedelta(seconds=5))
    for block, expected in ((True, {"logs.blocked"}), (None, set())):
        path = f"{index}-2026.11.01/_settings"
        elasticsearch.ask("PUT", path, {"index.blocks.read_only_allow_delete": block})
        assert set(found(elasticsearch, index)) == expected


def test_names_of_logs_that_are_not_airflows_own(tmp_path):
    logs = {"folder": "/logs", "elasticsearch": {"urls": ["http://127.0.0.1:1"]}}
    default = (
        "dag_id={{ ti.dag_id }}/run_id={{ ti.run_id }}/task_id={{ ti.task_id }}/"
        "{% if ti.map_index >= 0 %}map_index={{ ti.map_index }}/{% endif %}attempt={{ try_number }}.log"
    )
    for path, log_id, expected in (
        (default, "{dag_id}-{task_id}-{run_id}-{map_index}-{try_number}", set()),
        (
            "{{ ti.dag_id }}/{{ ti.task_id }}/{{ try_number }}.log",
            "{dag_id}-{try_number}",
            {"logs.path", "logs.log_id"},
        ),
    ):
        lines = f"[logging]\nlog_filename_template = {path}\n[elasticsearch]\nlog_id_template = {log_id}\n"
        (tmp_path / "airflow.cfg").write_text(lines)
        said = {one.check for one in examine(Settings.model_validate({"logs": logs}))}
        assert said == {"logs.down"} | expected


def test_a_day_that_lifecycle_has_merged_is_none_that_takes_nothing_more(ship, elasticsearch):
    index = ship().index
    today = f"{index}-{datetime.now(timezone.utc):%Y.%m.%d}"
    put(elasticsearch, today, timedelta(seconds=5))
    put(elasticsearch, f"{index}-2026.01.01", timedelta(seconds=5))
    for name, lifecycle, expected in (
        (f"{index}-2026.01.01", True, set()),
        (f"{index}-2026.01.01", False, {"logs.blocked"}),
        (today, True, {"logs.blocked"}),
    ):
        elasticsearch.ask("PUT", f"{name}/_settings", {"index.blocks.write": True})
        assert set(found(elasticsearch, index, lifecycle=lifecycle)) == expected
        elasticsearch.ask("PUT", f"{name}/_settings", {"index.blocks.write": None})
