"""The rules as the Prometheus operator, vmalert and Grafana take them: the same alerts, in shapes that they read."""

from __future__ import annotations

import re
from functools import cache

import pytest

from windsock import yaml_load
from windsock.alerts import build
from windsock.alerts.formats import FORMATS, GRAFANA, RULES
from windsock.alerts.rules import RULES as ALERTS
from windsock.settings import Settings

SETTINGS = Settings(
    links={"runbooks": "https://git.example.org/runbooks", "grafana": "https://grafana.example.org"},
    prometheus={"version": "2.53", "query_offset": "30s"},
    grafana={"folder": "On-call"},
)


@cache
def plain():
    return build.files(SETTINGS)[build.RULES]


@cache
def groups_of_prometheus():
    return yaml_load.load(plain())["groups"]


def made(form, name=RULES):
    text = FORMATS[form](plain(), SETTINGS)[name]
    assert text.startswith("# Made by `windsock alerts build` for Prometheus 2.53")
    return yaml_load.load(text)


def test_the_operator_gets_the_same_groups_as_a_resource():
    found = made("prometheus-rule")
    assert (found["apiVersion"], found["kind"]) == ("monitoring.coreos.com/v1", "PrometheusRule")
    assert re.fullmatch("[a-z0-9-]+", found["metadata"]["name"])
    assert found["spec"] == {"groups": groups_of_prometheus()}


def test_vmalert_gets_no_key_that_it_does_not_know():
    found = made("vmalert")["groups"]
    plain_groups = groups_of_prometheus()
    known = {"name", "interval", "limit", "eval_delay", "rules"}
    assert {key for group in found for key in group} == known
    delays = {group["name"]: group.get("eval_delay") for group in found}
    assert delays == {group["name"]: group.get("query_offset") for group in plain_groups}
    assert "30s" in delays.values()
    assert [group["rules"] for group in found] == [group["rules"] for group in plain_groups]


@pytest.fixture(scope="module")
def managed():
    return {rule["title"]: rule for group in made("grafana", GRAFANA)["groups"] for rule in group["rules"]}


def test_grafana_gets_each_alert_once_in_groups_of_its_folder(managed):
    groups = made("grafana", GRAFANA)["groups"]
    assert {(group["orgId"], group["folder"]) for group in groups} == {(1, "On-call")}
    assert len({group["name"] for group in groups}) == len(groups)
    assert sum(len(group["rules"]) for group in groups) == len(managed)
    assert set(managed) == {rule.name for rule in ALERTS}
    uids = {rule["uid"] for rule in managed.values()}
    assert len(uids) == len(managed)
    assert all(re.fullmatch(r"[\w-]{1,40}", uid) for uid in uids)


def test_what_returns_a_series_fires_in_grafana_whatever_its_value(managed):
    for rule in ALERTS:
        query, condition = managed[rule.name]["data"]
        assert (query["refId"], query["datasourceUid"]) == ("A", "windsock-prometheus")
        assert (query["model"]["expr"], query["model"]["instant"]) == (rule.expr, True)
        assert (condition["refId"], condition["datasourceUid"]) == ("B", "__expr__")
        assert condition["model"] == {"refId": "B", "type": "math", "expression": "$A * 0 + 1"}
        assert managed[rule.name]["condition"] == "B"
        assert managed[rule.name]["noDataState"] == "OK"
        assert managed[rule.name]["labels"] == {"severity": rule.severity}
        assert managed[rule.name]["for"] == rule.for_
        assert managed[rule.name].get("keepFiringFor", "0s") == rule.keep


def test_texts_are_such_as_grafana_knows(managed):
    for rule in managed.values():
        for text in rule["annotations"].values():
            assert "| query" not in text, text
            assert not re.search(r"\$value\b(?!s)", text), text
            opened = len(re.findall(r"{{-? *(?:if|with|range) ", text))
            assert opened == len(re.findall(r"{{-? *end *-?}}", text)), text
    stale = managed["AirflowDataStale"]["annotations"]
    assert stale["description"] == "Its last success is older than slo.fresh_within, or it has none."
    risk = managed["AirflowFinishAtRisk"]["annotations"]
    assert risk["summary"] == "{{ $labels.dag_id }} is likely to be late"
    assert managed["WindsockKernelDrops"]["annotations"]["summary"].endswith("15 minutes: {{ $values.A.Value }}")
    assert "{{ with $labels.instance }} {{ . }}{{ end }}" in managed["WindsockExporterDown"]["annotations"]["summary"]


def test_beside_grafana_prometheus_records_what_the_alerts_read(tool, tmp_path):
    file = tmp_path / "rules.yml"
    plain = Settings()
    file.write_text(FORMATS["grafana"](build.files(plain)[build.RULES], plain)[RULES])
    done = tool("promtool", "check", "rules", file)
    assert done.returncode == 0, done.stdout + done.stderr
    groups = yaml_load.load(file.read_text())["groups"]
    assert {key for group in groups for rule in group["rules"] for key in rule} <= {"record", "expr", "labels"}
    everything = [rule["record"] for group in groups_of_prometheus() for rule in group["rules"] if "record" in rule]
    assert [rule["record"] for group in groups for rule in group["rules"]] == everything


def test_build_writes_them_and_says_whether_they_are_up_to_date(windsock):
    names = {"prometheus-rule": 3, "vmalert": 3, "grafana": 4}
    for form, number in names.items():
        code, out, _ = windsock("build", "--format", form, "--out", form)
        assert (code, len(out.splitlines())) == (0, number)
        assert windsock("build", "--format", form, "--out", form, "--check")[0] == 0
    code, _, err = windsock("build", "--format", "grafana", "--out", "vmalert", "--check")
    assert code == 1
    assert "grafana-alerts.yml" in err
