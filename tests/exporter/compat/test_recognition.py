"""`windsock exporter import-mapping` knows every line that Airflow sends, by its name and by its type on the wire."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from click.testing import CliRunner

from windsock import catalog, cli
from windsock.airflow.versions import DATA
from windsock.exporter.statsd.line import parse, split

TYPES = {"counter": "counter", "gauge": "gauge", "timer": "observer", "c": "counter", "g": "gauge", "ms": "observer"}
REGISTRIES = sorted(DATA.glob("airflow-*.json"))


@pytest.fixture
def imported(tmp_path):
    """What the command says of rules, as `{name: type}` or as they stand in a file."""

    def run(rules, prefix: str = "airflow") -> dict:
        if isinstance(rules, dict):
            rules = [_rule(name, kind) for name, kind in rules.items()]
        (tmp_path / "windsock.yaml").write_text(json.dumps({"exporter": {"statsd": {"prefix": prefix}}}))
        (tmp_path / "m.yml").write_text(yaml.safe_dump({"mappings": rules}))
        command = ["exporter", "import-mapping", "--json", "--config", str(tmp_path / "windsock.yaml")]
        done = CliRunner().invoke(cli.windsock, [*command, str(tmp_path / "m.yml")])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run


def _rule(name: str, kind: str) -> dict[str, str]:
    """A rule for a name, `*` for what varies; inside of a part that takes a regular expression."""
    rule = {"match": name, "name": "n", "match_metric_type": kind}
    if re.search(r"[^.]\*|\*[^.]", name):
        rule |= {"match": f"^{re.escape(name)}$".replace(r"\*", r"(\w+)"), "match_type": "regex"}
    return rule


@pytest.fixture(scope="module")
def registered() -> dict[str, str]:
    """Every name that some Airflow registers, `*` for what varies, and the type that the registry says."""
    rows = [row for file in REGISTRIES for row in json.loads(file.read_text())]
    names = {form: row["type"] for row in rows for form in (row["name"], *row["legacy"])}
    assert len(names) > 200
    return {f"airflow.{re.sub(r'{.*?}', '*', name)}": TYPES[kind] for name, kind in names.items()}


def test_every_registered_name_is_known_by_the_type_that_airflow_sends(registered, imported):
    found = imported(registered)
    assert found["unknown"] == []
    assert not any("matches nothing" in text for text in found["lost"])
    assert {one["match"] for one in found["known"]} == {_rule(*one)["match"] for one in registered.items()}


def test_every_captured_line_is_known_by_its_own_type_and_by_no_other(captures, imported):
    samples = (parse(part) for lines in captures.values() for line in lines for part in split(line.strip()))
    sent = {sample.head.name: TYPES[sample.head.type] for sample in samples}
    sent = {name: kind for name, kind in sent.items() if re.fullmatch(r"airflow\.[\w.-]+", name)}
    assert len(sent) > 300

    found = imported(sent)
    assert found["unknown"] == []
    assert not any("matches nothing" in text for text in found["lost"])
    assert {one["match"] for one in found["known"]} == set(sent)

    others = {"counter": "gauge", "gauge": "observer", "observer": "counter"}
    found = imported({name: others[kind] for name, kind in sent.items()})
    assert found["known"] == []
    assert {text.partition(" matches nothing: ")[0] for text in found["lost"]} >= set(sent)


def test_no_rule_asks_in_vain_for_the_type_that_is_exposed(imported):
    """Airflow counts its parsing processes up and down, so windsock shows a gauge."""
    assert imported({"airflow.dag_processing.processes": "counter"})["known"][0]["new"].startswith(
        "airflow_dag_processing_processes{"
    )
    found = imported({"airflow.dag_processing.processes": "gauge"})
    assert found["known"] == []
    assert found["lost"][0] == (
        "airflow.dag_processing.processes matches nothing: it asks for gauge lines, and Airflow sends counter"
    )
    assert found["exporter"] == {"naming": "prometheus"}, "a rule that matches nothing is no reason to keep the file"


@pytest.mark.parametrize(
    ("rule", "family"),
    [
        ({"match": r"airflow\.(\w+job)_start", "match_type": "regex"}, "airflow_job_start_total"),
        ({"match": "airflow.scheduler_job_heartbeat_failure"}, "airflow_job_heartbeat_failure_total"),
        ({"match": r"airflow\.(scheduler|triggerer)job_end", "match_type": "regex"}, "airflow_job_end_total"),
        (
            {"match": r"airflow\.ti\.finish\.(\w+)\.(\w+)\.(up_for_retry)", "match_type": "regex"},
            "airflow_ti_finish_total",
        ),
        (
            {"match": r"airflow\.dag\.(orders|etl)\.(\w+)\.duration", "match_type": "regex"},
            "airflow_task_duration_seconds",
        ),
        ({"match": "airflow.pool.open_slots.default_pool"}, "airflow_pool_open_slots"),
        ({"match": "airflow.local_task_job.task_exit.*.etl.load.1"}, "airflow_local_task_job_task_exit_total"),
        ({"match": "airflow.windsock.channel.sent.*.*"}, "windsock_channel_sent_total"),
    ],
)
def test_what_people_write(rule, family, imported):
    found = imported([{**rule, "name": "n"}])
    assert found["unknown"] == []
    assert [one["new"].partition("{")[0] for one in found["known"]] == [family]


def test_all_of_windsocks_own_lines_too(imported):
    forms = [form for metric in catalog.callbacks() for form in (metric.name, *metric.legacy)]
    found = imported([{"match": f"airflow.{re.sub(r'{.*?}', '*', form)}", "name": "n"} for form in forms])
    assert found["unknown"] == []


def test_names_with_another_prefix_are_told_what_to_set(imported):
    rules = [{"match": "prod.pool.open_slots.*", "name": "slots"}]
    assert any('set exporter.statsd.prefix to "prod"' in text for text in imported(rules)["lost"])
    found = imported(rules, prefix="prod")
    assert found["unknown"] == []
    assert "prefix" not in "".join(found["lost"])
