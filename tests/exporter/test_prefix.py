"""Lines whose names begin with another prefix than the configured one: `windsock explain` says what to set."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from windsock.cli import windsock
from windsock.exporter.statsd.prefix import foreign_prefix


@pytest.fixture
def explained(tmp_path, monkeypatch):
    """What the command says of one line; keywords are the exporter's settings."""

    def run(line: str, **exporter) -> dict:
        monkeypatch.chdir(tmp_path)
        (tmp_path / "windsock.yaml").write_text(json.dumps({"exporter": exporter}))
        done = CliRunner().invoke(windsock, ["explain", "--json", line])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("prod.ti.finish.d.t.failed:1|c", "prod"),
        ("prod.ti.finish,dag_id=d,task_id=t,state=failed:1|c", "prod"),
        ("prod.ti.finish:1|c|#dag_id:d,task_id:t,state:failed", "prod"),
        ("prod.eu.scheduler_heartbeat:1|c", "prod.eu"),
        ("airflow.eu.pool.open_slots.default_pool:128|g", "airflow.eu"),
        ("dagbag_size:7|g", ""),
    ],
)
def test_another_prefix_is_told_and_once_it_is_set_the_line_is_stored(line, found, explained):
    told = explained(line)
    assert told["stored"] is False
    assert f"set exporter.statsd.prefix to {json.dumps(found)}" in told["to do"]
    followed = explained(line, statsd={"prefix": found})
    assert followed["stored"] is True
    assert "to do" not in followed


@pytest.mark.parametrize("line", ["airflow.nonsense:1|c", "prod.orders.loaded:1|c", "prod.custom.ti:1|c", "nothing"])
def test_what_is_no_name_of_airflow_says_nothing_of_a_prefix(line, explained):
    assert "prefix" not in explained(line).get("to do", "")


def test_airflows_own_prefix_where_another_is_configured(explained):
    assert '"airflow"' in explained("airflow.dagbag_size:7|g", statsd={"prefix": "prod"})["to do"]


def test_with_the_names_of_the_helm_chart_too_which_stores_such_a_line_as_it_is(explained):
    told = explained("prod.pool.open_slots.default_pool:128|g", naming="helm-chart")
    assert told["metric"] == "prod_pool_open_slots_default_pool"
    assert '"prod"' in told["to do"]
    assert "to do" not in explained("prod.pool.open_slots.default_pool:128|g", naming="statsd-exporter")


def test_every_captured_line_tells_its_prefix(captures):
    lines = {line.decode().removeprefix("airflow.") for lines in captures.values() for line in lines}
    # Those prove nothing: of a job's name one word is all that speaks for Airflow.
    lines = {line for line in lines if not line.startswith(("datadog.", "job_"))}
    assert len(lines) > 10_000
    assert {foreign_prefix(f"prod.eu.{line}", "airflow") for line in lines} == {"prod.eu"}
    assert {foreign_prefix(f"airflow.{line}", "airflow") for line in lines} == {None}
