"""Every metric and every label that a dashboard asks for is one that something exposes."""

from __future__ import annotations

import re
from types import SimpleNamespace

import promql_parser as promql
import pytest

from windsock import catalog
from windsock.dashboards.queries import Query, provenance

from .conftest import BUDGET, CUSTOM, interpolate

SCRAPE = {"cluster", "instance", "job"}
FROM_PROMETHEUS = {
    "up": SCRAPE,
    "ALERTS": SCRAPE | {"alertname", "alertstate", "severity", "team", "dag_id", "pool_name"},
}
HISTOGRAM = {"_bucket": {"le"}, "_sum": set(), "_count": set()}


def exposed() -> dict[str, set[str]]:
    """The labels of every sample's name."""
    names = {name: set(labels) for name, labels in FROM_PROMETHEUS.items()}
    for metric in (*catalog.by_family().values(), *CUSTOM):
        suffixes = HISTOGRAM if metric.kind == "histogram" else {"": set()}
        for suffix, extra in suffixes.items():
            names[metric.family + suffix] = {*metric.labels, *extra, *SCRAPE}
    for name in BUDGET:
        recorded = f"cluster_dag_id_objective:airflow_db_dag_objective_ratio:{name}"
        names[recorded] = {"cluster", "dag_id", "objective"}
    return names


EXPOSED = exposed()


def labels(expr) -> set[str]:
    """The labels that the result of `expr` can have; asserts that each one asked for on the way exists."""
    kind = type(expr).__name__
    if kind == "VectorSelector":
        # Of two matchers of one label the first says what is asked for, the second what is left out.
        asked = {matcher.name: matcher.value for matcher in reversed(expr.matchers.matchers)}
        return selected(expr.name, asked)
    if kind == "MatrixSelector":
        return labels(expr.vector_selector)
    if kind == "AggregateExpr":
        return aggregated(expr, labels(expr.expr))
    if kind == "Call" and expr.func.name == "label_replace":
        return labels(expr.args[0]) | {expr.args[1].val}
    if kind == "Call":
        inner = set().union(*(labels(arg) for arg in expr.args))
        if expr.func.name == "histogram_quantile":
            assert "le" in inner, "histogram_quantile without le"
            inner -= {"le"}
        return inner
    if kind == "BinaryExpr":
        left, right = labels(expr.lhs), labels(expr.rhs)
        if expr.modifier is not None and expr.modifier.matching is not None:
            on = set(expr.modifier.matching.labels)
            assert on <= left & right, f"on {on}: there are {left} and {right}"
        return left | right
    if kind in ("ParenExpr", "UnaryExpr", "SubqueryExpr"):
        return labels(expr.expr)
    assert kind in ("NumberLiteral", "StringLiteral"), f"this test does not know {kind}"
    return set()


def selected(name: str | None, asked: dict[str, str]) -> set[str]:
    """The labels that the series of a selector have; one without a name has its pattern in `__name__`."""
    names = [name] if name else [one for one in EXPOSED if re.fullmatch(asked["__name__"], one)]
    assert names, f"nothing exposes {asked}"
    for one in names:
        assert one in EXPOSED, f"nothing exposes {one}"
        wrong = asked.keys() - {"__name__"} - EXPOSED[one]
        assert not wrong, f"{one} has no {wrong}"
        assert "cluster" in asked, f"{one} is not limited to the chosen cluster"
    return set.union(*(EXPOSED[one] for one in names)) | (set() if name else {"__name__"})


def aggregated(expr, inner: set[str]) -> set[str]:
    if expr.modifier is None:
        return inner if str(expr.op) in ("topk", "bottomk") else set()
    by = set(expr.modifier.labels)
    assert by <= inner, f"by {by - inner}: there are {inner}"
    return by


def test_every_query_asks_for_what_is_exposed(targets):
    problems = []
    for target in targets:
        try:
            result = labels(promql.parse(target.query))
            named = set(re.findall(r"{{(\w+)}}", target.json["legendFormat"]))
            assert named <= result, f"the legend names {named - result}: there are {result}"
        except (AssertionError, ValueError) as error:
            problems.append(f"{target.where}: {error}")
    assert not problems, "\n".join(problems)


