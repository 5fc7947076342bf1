"""Every query of every dashboard on the oldest and on the newest Prometheus, and every metric on some panel."""

from __future__ import annotations

import json
import re

import pytest
import requests

from windsock import catalog
from windsock.dashboards import asking, build, check, promql, targets
from windsock.dashboards.unplotted import UNPLOTTED
from windsock.settings import Settings
from windsock.settings.root import Prometheus

END = 1_790_000_000 // 30 * 30
WINDOW = 600
HTTP = requests.Session()


def queries(boards):
    for name, board in boards.items():
        chosen = targets.values(board)
        for target in targets.targets(board):
            yield f"{name}: {target}", target, targets.filled(target, chosen, WINDOW)


def found(url: str, target, expr: str) -> set[str]:
    """The labels of what is found; what Prometheus says where it refuses."""
    answer = HTTP.get(url + asking.path(target, expr, target.window or WINDOW, END), timeout=60)
    if not answer.ok:
        pytest.fail(f"{expr}\n{answer.text}")
    result = answer.json()["data"]["result"]
    return {json.dumps(one["metric"], sort_keys=True) if isinstance(one, dict) else "a number" for one in result}


def test_both_prometheuses_take_every_query_and_find_the_same_series(boards, prometheus, newest):
    asked = {where: (found(prometheus, *one), found(newest, *one)) for where, *one in queries(boards)}
    assert len(asked) > 100
    assert {where: both for where, both in asked.items() if both[0] != both[1]} == {}
    assert sum(bool(old) for old, _ in asked.values()) > len(asked) / 2


def test_what_the_command_asks_is_what_this_test_asks(boards, prometheus):
    server = asking.Server(Prometheus(urls=(prometheus,)))
    board = boards["overview.json"]
    answers = list(server.answers(board, WINDOW, END))
    expected = {where.partition(": ")[2]: one for where, *one in queries({"overview.json": board})}
    assert [answer.problem for answer in answers if answer.problem] == []
    assert {str(answer.target): answer.series for answer in answers} == {
        where: len(found(prometheus, *one)) for where, one in expected.items()
    }


def test_what_never_shows_all_is_asked_of_the_first_one(boards, prometheus):
    server = asking.Server(Prometheus(urls=(prometheus,)))
    opened = server.opened(boards["task.json"], WINDOW, END)
    assert (opened["cluster"], opened["dag_id"], opened["task_id"]) == (".*", "billing", "a-task_id")
    assert server.opened(boards["custom.json"], WINDOW, END)["counter"] == "airflow_custom_rows_total"
    chosen = server.opened(boards["task.json"], WINDOW, END, {"dag_id": "orders"})
    assert (chosen["dag_id"], chosen["task_id"]) == ("orders", "a-task_id")
    asked = {str(answer.target): answer.expr for answer in server.answers(boards["dag.json"], WINDOW, END)}
    assert 'dag_id=~"billing"' in asked["Latest run failed, query A"]


@pytest.mark.parametrize(
    "settings",
    [{}, {"links": {"airflow": "https://airflow.example.org", "grafana": "https://grafana.example.org"}}],
)
def test_check_finds_nothing_wrong(settings):
    assert check.problems(build.files(Settings.model_validate(settings))) == []


def test_every_query_looks_at_the_chosen_clusters_only(boards):
    for name, board in boards.items():
        for target in targets.targets(board):
            if target.variable and "cluster" in target.place:
                continue
            # Each selector, whatever stands around it: a name, and the braces behind it.
            for selector in re.findall(r"\b(?:airflow|windsock|up|ALERTS|cluster)\w*[\w:]*(\{[^}]*\})", target.expr):
                assert "$cluster" in selector, f"{name}: {target}: {selector}"


def test_every_metric_is_on_a_panel_or_has_a_reason_why_not(boards):
    read = {name for _, _, expr in queries(boards) for name in promql.names(expr)}
    shown = {family for family in catalog.by_family() if promql.reads(read, family)}
    # What rules record of a metric shows it too: `cluster_dag_id:METRIC:operation`.
    recorded = "\n".join(name for name in read if ":" in name)
    neither = set(catalog.by_family()) - shown - set(UNPLOTTED)
    assert {family for family in neither if family.removesuffix("_total") not in recorded} == set()
    assert {family for family in UNPLOTTED if family in shown} == set(), "is on a panel, and has a reason why not"
    assert set(UNPLOTTED) <= set(catalog.by_family()), "no such metric"
    assert all(len(reason) > 15 for reason in UNPLOTTED.values())
