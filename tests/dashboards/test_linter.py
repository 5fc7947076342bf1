"""The rules of Grafana's dashboard-linter, each on every board, but for those with a reason why not."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import Any

import promql_parser as promql
import pytest

import windsock
from windsock.dashboards.targets import panels

from .conftest import interpolate

EXCLUDED = {
    "template-job-rule": "each metric comes from one job, the exporter; what tells installations apart is the cluster",
    "template-instance-rule": "Airflow's components are no targets: an exporter speaks for all, and may be replaced",
    "target-job-rule": "a metric's name says whose it is; a job's name is the installation's, and would hide all",
    "target-instance-rule": "sums are over all exporters of a cluster, also over those that were replaced",
    "target-histogram-rule": "heatmaps show the buckets themselves; every other query of buckets makes a quantile",
}
"""By rule: why it is not followed, as docs/dashboards.md says too."""
DOCS = Path(windsock.__file__).parents[1] / "docs" / "dashboards.md"
RATES = {"rate", "irate", "increase"}
WITH_UNIT = {"stat", "table", "timeseries", "gauge"}


def queries(board):
    for panel in panels(board):
        for target in panel.get("targets", ()):
            yield panel, target["expr"]


def choices(board, kind):
    return [choice for choice in board["templating"]["list"] if choice["type"] == kind]


def selectors(node: Any, around: tuple[str, ...] = ()):
    """Each selector with the functions around it, the innermost last; a window is `[]`."""
    match type(node).__name__:
        case "VectorSelector":
            yield node, around
        case "MatrixSelector":
            yield from selectors(node.vector_selector, (*around, "[]"))
        case "Call":
            for argument in node.args:
                yield from selectors(argument, (*around, node.func.name))
        case "BinaryExpr":
            yield from selectors(node.lhs, around)
            yield from selectors(node.rhs, around)
        case "AggregateExpr" | "ParenExpr" | "UnaryExpr":
            yield from selectors(node.expr, around)


def read(board):
    for panel, expr in queries(board):
        try:
            parsed = promql.parse(interpolate(expr))
        except (AssertionError, ValueError):
            continue  # that is another rule's
        for selector, around in selectors(parsed):
            yield panel, selector, around


def has_choice(name):
    def problems(board):
        if name not in {choice["name"] for choice in choices(board, "query")}:
            yield f"no choice of the {name}"

    return problems


def asks_for(label):
    def problems(board):
        for panel, selector, _ in read(board):
            if label not in {matcher.name for matcher in selector.matchers.matchers}:
                yield panel["title"]

    return problems


def datasource(board):
    sources = [(choice["name"], choice["label"]) for choice in choices(board, "datasource")]
    if sources != [("datasource", "Data source")]:
        yield str(sources)


def variables_of_labels(board):
    for choice in choices(board, "query"):
        found = re.fullmatch(r"label_values\((.+), \w+\)|query_result\((.+)\)", choice["query"])
        try:
            promql.parse(interpolate(found[1] or found[2]) if found else "?")
        except (AssertionError, ValueError):
            yield choice["name"]


def variables_are_loaded_anew(board):
    yield from (choice["name"] for choice in choices(board, "query") if choice["refresh"] != 2)


def panel_datasource(board):
    yield from (panel["title"] for panel in panels(board) if panel["datasource"]["uid"] != "${datasource}")


def title_and_description(board):
    yield from (panel["title"] for panel in panels(board) if not (panel["title"] and panel["description"]))


def units(board):
    for panel in panels(board):
        if panel["type"] in WITH_UNIT and not panel["fieldConfig"]["defaults"].get("unit"):
            yield panel["title"]


def no_targets(board):
    yield from (panel["title"] for panel in panels(board) if not panel["targets"])


def is_promql(board):
    for panel, expr in queries(board):
        try:
            promql.parse(interpolate(expr))
        except (AssertionError, ValueError) as error:
            yield f"{panel['title']}: {error}"


def rate_interval(board):
    for panel, expr in queries(board):
        if set(re.findall(r"\bi?rate\([^[]*\[([^]]+)\]", expr)) - {"$__rate_interval"}:
            yield panel["title"]


def counters(board):
    for panel, selector, around in read(board):
        if (selector.name or "").endswith("_total") and (around[-1:] != ("[]",) or around[-2] not in RATES):
            yield f"{panel['title']}: {selector.name}"


def histograms(board):
    for panel, selector, around in read(board):
        if "_bucket" in (selector.name or "") and "histogram_quantile" not in around:
            yield f"{panel['type']}: {panel['title']}"


def uneditable(board):
    if board["editable"]:
        yield "is editable"


RULES = {
    "template-datasource-rule": datasource,
    "template-job-rule": has_choice("job"),
    "template-instance-rule": has_choice("instance"),
    "template-label-promql-rule": variables_of_labels,
    "template-on-time-change-reload-rule": variables_are_loaded_anew,
    "panel-datasource-rule": panel_datasource,
    "panel-title-description-rule": title_and_description,
    "panel-units-rule": units,
    "panel-no-targets-rule": no_targets,
    "target-promql-rule": is_promql,
    "target-rate-interval-rule": rate_interval,
    "target-job-rule": asks_for("job"),
    "target-instance-rule": asks_for("instance"),
    "target-counter-agg-rule": counters,
    "target-histogram-rule": histograms,
    "uneditable-dashboard": uneditable,
}


@pytest.mark.parametrize("rule", RULES)
def test_every_board_follows_the_rule_or_there_is_a_reason(boards, rule):
    found = [f"{name}: {problem}" for name, board in boards.items() for problem in RULES[rule](board)]
    assert bool(found) == (rule in EXCLUDED), found


def test_only_heatmaps_show_buckets(boards):
    assert {problem.partition(":")[0] for board in boards.values() for problem in histograms(board)} == {"heatmap"}


BREAKS = {
    "template-datasource-rule": lambda board: board["templating"]["list"][0].update(name="prometheus"),
    "template-label-promql-rule": lambda board: board["templating"]["list"][1].update(query="label_values(up{, a)"),
    "template-on-time-change-reload-rule": lambda board: board["templating"]["list"][1].update(refresh=1),
    "panel-datasource-rule": lambda board: board["panels"][0].update(datasource={"uid": "abc"}),
    "panel-title-description-rule": lambda board: board["panels"][0].update(description=""),
    "panel-units-rule": lambda board: board["panels"][0]["fieldConfig"]["defaults"].pop("unit"),
    "panel-no-targets-rule": lambda board: board["panels"][0].update(targets=[]),
    "target-promql-rule": lambda board: board["panels"][0]["targets"][0].update(expr="sum(up"),
    "target-rate-interval-rule": lambda board: board["panels"][0]["targets"][0].update(expr="rate(a_total[5m])"),
    "target-counter-agg-rule": lambda board: board["panels"][0]["targets"][0].update(expr="max_over_time(a_total[5m])"),
    "uneditable-dashboard": lambda board: board.update(editable=True),
}


@pytest.mark.parametrize("rule", BREAKS)
def test_a_rule_finds_what_breaks_it(boards, rule):
    board = copy.deepcopy(boards["overview.json"])
    assert list(RULES[rule](board)) == []
    BREAKS[rule](board)
    assert list(RULES[rule](board))


def test_the_page_names_every_rule_with_the_reason_of_what_is_left_out():
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.+) \|$", DOCS.read_text(), re.MULTILINE))
    assert rows == {rule: EXCLUDED.get(rule, "followed") for rule in RULES}
