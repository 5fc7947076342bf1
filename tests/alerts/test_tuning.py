"""What `alerts.rules` in windsock.yaml changes of the rules: shown by promtool, which evaluates what is built."""

from __future__ import annotations

import json

import pytest
import yaml

from windsock import yaml_load
from windsock.alerts import build, tuning
from windsock.alerts.rules import GROUPS, RULES
from windsock.alerts.unit_tests import needed
from windsock.exceptions import SettingsError
from windsock.settings import Settings, load


def settings(**rules):
    return Settings.model_validate({"alerts": {"rules": rules}, "exporter": {"web": {"listen": "127.0.0.1:0"}}})


def rules_of(made):
    groups = yaml_load.load(build.files(made)[build.RULES])["groups"]
    return {rule.get("alert") or rule["record"]: rule for group in groups for rule in group["rules"]}


@pytest.fixture
def fire(tool, tmp_path):
    """Assert that exactly the alerts with these labels fire, by promtool, which takes the whole of the rules, too."""

    def check(made, alert, series, expected, at="30m"):
        whole = yaml_load.load(build.files(made)[build.RULES])
        (tmp_path / "whole.yml").write_text(build.files(made)[build.RULES])
        done = tool("promtool", "check", "rules", "--lint=all", "--lint-fatal", tmp_path / "whole.yml")
        assert done.returncode == 0, done.stdout + done.stderr
        for rule in (rule for group in whole["groups"] for rule in group["rules"]):
            rule.pop("annotations", None)
        (tmp_path / "rules.yml").write_text(yaml.safe_dump(needed(whole, alert), sort_keys=False))
        inputs = [{"series": name, "values": f"{value}x60"} for name, value in series.items()]
        alerts = [{"exp_labels": one} for one in expected]
        test = {
            "interval": "1m",
            "input_series": inputs,
            "alert_rule_test": [{"eval_time": at, "alertname": alert, "exp_alerts": alerts}],
        }
        (tmp_path / "test.yml").write_text(yaml.safe_dump({"rule_files": ["rules.yml"], "tests": [test]}))
        done = tool("promtool", "test", "rules", tmp_path / "test.yml")
        assert done.returncode == 0, done.stdout + done.stderr

    return check


def ratios(**dags):
    """Series of runs that have lasted so many times as long as is usual, for hours."""
    found = {}
    for dag_id, ratio in dags.items():
        found[f'airflow_db_dag_run_usual_ratio{{cluster="c",dag_id="{dag_id}"}}'] = ratio
        found[f'airflow_db_dag_run_oldest_age_seconds{{cluster="c",dag_id="{dag_id}",state="running"}}'] = 9000
    return found


def long(dag_id, severity="warning", **more):
    return {"cluster": "c", "dag_id": dag_id, "severity": severity, **more}


def test_a_threshold_for_all_and_others_by_dag_and_by_team(fire):
    made = settings(
        AirflowDagRunLong={
            "threshold": 4,
            "dags": {
                "reports_late": {"threshold": 2},
                "reports_*": {"threshold": 6},
                "test_*": {"enabled": False},
                "a.b?c": {"threshold": 100},
            },
            "teams": {"data": {"threshold": 8}},
        }
    )
    series = ratios(
        orders=5, quick=4, reports_a=5, reports_b=7, reports_late=3, test_x=99, **{"a.b-c": 50, "axb-c": 50}, daily=7
    )
    series['airflow_db_dag_info{cluster="c",dag_id="daily",team="data"}'] = 1
    series['airflow_db_dag_info{cluster="c",dag_id="reports_b",team="data"}'] = 1
    expected = [long("orders"), long("axb-c"), long("reports_late"), long("reports_b", team="data")]
    fire(made, "AirflowDagRunLong", series, expected)


def test_for_and_severity(fire):
    made = settings(
        AirflowDagRunLong={
            "for": "20m",
            "severity": "info",
            "dags": {"pay_*": {"severity": "critical"}, 'odd"\\[x]': {"severity": "warning"}},
        }
    )
    series = ratios(orders=5, pay_daily=5, xpay_x=5)
    expected = [long("orders", "info"), long("xpay_x", "info"), long("pay_daily", "critical")]
    fire(made, "AirflowDagRunLong", series, [], "19m")
    fire(made, "AirflowDagRunLong", series, expected, "20m")


def test_a_rule_without_a_threshold_is_off_for_some(fire):
    made = settings(AirflowDagPausedByFailures={"dags": {"test_*": {"enabled": False}}})
    series = {f'airflow_db_dag_paused_by_failures{{cluster="c",dag_id="{one}"}}': 1 for one in ("orders", "test_x")}
    fire(made, "AirflowDagPausedByFailures", series, [long("orders")])


def test_pools_and_clusters(fire):
    made = settings(
        AirflowPoolStarving={"pools": {"nightly": {"threshold": "6h"}}, "clusters": {"dev*": {"enabled": False}}}
    )
    series = {}
    for cluster, pool in (("c", "nightly"), ("c", "small"), ("dev-1", "small")):
        labels = f'{{cluster="{cluster}",pool_name="{pool}"}}'
        series |= {f"airflow_db_pool_oldest_wait_seconds{labels}": 7200, f"airflow_db_pool_open_slots{labels}": 0}
    expected = [{"cluster": "c", "pool_name": "small", "severity": "warning"}]
    fire(made, "AirflowPoolStarving", series, expected)


