"""The rules as a whole: names, links, tests, runbooks, and what promtool says."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import promql_parser as promql
import pytest
import yaml
from real import engines

from windsock import catalog, yaml_load
from windsock.alerts import build, coverage
from windsock.alerts.promql import HEARD, SCRAPE, TEAMS, of_dags
from windsock.alerts.rule import Rule
from windsock.alerts.rules import GROUPS, RULES
from windsock.alerts.unit_tests import needed
from windsock.events import ALERTNAMES, TASK_FAILED
from windsock.settings import Links, Settings

LINKS = Links(grafana="https://grafana.example.org", runbooks="https://git.example.org/runbooks")
METRIC = re.compile(r"(?<![\w:])(?:airflow|windsock)_[a-z0-9_]*[a-z0-9](?![\w:*])")


def alerts_of(settings):
    groups = yaml_load.load(build.files(settings)[build.RULES])["groups"]
    return {rule["alert"]: rule for group in groups for rule in group["rules"] if "alert" in rule}


def test_promtool_takes_the_rules_with_and_without_links(tool, tmp_path):
    for name, links in (("plain", Links()), ("linked", LINKS)):
        file = tmp_path / f"{name}.yml"
        file.write_text(build.files(Settings(links=links))[build.RULES])
        done = tool("promtool", "check", "rules", "--lint=all", "--lint-fatal", file)
        assert done.returncode == 0, done.stdout + done.stderr
        records = sum(len(group.records) for group in GROUPS)
        # One more says which rules they are.
        assert f"{len(RULES) + records + 1} rules found" in done.stdout


@pytest.fixture
def unit_test(tool, tmp_path):
    """Run some unit tests of an alert against rules without links, which they are written for; one part is wrong."""
    text = build.files(Settings(exporter={"web": {"listen": "127.0.0.1:0"}}))[build.RULES]

    def run(alert, right, wrong, only):
        assert right in text
        rules = needed(yaml_load.load(text.replace(right, wrong)), alert)
        (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules, sort_keys=False))
        content = yaml_load.load((coverage.TESTS / f"{alert}.yml").read_text())
        content["rule_files"] = ["rules.yml"]
        content["tests"] = [test for test in content["tests"] if test["name"].startswith(only)]
        assert content["tests"], only
        (tmp_path / "test.yml").write_text(yaml.safe_dump(content))
        return tool("promtool", "test", "rules", tmp_path / "test.yml")

    return run


@pytest.mark.parametrize(
    ("alert", "right", "wrong", "found_by"),
    [
        ("AirflowSchedulerHeartbeatStopped", "offset 2m)", "offset 3m)", "fires: the counter stands"),
        ("AirflowSchedulerHeartbeatStopped", "group by (cluster) (", "group (", "two clusters"),
        ("AirflowSchedulerHeartbeatStopped", 'ALERTS{alertname="Air', 'ALERTS{alertname="', "fires: over restarts"),
        (
            "AirflowSchedulerHeartbeatStopped",
            'min_over_time(up{job="windsock"}[2m30s])',
            "up + 1",
            "stays quiet: the exporter is",
        ),
        ("AirflowSchedulerHeartbeatStopped", "[2m30s]", "[1m30s]", "fires: the scheduler died"),
        ("AirflowSchedulerHeartbeatAbsent", "for: 5m", "for: 6m", ""),
        ("AirflowSchedulerHeartbeatAbsent", "last_over_time(up", "max_over_time(no", ""),
        ("AirflowFailureRateHigh", ">= 20", ">= 19", "boundary: 19"),
        ("AirflowFailureRateHigh", "<= bool", "> bool", "fires: over restarts"),
        ("AirflowFailureRateHigh", "up:min offset 1m == 1", "up:min offset 1m == 2", "born at 1: a new"),
        (
            "AirflowFailureRateHigh",
            "last_over_time(airflow_db_dag_info[1h30s])",
            "airflow_db_dag_info",
            "fires: with the",
        ),
        ("AirflowFailureRateHigh", ":group) > 1\n", ":group) > 2\n", "fires: once"),
        ("AirflowFailureRateHigh", '=~"failed|up_for_retry"', '="failed"', "fires: with the"),
        ("AirflowTaskFailuresUnnotified", '{alertname="AirflowTaskFailed"}', "", "fires: what was"),
        ("AirflowTaskFailuresUnnotified", "group_left (team)", "", "fires: with the"),
        ("AirflowTaskFailuresUnnotified", "round(", "(", "fires: a whole"),
        (
            "AirflowTaskFailuresUnnotified",
            "last_over_time(windsock_reconcile_last_pass_timestamp_seconds[5m30s])",
            "windsock_reconcile_last_pass_timestamp_seconds",
            "stays quiet: a reconciler works, and its",
        ),
        ("AirflowComponentLost", "quantile_over_time(0.5", "quantile_over_time(1", "boundary: half"),
        ("AirflowComponentLost", ":alive > 0", ":alive >= 0", "stays quiet: none"),
        ("AirflowSchedulerLoopSlow", ") > 10\n", ") >= 10\n", "boundary"),
        ("AirflowDagScheduleMissed", "airflow_db_dag_runs[5m30s]", "airflow_db_dag_stale[5m30s]", "stays quiet: a run"),
        ("AirflowDagRunNotStarting", "airflow_db_dag_paused[5m30s])) == 1", "airflow_db_dag_paused[5m30s])) == 2", ""),
        ("AirflowDagParsingBehind", " < 1800", " < 99999", "stays quiet: none"),
        ("AirflowDagImportError", "for: 10m", "for: 5m", "stays quiet"),
        (
            "AirflowTriggersWaiting",
            '"TriggererJob"}[5m30s])) > 180',
            '"TriggererJob"}[5m30s])) > 900',
            "stays quiet: no",
        ),
        ("AirflowTasksStuckQueued", "keep_firing_for: 10m", "keep_firing_for: 9m", "fires: while"),
        ("AirflowPoolStarving", "open_slots[5m30s])) <= 0", "open_slots[5m30s])) == 0", "fires: more"),
        ("AirflowExecutorFull", " > 600", " > 599", "boundary: what"),
        ("AirflowTasksKilled", "airflow_zombies_killed_total", "airflow_zombies", "fires: who"),
        ("AirflowRetryStorm", " >= 3\n", " >= 2\n", "stays quiet: all"),
        ("AirflowDagRunLong", " > 900", " >= 900", "boundary: a quarter"),
        ("AirflowDagNoSuccess", " > 3600", " >= 3600", "boundary"),
        (
            "AirflowBackfillStuck",
            "backfill_paused[10m30s])) == 1",
            "backfill_paused[10m30s])) == 2",
            "stays quiet: it is p",
        ),
        ("AirflowTableGrowing", "> 1.25 *", ">= 1.25 *", "boundary"),
        ("WindsockDatabaseDown", "airflow_db_up[5m30s]", "airflow_db_up[1m]", "fires: over"),
        (
            "WindsockDatabaseDown",
            "max by (cluster) (last_over_time(airflow_db",
            "min by (cluster) (last_over_time(airflow_db",
            "stays quiet",
        ),
        ("WindsockExporterDown", "min by (cluster, instance)", "min by (instance)", ""),
        ("WindsockExporterDown", "or\n          absent", "and\n          absent", ""),
        ("WindsockKernelDrops", ") > 0", ") > 1", "boundary"),
        ("WindsockKernelDrops", "[14m59s:1m]", "[15m59s:1m]", "fires: the"),
        ("WindsockLogsLate", "keep_firing_for: 5m", "keep_firing_for: 1m", "fires: over"),
        ("WindsockLogsRejected", " > 0)[14m59s:1m]", ")[14m59s:1m]", "fires: over"),
        (
            "WindsockReconcilerStopped",
            "windsock_reconcile_expected[5m30s]",
            "windsock_reconcile_expected[1m]",
            "fires: over",
        ),
        (
            "WindsockReconcilerStopped",
            "windsock_reconcile_expected[5m30s]",
            "windsock_reconcile_expected[1d]",
            "stays quiet: the",
        ),
        ("WindsockReconcileWindowTooShort", "gap_seconds[5m30s]", "gap_seconds[1m]", "fires: over"),
    ],
)
def test_a_wrong_rule_fails_its_unit_tests(unit_test, alert, right, wrong, found_by):
    assert unit_test(alert, right, wrong, found_by).returncode == 1


RESTARTS = {rule.name for rule in RULES} - {"Watchdog", "AirflowSchedulerHeartbeatAbsent", "WindsockExporterDown"}
"""Those that read what an exporter or a watcher says of others; no restart is a recovery of theirs."""


def test_an_alert_of_a_new_dag_waits_for_the_record_of_its_team_where_somebody_knows_it(tool, tmp_path):
    job = 'cluster="prod",instance="exporter:9102",job="windsock"'
    series = {f'late{{{job},dag_id="{name}"}}': "1x5" for name in ("told", "new", "nobodys")}
    series |= {f'airflow_db_dag_info{{{job},dag_id="{name}",team="data"}}': "1x5" for name in ("told", "new")}
    series[f'{TEAMS}{{cluster="prod",dag_id="told",team="data"}}'] = "1x5"
    found = ['{cluster="prod",dag_id="told",team="data"}', '{cluster="prod",dag_id="nobodys"}']
    check = {
        "expr": of_dags("max by (cluster, dag_id) (late)"),
        "eval_time": "5m",
        "exp_samples": [{"labels": labels, "value": 1} for labels in found],
    }
    inputs = [{"series": name, "values": values} for name, values in series.items()]
    tests = {"tests": [{"interval": "1m", "input_series": inputs, "promql_expr_test": [check]}]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(tests))
    done = tool("promtool", "test", "rules", tmp_path / "test.yml")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("alert", sorted(RESTARTS))
def test_each_alert_is_tested_over_a_restart(alert):
    tests = yaml_load.load((coverage.TESTS / f"{alert}.yml").read_text())["tests"]
    restarted = [
        test
        for test in tests
        if test["name"].startswith("fires:")
        and any(re.search(r" stale .*[0-9]", str(one["values"])) for one in test["input_series"])
    ]
    assert restarted
    for test in restarted:
        firing = [bool(check.get("exp_alerts")) for check in test["alert_rule_test"]]
        assert sum(firing) >= 2


EXPRESSIONS = {
    **{rule.name: rule.expr for rule in RULES},
    **{record.name: record.expr for group in GROUPS for record in group.records},
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_no_value_depends_on_whose_the_edge_of_a_window_is(name):
    """A scrape each minute puts samples on it, and engines differ; so do they in what they extrapolate."""

    def check(node):
        if isinstance(node, promql.MatrixSelector):
            assert node.range.total_seconds() % SCRAPE == SCRAPE / 2, node.prettify()
        if isinstance(node, promql.SubqueryExpr):
            assert node.range % node.step > node.step / 2, node.prettify()
        if isinstance(node, promql.Call):
            assert node.func.name not in {"rate", "irate", "increase", "delta", "idelta", "deriv"}, node.prettify()

    promql.walk(promql.parse(EXPRESSIONS[name]), check)


def test_the_page_says_how_each_rule_does_in_each_engine():
    """That it does is what `windsock alerts test` and tests/matrix/victoriametrics.py say."""
    recorded = {record.name for group in GROUPS for record in group.records} - {HEARD.name}
    table = [["rule", *map(str, engines.ENGINES)], ["---"] * 4]
    for rule in RULES:
        late = any(name in rule.expr for name in recorded)
        table.append([f"`{rule.name}`", "✓", "✓", "✓, later" if late else "✓"])
    page = (Path(__file__).parents[2] / "docs" / "alerts.md").read_text()
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in page.splitlines()]
    first = lines.index(table[0])
    assert lines[first : first + len(table) + 1] == [*table, []]


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
    assert texts["dashboard_url"].startswith("https://grafana.example.org/d/windsock-dag?var-dag_id={{")
    texts = linked["AirflowSchedulerHeartbeatStopped"]["annotations"]
    assert texts["dashboard_url"] == "https://grafana.example.org/d/windsock-overview"
    for rule in alerts_of(Settings(exporter={"web": {"listen": "127.0.0.1:0"}})).values():
        assert set(rule["annotations"]) == {"summary", "description"}


def test_prometheus_fills_the_dag_into_the_link(tool, tmp_path):
    (tmp_path / "rules.yml").write_text(build.files(Settings(links=LINKS))[build.RULES])
    series = 'airflow_dag_tries_finished_total{cluster="c", dag_id="a&b", state="failed"}'
    annotations = {
        "summary": "No callback told anyone of failures in a&b: 1 within an hour",
        "description": "More tasks ended as failed than callbacks reported: the tasks have no callback of windsock, or"
        " it could not deliver.",
        "runbook_url": "https://git.example.org/runbooks/AirflowTaskFailuresUnnotified.md",
        "dashboard_url": "https://grafana.example.org/d/windsock-dag?var-dag_id=a%26b",
    }
    alert = {"exp_labels": {"cluster": "c", "dag_id": "a&b", "severity": "warning"}, "exp_annotations": annotations}
    check = {"eval_time": "10m", "alertname": "AirflowTaskFailuresUnnotified", "exp_alerts": [alert]}
    test = {"interval": "1m", "input_series": [{"series": series, "values": "0 1x20"}], "alert_rule_test": [check]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [test]}))
    done = tool("promtool", "test", "rules", tmp_path / "test.yml")
    assert done.returncode == 0, done.stdout + done.stderr
