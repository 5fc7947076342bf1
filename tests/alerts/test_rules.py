"""The rules as a whole: names, links, tests, runbooks, and what promtool says."""

from __future__ import annotations

import re
import shutil

import pytest
import yaml

from windsock import catalog
from windsock.alerts import build, coverage
from windsock.alerts.rule import Rule
from windsock.alerts.rules import RULES
from windsock.events import ALERTNAMES, TASK_FAILED
from windsock.settings import Links, Settings

LINKS = Links(grafana="https://grafana.example.org", runbooks="https://git.example.org/runbooks")
METRIC = re.compile(r"(?<![\w:])(?:airflow|windsock)_[a-z0-9_]*[a-z0-9](?![\w:*])")


def alerts_of(settings):
    groups = yaml.safe_load(build.files(settings)[build.RULES])["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def test_promtool_takes_the_rules_with_and_without_links(tool, tmp_path):
    for name, links in (("plain", Links()), ("linked", LINKS)):
        file = tmp_path / f"{name}.yml"
        file.write_text(build.files(Settings(links=links))[build.RULES])
        done = tool("promtool", "check", "rules", "--lint=all", "--lint-fatal", file)
        assert done.returncode == 0, done.stdout + done.stderr
        assert f"{len(RULES) + 4} rules found" in done.stdout


def test_promtool_passes_every_unit_test(tool):
    done = tool("promtool", "test", "rules", *sorted(coverage.TESTS.glob("*.yml")))
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("alert", "right", "wrong"),
    [
        ("AirflowSchedulerHeartbeatStopped", "[2m])) == 0", "[2m])) > 0"),
        ("AirflowSchedulerHeartbeatStopped", "sum by (cluster)", "sum"),
        ("AirflowSchedulerHeartbeatAbsent", "for: 5m", "for: 6m"),
        ("AirflowSchedulerHeartbeatAbsent", "last_over_time(up", "max_over_time(no"),
        ("AirflowFailureRateHigh", ">= 20", ">= 19"),
        (
            "AirflowFailureRateHigh",
            "airflow_ti_failures_total - min_over_time",
            "airflow_ti_failures_total - max_over_time",
        ),
        ("AirflowFailureRateHigh", "(airflow_ti_failures_total unless", "(nothing unless"),
        ("AirflowTaskFailuresUnnotified", '{alertname="AirflowTaskFailed"}', ""),
        ("WindsockExporterDown", "min by (cluster, instance)", "min by (instance)"),
        ("WindsockExporterDown", "or\n          absent", "and\n          absent"),
        ("WindsockKernelDrops", ") > 0", ") > 1"),
    ],
)
def test_a_wrong_rule_fails_its_unit_tests(tool, tmp_path, alert, right, wrong):
    text = build.files(Settings())[build.RULES]
    assert right in text
    (tmp_path / "generated").mkdir()
    (tmp_path / "generated" / "rules.yml").write_text(text.replace(right, wrong))
    shutil.copytree(coverage.TESTS, tmp_path / "tests")
    assert tool("promtool", "test", "rules", tmp_path / "tests" / f"{alert}.yml").returncode == 1


def test_the_names_of_alert_events_are_refused():
    for name in ALERTNAMES:
        with pytest.raises(ValueError, match="alert event"):
            Rule(name=name, expr="vector(1)", severity="info", summary="", description="")
    assert not {rule.name for rule in RULES} & set(ALERTNAMES)


def test_every_alert_has_its_tests_and_its_runbook():
    rows = coverage.coverage()
    assert {row.alert: row.missing for row in rows if row.missing} == {}
    assert {row.alert for row in rows} == {rule.name for rule in RULES} | set(ALERTNAMES)
    assert all(row.needed == coverage.CASES for row in rows[: -1 - len(ALERTNAMES)])


def test_every_test_file_and_runbook_belongs_to_an_alert():
    assert {file.name for file in coverage.TESTS.iterdir()} == {f"{rule.name}.yml" for rule in RULES}
    assert {file.name for file in coverage.RUNBOOKS.iterdir()} == {f"{row.alert}.md" for row in coverage.coverage()}


def test_coverage_finds_what_is_missing(tmp_path, monkeypatch):
    shutil.copytree(coverage.TESTS, tmp_path / "tests")
    shutil.copytree(coverage.RUNBOOKS, tmp_path / "runbooks")
    monkeypatch.setattr(coverage, "TESTS", tmp_path / "tests")
    monkeypatch.setattr(coverage, "RUNBOOKS", tmp_path / "runbooks")
    file = tmp_path / "tests" / "WindsockKernelDrops.yml"
    file.write_text(file.read_text().replace("born at 1:", "new:"))
    (tmp_path / "tests" / "Watchdog.yml").unlink()
    (tmp_path / "runbooks" / f"{TASK_FAILED}.md").unlink()
    assert {row.alert: row.missing for row in coverage.coverage() if row.missing} == {
        "WindsockKernelDrops": ["born at 1"],
        "Watchdog": ["fires"],
        TASK_FAILED: ["runbook"],
    }


def test_runbooks_say_what_to_see_to_do_and_to_doubt():
    for file in coverage.RUNBOOKS.glob("*.md"):
        text = file.read_text()
        assert text.startswith(f"# {file.stem}\n"), file
        assert "\n## Do" in text, file
        assert "\n## How it can be wrong\n" in text, file


def test_runbooks_name_metrics_that_exist():
    known = set(catalog.by_family())
    known |= {f"{name}{end}" for name in known for end in ("_bucket", "_count", "_sum")}
    for file in coverage.RUNBOOKS.glob("*.md"):
        assert set(METRIC.findall(file.read_text())) <= known, file


def test_links_are_there_where_they_are_configured():
    linked = alerts_of(Settings(links=LINKS))
    texts = linked["AirflowFailureRateHigh"]["annotations"]
    assert texts["runbook_url"] == "https://git.example.org/runbooks/AirflowFailureRateHigh.md"
    assert texts["dashboard_url"].startswith("https://grafana.example.org/d/windsock-overview?var-dag_id={{")
    texts = linked["AirflowSchedulerHeartbeatStopped"]["annotations"]
    assert texts["dashboard_url"] == "https://grafana.example.org/d/windsock-overview"
    for rule in alerts_of(Settings()).values():
        assert set(rule["annotations"]) == {"summary", "description"}


def test_prometheus_fills_the_dag_into_the_link(tool, tmp_path):
    (tmp_path / "rules.yml").write_text(build.files(Settings(links=LINKS))[build.RULES])
    series = 'airflow_ti_finish_total{cluster="c", dag_id="a&b", state="failed", task_id="t"}'
    annotations = {
        "summary": "No callback told anyone of failures in a&b: 1 within an hour",
        "description": "More tasks ended as failed than callbacks reported: the tasks have no callback of windsock, or"
        " it could not deliver.",
        "runbook_url": "https://git.example.org/runbooks/AirflowTaskFailuresUnnotified.md",
        "dashboard_url": "https://grafana.example.org/d/windsock-overview?var-dag_id=a%26b",
    }
    alert = {"exp_labels": {"cluster": "c", "dag_id": "a&b", "severity": "warning"}, "exp_annotations": annotations}
    check = {"eval_time": "10m", "alertname": "AirflowTaskFailuresUnnotified", "exp_alerts": [alert]}
    test = {"interval": "1m", "input_series": [{"series": series, "values": "0 1x20"}], "alert_rule_test": [check]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [test]}))
    done = tool("promtool", "test", "rules", tmp_path / "test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
