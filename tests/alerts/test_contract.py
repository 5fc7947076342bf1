"""Every metric and every label that an expression reads exists: in the catalogue, as a record, or on the targets."""

from __future__ import annotations

import re

import promql_parser as promql
import pytest

from windsock import catalog
from windsock.alerts import promql as promql_of_rules
from windsock.alerts import rules
from windsock.alerts.rule import Rule

TARGET = {"cluster", "instance", "job"}
"""What Prometheus puts on every series that it scrapes; `cluster` is a label of the scrape targets."""
MONITORS = {
    "alertmanager_notifications_total": {"integration"},
    "alertmanager_notifications_failed_total": {"integration"},
    "prometheus_notifications_errors_total": {"alertmanager"},
    "prometheus_notifications_alertmanagers_discovered": set(),
    "prometheus_rule_evaluation_failures_total": {"rule_group"},
    "prometheus_rule_group_interval_seconds": {"rule_group"},
    "prometheus_rule_group_last_duration_seconds": {"rule_group"},
}
"""What Prometheus and Alertmanager say of themselves; test_monitors.py asks them."""
RECORDS = {record.name: record for group in rules.GROUPS for record in group.records}
EXPRESSIONS = {
    **{rule.name: rule.expr for rule in rules.RULES},
    **{f"{name} {dict(record.labels)}": record.expr for name, record in RECORDS.items()},
}


def labels_of(metric):
    """The labels of a series of this name; KeyError where nothing makes it."""
    if metric == "up":
        return TARGET
    if metric in MONITORS:
        return MONITORS[metric] | TARGET
    if metric == "ALERTS":
        return {"alertname", "alertstate", "severity"}.union(*(rule.by for rule in rules.RULES))
    if metric in RECORDS:
        return set(outcome(promql.parse(RECORDS[metric].expr))) | set(RECORDS[metric].labels)
    base = re.sub(r"_(bucket|sum|count)$", "", metric)
    if base != metric and base in catalog.by_family():
        assert catalog.family(base).kind == "histogram", metric
        return {*catalog.family(base).labels, *TARGET, *(["le"] if metric.endswith("_bucket") else [])}
    known = catalog.family(metric)
    assert known.kind != "histogram", f"{metric}: a histogram has no series of this name"
    return {*known.labels, *TARGET}


def outcome(node):
    """The labels that the result of an expression can have; fails on one that reads what does not exist."""
    if isinstance(node, promql.ParenExpr):
        return outcome(node.expr)
    if isinstance(node, promql.UnaryExpr):
        return outcome(node.expr)
    if isinstance(node, (promql.NumberLiteral, promql.StringLiteral)):
        return frozenset()
    if isinstance(node, promql.VectorSelector):
        known = labels_of(node.name)
        for matcher in node.matchers.matchers:
            assert matcher.name in known, f"{node.name} has no label {matcher.name}"
        return frozenset(known)
    if isinstance(node, promql.MatrixSelector):
        return outcome(node.vector_selector)
    if isinstance(node, promql.SubqueryExpr):
        return outcome(node.expr)
    if isinstance(node, promql.Call):
        inner = [outcome(argument) for argument in node.args]
        if node.func.name == "label_replace":
            return inner[0] | {node.args[1].val}
        return frozenset() if node.func.name in ("absent", "vector") else frozenset().union(*inner)
    if isinstance(node, promql.AggregateExpr):
        inner = outcome(node.expr)
        by = frozenset(node.modifier.labels if node.modifier else ())
        assert not node.modifier or node.modifier.type == promql.AggModifierType.By, "aggregate by, so that it is said"
        assert by <= inner, f"by {sorted(by - inner)}, which are not there"
        return inner if str(node.op) in ("topk", "bottomk") else by
    assert isinstance(node, promql.BinaryExpr), type(node)
    left, right = outcome(node.lhs), outcome(node.rhs)
    matching = node.modifier.matching if node.modifier else None
    if matching:
        assert matching.type == promql.LabelModifierType.Include, "match on, so that it is said"
        assert set(matching.labels) <= left & right, f"on {matching.labels}"
    if node.lhs.prettify().strip() == "time()" or isinstance(node.lhs, promql.NumberLiteral):
        return right
    brought = frozenset(node.modifier.group_labels or ()) if node.modifier else frozenset()
    assert brought <= right, f"group_left {sorted(brought - right)}, which are not there"
    return left | right if str(node.op) == "or" else left | brought


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_every_metric_and_label_exists(name):
    outcome(promql.parse(EXPRESSIONS[name]))


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.name)
def test_an_alert_has_the_labels_that_it_says_and_its_texts_use_no_others(rule):
    assert outcome(promql.parse(rule.expr)) == set(rule.by)
    used = set(re.findall(r"\$labels\.(\w+)", rule.summary + rule.description))
    assert used <= set(rule.by)


