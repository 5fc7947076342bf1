"""A real Prometheus with a sample of every metric answers every query, and with the right numbers."""

from __future__ import annotations

import math
import re

import pytest
import requests

from windsock.dashboards.queries import Query

END = 1_790_000_000 // 30 * 30
RANGE = 600


def ask(url: str, query: str, *, instant: bool) -> list[dict]:
    moment = {"time": END} if instant else {"start": END - RANGE, "end": END, "step": 60}
    path = "query" if instant else "query_range"
    answer = requests.get(f"{url}/api/v1/{path}", params={"query": query, **moment}, timeout=60)
    assert answer.ok, f"{query}: {answer.text}"
    return answer.json()["data"]["result"]


def numbers(series: dict) -> list[float]:
    points = [series["value"]] if "value" in series else series["values"]
    return [float(value) for _, value in points if not math.isnan(float(value))]


@pytest.fixture
def value(prometheus, targets):
    """The numbers of a panel's query by its title: {labels: last value}."""

    def look(title: str, ref: str = "A") -> dict[str, float]:
        target = next(t for t in targets if t.panel["title"] == title and t.json["refId"] == ref)
        found = ask(prometheus, target.query, instant=target.json["instant"])
        return {",".join(sorted(series["metric"].values())): numbers(series)[-1] for series in found}

    return look


def test_every_query_of_every_panel_has_an_answer(prometheus, targets):
    empty = [
        target.where
        for target in targets
        if not any(numbers(series) for series in ask(prometheus, target.query, instant=target.json["instant"]))
    ]
    assert not empty


def test_every_variable_has_values(prometheus, boards):
    for board in boards.values():
        for choice in board["templating"]["list"]:
            if choice["type"] == "query":
                selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", choice["query"]).groups()
                answer = requests.get(
                    f"{prometheus}/api/v1/label/{label}/values",
                    params={"match[]": selector.replace("$cluster", ".*"), "start": END - RANGE, "end": END},
                    timeout=60,
                )
                assert answer.json()["data"] == {"cluster": ["prod"], "dag_id": ["billing", "orders"]}[label]


def test_the_annotation_shows_what_fires_but_not_the_watchdog(prometheus, boards):
    for board in boards.values():
        for annotation in board["annotations"]["list"]:
            found = ask(prometheus, annotation["expr"].replace("$cluster", ".*"), instant=False)
            assert [series["metric"]["alertname"] for series in found] == ["AirflowSchedulerSilent"]


def test_failures_are_counted_over_the_range(value):
    # 20 steps: four failures in each of them for one DAG, two for the other.
    assert value("Failed tries") == {"": pytest.approx(120)}
    assert value("Failing DAGs") == {"orders": pytest.approx(80), "billing": pytest.approx(40)}
    assert value("Failed runs") == {"": pytest.approx(40)}


def test_the_success_rate_counts_retried_tries_as_failures(value):
    assert value("Success rate of tries") == {"": pytest.approx(8 / 14)}
    assert value("Failing DAGs", "B") == {"orders": pytest.approx(4 / 8), "billing": pytest.approx(4 / 6)}


def test_where_nothing_succeeded_the_rate_is_zero_and_not_unknown(prometheus, targets):
    for title, ref, count in (("Success rate of tries", "A", 1), ("Failing DAGs", "B", 2)):
        target = next(t for t in targets if t.panel["title"] == title and t.json["refId"] == ref)
        found = ask(prometheus, target.query.replace('state="success"', 'state="never-seen"'), instant=True)
        assert [numbers(series) for series in found] == [[0.0]] * count, title


def test_tries_by_state_are_a_minute(value):
    # two DAGs, two steps a minute
    assert value("Tries by state") == {
        "success": pytest.approx(16),
        "failed": pytest.approx(8),
        "up_for_retry": pytest.approx(4),
    }


def test_components_are_alive_and_the_exporter_is_up(value):
    for title in ("Scheduler", "DAG processor", "Triggerer", "Exporter"):
        assert value(title) == {"prod": 1}, title


def test_a_component_that_stopped_is_a_zero_and_not_a_gap(prometheus, targets):
    target = next(t for t in targets if t.panel["title"] == "Scheduler")
    stopped = target.query.replace("airflow_scheduler_heartbeat_total", "airflow_dagbag_size")
    assert [numbers(series) for series in ask(prometheus, stopped, instant=True)] == [[0.0]]


def test_firing_alerts_leave_the_watchdog_out_and_none_is_a_zero(prometheus, targets, value):
    assert value("Alerts firing") == {"": 1}
    target = next(t for t in targets if t.panel["title"] == "Alerts firing")
    quiet = target.query.replace('"firing"', '"nothing"')
    assert [numbers(series) for series in ask(prometheus, quiet, instant=True)] == [[0.0]]


def test_quantiles_are_inside_the_bucket_of_the_observations(value):
    # All observations lie in (1 s, 5 s], the third bucket of task durations.
    assert 1 < value("Task duration", "A")[""] < value("Task duration", "B")[""] <= 5
    assert value("Slowest DAGs") == {"orders": pytest.approx(4.8), "billing": pytest.approx(4.8)}


def test_lost_tasks_of_airflow_2_and_3_are_added_but_none_is_counted_twice(prometheus, value):
    # Airflow 3's metric and Airflow 2's are there for one cluster: the newer name wins.
    assert value("Tasks lost") == {"": pytest.approx(40)}


def test_a_query_that_looks_at_one_dag_sees_only_that_one(prometheus):
    query = Query("sum by (dag_id) (increase(airflow_ti_failures_total[$__range]))").scoped
    query = query.replace("$cluster", "prod").replace("$dag_id", "billing").replace("$__range", "10m")
    assert [series["metric"] for series in ask(prometheus, query, instant=True)] == [{"dag_id": "billing"}]