def test_units_are_those_of_the_rule():
    made = rules_of(
        settings(
            AirflowFailureRateHigh={"threshold": "12.5%"},
            AirflowTableGrowing={"threshold": "50GiB"},
            AirflowTasksStuckQueued={"threshold": "15m"},
            AirflowRetryStorm={"threshold": 200},
        )
    )
    assert " > 0.125\n" in made["cluster_dag_id:airflow_failure_rate_high:found"]["expr"]
    assert " > 53687091200\n" in made["AirflowTableGrowing"]["expr"]
    assert made["AirflowTasksStuckQueued"]["expr"].endswith(" > 900")
    assert " >= 200\n" in made["AirflowRetryStorm"]["expr"]


def test_what_is_off_is_not_built_and_all_else_stays():
    made = rules_of(settings(Watchdog={"enabled": False}, AirflowTriggererBlocked={"enabled": False}))
    assert {rule.name for rule in RULES} - set(made) == {"Watchdog", "AirflowTriggererBlocked"}
    plain = rules_of(settings())
    assert all(made[rule.name] == plain[rule.name] for rule in RULES if rule.name in made)


def test_a_group_of_which_nothing_is_left_is_left_out():
    group = next(group for group in GROUPS if group.name == "airflow-triggering")
    made = tuning.tuned(GROUPS, settings(**{rule.name: {"enabled": False} for rule in group.rules}))
    assert [group.name for group in GROUPS if group.name not in {one.name for one in made}] == ["airflow-triggering"]


@pytest.mark.parametrize(
    ("rules", "problem"),
    [
        ({"AirflowDagRunLng": {}}, "AirflowDagRunLng: no rule has this name; did you mean 'AirflowDagRunLong'?"),
        ({"Zzz": {}}, "Zzz: no rule has this name; see `windsock alerts list`"),
        (
            {"AirflowTasksStuckQueued": {"threshold": "5%"}},
            "AirflowTasksStuckQueued.threshold: expected a duration such as 10s, 5m or 1h30m, got '5%'",
        ),
        (
            {"AirflowDagRunLong": {"dags": {"x": {"threshold": "30m"}}}},
            "AirflowDagRunLong.dags.x.threshold: expected a number, got '30m'",
        ),
        (
            {"AirflowDagPausedByFailures": {"threshold": 3}},
            "AirflowDagPausedByFailures.threshold: this rule has none; known here: enabled, severity, for",
        ),
        (
            {"AirflowPoolStarving": {"dags": {"x": {"enabled": False}}}},
            "AirflowPoolStarving.dags: its alerts have no label dag_id; known here: pools, clusters",
        ),
        (
            {"Watchdog": {"clusters": {"x": {"enabled": False}}}},
            "Watchdog.clusters: its alerts have no label cluster; known here: none of these",
        ),
    ],
)
def test_what_cannot_be_is_said(rules, problem):
    with pytest.raises(SettingsError) as raised:
        build.files(settings(**rules))
    assert raised.value.problems == [f"windsock.yaml: alerts.rules.{problem}"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "{AirflowDagRunLong: {threshhold: 3}}",
            "AirflowDagRunLong.threshhold: unknown key; did you mean 'threshold'?",
        ),
        ("{AirflowDagRunLong: {for: soon}}", "AirflowDagRunLong.for: expected a duration"),
        ("{AirflowDagRunLong: {threshold: true}}", "AirflowDagRunLong.threshold: expected a number, or a text such as"),
        ("{AirflowDagRunLong: {dags: {x: {for: 5m}}}}", "AirflowDagRunLong.dags.x.for: unknown key"),
        ("{AirflowDagRunLong: {severity: page}}", "AirflowDagRunLong.severity: input should be 'critical'"),
    ],
)
def test_keys_are_checked_where_they_stand(tmp_path, text, problem):
    (tmp_path / "windsock.yaml").write_text(f"alerts:\n  rules: {text}\n")
    with pytest.raises(SettingsError) as raised:
        load(tmp_path / "windsock.yaml")
    assert len(raised.value.problems) == 1
    assert raised.value.problems[0].startswith(f"{tmp_path / 'windsock.yaml'}:2: alerts.rules.{problem}")


def test_the_list_says_what_is_in_force(windsock):
    config = "alerts: {rules: {AirflowDagRunLong: {for: 30m, threshold: 6}, Watchdog: {enabled: false}}}\n"
    code, out, _ = windsock("list", "--json", config=config)
    rows = {row["alert"]: row for row in json.loads(out)}
    assert code == 0
    assert [rows["AirflowDagRunLong"][key] for key in ("enabled", "for", "threshold")] == [True, "30m", "6"]
    assert rows["Watchdog"]["enabled"] is False
    assert rows["AirflowFailureRateHigh"]["threshold"] == "5%"
    assert rows["AirflowTableGrowing"]["threshold"] == "10GiB"
    lines = windsock("list", config=config)[1].splitlines()
    assert any(line.split()[:2] == ["Watchdog", "off"] for line in lines)