@pytest.mark.parametrize("rule", [rule for rule in rules.RULES if rule.name != "Watchdog"], ids=lambda rule: rule.name)
def test_clusters_are_kept_apart(rule):
    assert "cluster" in rule.by

    def check(node):
        if isinstance(node, promql.AggregateExpr):
            assert "cluster" in node.modifier.labels, node.prettify()
        if isinstance(node, promql.BinaryExpr) and node.modifier and node.modifier.matching:
            assert "cluster" in node.modifier.matching.labels, node.prettify()

    for expression in filter(None, (rule.expr, rule.found)):
        promql.walk(promql.parse(expression), check)


def test_only_windsocks_own_jobs_are_read_and_the_exporters_for_the_exporter():
    for name, expression in EXPRESSIONS.items():
        job = "windsock-logs" if "WindsockLogs" in name else "windsock"
        jobs = '=~"windsock|windsock-logs"' if name.startswith(promql_of_rules.HEARD.name) else f'="{job}"'
        assert set(re.findall(r"(?<!:)\bup\b(?!:)(?:\{[^}]*\})?", expression)) <= {f"up{{job{jobs}}}"}, name


@pytest.mark.parametrize(
    ("expression", "problem"),
    [
        ("airflow_scheduler_heartbeats_total > 0", "airflow_scheduler_heartbeats_total"),
        ("airflow_task_duration_seconds > 0", "no series of this name"),
        ("airflow_ti_failures_total_bucket", "airflow_ti_failures_total"),
        ('airflow_ti_failures_total{dag="x"}', "no label dag"),
        ("sum by (cluster, run_id) (airflow_ti_failures_total)", "run_id"),
        ("sum by (dag_id) (sum by (cluster) (airflow_ti_failures_total))", "dag_id"),
        ("airflow_ti_failures_total * on (pool_name) airflow_ti_successes_total", "pool_name"),
        ("sum without (task_id) (airflow_ti_failures_total)", "aggregate by"),
        ("sum by (cluster) (up) * on (cluster) group_left (team) sum by (cluster) (up)", "group_left .'team'."),
    ],
)
def test_a_wrong_expression_is_found(expression, problem):
    with pytest.raises((AssertionError, KeyError), match=problem):
        outcome(promql.parse(expression))


def test_one_side_or_the_other_has_the_labels_of_both():
    assert outcome(promql.parse("sum by (cluster) (up) or sum by (instance) (up)")) == {"cluster", "instance"}
    assert outcome(promql.parse("sum by (cluster) (up) and sum by (instance) (up)")) == {"cluster"}


def test_a_join_brings_its_labels_and_the_top_keeps_them():
    team = "topk by (cluster, dag_id) (1, group by (cluster, dag_id, team) (airflow_db_dag_info))"
    joined = f"sum by (cluster, dag_id) (airflow_ti_finish_total) * on (cluster, dag_id) group_left (team) {team}"
    assert outcome(promql.parse(joined)) == {"cluster", "dag_id", "team"}


INSTANT = r"(?<![\w:])(?:airflow|windsock)_\w+(?![\w:])(?:\{[^}]*\})?(?![\[{])"
RECOVERS = {
    # What is heard now ends an alert, what is not heard never does.
    "AirflowSchedulerHeartbeatAbsent",
    # It says itself how long it goes on.
    "WindsockLogsLate",
}


@pytest.mark.parametrize("rule", rules.RULES, ids=lambda rule: rule.name)
def test_no_alert_reads_an_instant_that_a_restart_takes_away(rule):
    read = set(re.findall(INSTANT, f"{rule.expr}\n{rule.found}"))
    assert not read or rule.name in RECOVERS, f"{read}: of the last minutes, or it ends with each restart"


def test_histograms_are_read_by_their_three_series():
    buckets = "sum by (cluster, dag_id, le) (rate(airflow_task_duration_seconds_bucket[5m]))"
    assert outcome(promql.parse(buckets)) == {"cluster", "dag_id", "le"}
    assert "dag_id" in outcome(promql.parse("rate(airflow_task_duration_seconds_sum[5m])"))


def test_a_rule_that_says_other_labels_than_it_has_is_found():
    rule = Rule(
        name="X", expr="sum by (cluster) (up)", severity="info", summary="", description="", by=("cluster", "dag_id")
    )
    assert outcome(promql.parse(rule.expr)) != set(rule.by)