def test_every_query_looks_at_the_chosen_dags_alone(targets):
    for target in targets:
        for name, asked in re.findall(r"([\w:]*)\{([^}]*)\}", target.json["expr"]):
            if not name or (name != "ALERTS" and "dag_id" in EXPOSED[name]):
                assert 'dag_id=~"$dag_id"' in asked, f"{target.where}: {name}"


def test_columns_and_links_name_labels_that_are_there(panels, targets):
    for panel in panels:
        found = [labels(promql.parse(target.query)) for target in targets if target.panel is panel]
        for change in panel["transformations"]:
            if change["id"] == "organize":
                asked = {name for name in change["options"]["indexByName"] if not name.startswith("Value")}
                assert asked <= set().union(*found), f"{panel['title']}: no label {asked - set().union(*found)}"
        for name in re.findall(r"__field\.labels\.(\w+)", str(panel["fieldConfig"])):
            assert all(name in result for result in found), f"{panel['title']}: a link needs {name}"


def test_variables_and_annotations_ask_for_what_is_exposed(boards):
    for board in boards.values():
        for choice in board["templating"]["list"]:
            if choice["name"] == "cluster":
                assert choice["query"] == 'label_values(up{job="windsock"}, cluster)'
            elif ranked := re.fullmatch(r"query_result\((.+)\)", choice["query"]):
                assert labels(promql.parse(interpolate(ranked[1]))) == {choice["name"]}
            elif choice["type"] == "query":
                selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", choice["query"]).groups()
                found = labels(promql.parse(interpolate(selector)))
                assert label in found, choice["query"]
        for annotation in board["annotations"]["list"]:
            result = labels(promql.parse(interpolate(annotation["expr"])))
            assert set(re.findall(r"{{(\w+)}}", annotation["titleFormat"] + annotation["textFormat"])) <= result


def test_no_panel_is_built_on_a_metric_that_no_airflow_sends(targets):
    never = {metric.family for metric in catalog.airflow() if not metric.versions}
    for target in targets:
        assert not [name for name in never if re.search(rf"\b{name}", target.query)], target.where


def test_a_metric_that_does_not_exist_is_an_error_when_the_dashboard_is_built():
    with pytest.raises(KeyError, match="airflow_nonsense_total"):
        _ = Query("sum(airflow_nonsense_total)").scoped


def test_a_histograms_suffix_on_a_counter_is_an_error_too():
    with pytest.raises(KeyError, match="airflow_ti_failures_total_bucket"):
        _ = Query("airflow_ti_failures_total_bucket").scoped


def test_selectors_get_the_variables_that_their_metric_has():
    scoped = Query('sum(airflow_ti_finish_total{state="failed"}) / sum(airflow_dagbag_size)').scoped
    assert scoped == (
        'sum(airflow_ti_finish_total{cluster=~"$cluster",dag_id=~"$dag_id",state="failed"}) / '
        'sum(airflow_dagbag_size{cluster=~"$cluster"})'
    )


def test_the_description_says_which_versions_feed_a_panel(panels):
    by_title = {panel["title"]: panel["description"] for panel in panels}
    assert "`ti.finish`: Airflow 2.11 until 3.0, 3.1.8 and later." in by_title["Tries by state"]
    assert "`operator_failures`: Airflow 2.11 until 3.0, 3.1.6 and later." in by_title["Tries by operator"]
    assert "StatsD" not in by_title["Exporter"]


def test_a_metric_that_no_version_sends_is_named_as_such(monkeypatch):
    metric = SimpleNamespace(family="airflow_x", name="x", source="statsd", versions=(), kind="gauge", labels=())
    monkeypatch.setattr(catalog, "by_family", lambda: {"airflow_x": metric})
    assert provenance([Query("airflow_x")]) == "StatsD `x`: Airflow none."
