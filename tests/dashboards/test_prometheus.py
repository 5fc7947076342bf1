"""A real Prometheus with a sample of every metric answers every query, and with the right numbers."""

from __future__ import annotations

import math
import re

import pytest
import requests

from windsock.dashboards.queries import Query

from .conftest import interpolate

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


def only(targets, board: str, title: str, ref: str = "A"):
    """The query of this letter of the one panel of this title."""
    (found,) = (t for t in targets if (t.board, t.panel["title"], t.json["refId"]) == (board, title, ref))
    return found


@pytest.fixture
def value(prometheus, targets):
    """The numbers of a panel's query by board and title: {labels: last value}."""

    def look(board: str, title: str, ref: str = "A") -> dict[str, float]:
        target = only(targets, board, title, ref)
        found = ask(prometheus, target.query, instant=target.json["instant"])
        return {",".join(sorted(series["metric"].values())): numbers(series)[-1] for series in found}

    return look


UNREAD = ["overview: Failed tasks, the five worst DAGs B"]
"""What stands in where the database is not read."""


def test_every_query_of_every_panel_has_an_answer(prometheus, targets):
    def answers(target) -> bool:
        query = target.query.replace("airflow_db_up", "airflow_nothing") if target.where in UNREAD else target.query
        return any(numbers(series) for series in ask(prometheus, query, instant=target.json["instant"]))

    assert [target.where for target in targets if not answers(target)] == []


def test_what_stands_in_for_the_database_is_silent_where_that_is_read(prometheus, targets):
    for target in targets:
        if target.where in UNREAD:
            assert ask(prometheus, target.query, instant=target.json["instant"]) == []


def test_every_variable_has_values(prometheus, boards):
    values = {"cluster": ["prod"], "dag_id": ["billing", "orders"], "pool_name": ["a-pool_name"]}
    values |= {"counter": ["airflow_custom_rows_total"], "timing": ["airflow_custom_step_seconds_bucket"]}
    values |= {"gauge": ["airflow_custom_lag"]}
    for board in boards.values():
        for choice in board["templating"]["list"]:
            if choice["type"] == "query":
                if ranked := re.fullmatch(r"query_result\((.+)\)", choice["query"]):
                    found = ask(prometheus, interpolate(ranked[1]), instant=True)
                    assert [one["metric"] for one in found] == [{"dag_id": "orders"}, {"dag_id": "billing"}]
                    continue
                selector, label = re.fullmatch(r"label_values\((.+), (\w+)\)", choice["query"]).groups()
                answer = requests.get(
                    f"{prometheus}/api/v1/label/{label}/values",
                    params={"match[]": interpolate(selector), "start": END - RANGE, "end": END},
                    timeout=60,
                )
                name = choice["name"]
                assert answer.json()["data"] == values.get(name, [f"a-{name}"]), choice["query"]


def test_a_board_of_one_dag_knows_the_dags_when_the_exporter_is_down(prometheus, boards):
    (choice,) = (one for one in boards["dag.json"]["templating"]["list"] if one["name"] == "dag_id")
    query = interpolate(choice["query"].removeprefix("query_result(").removesuffix(")").replace("$__range", "1h"))
    later = {"query": query, "time": END + RANGE}
    found = requests.get(f"{prometheus}/api/v1/query", params=later, timeout=60).json()["data"]["result"]
    assert {(one["metric"]["dag_id"], one["value"][1]) for one in found} == {("orders", "0"), ("billing", "0")}


def test_annotations_show_what_fires_what_failed_and_what_changed_but_not_the_watchdog(prometheus, boards):
    for board in boards.values():
        fires, failed, changed = board["annotations"]["list"]
        found = ask(prometheus, interpolate(fires["expr"]), instant=False)
        assert [series["metric"]["alertname"] for series in found] == ["AirflowSchedulerSilent"]
        # A region each: of all runs that failed there is one, whatever number of DAGs they are of.
        found = ask(prometheus, interpolate(failed["expr"]), instant=False)
        assert [series["metric"] for series in found] == [{"cluster": "prod"}]
        found = ask(prometheus, interpolate(changed["expr"]), instant=False)
        assert {series["metric"]["dag_id"] for series in found} == {"orders", "billing"}


def test_failures_are_counted_over_the_range(value):
    # 20 steps: three failures in each of them for one DAG, one for the other.
    assert value("overview", "Failing DAGs", "B") == {
        "orders,prod": pytest.approx(60),
        "billing,prod": pytest.approx(20),
    }
    assert value("overview", "Failed tasks a minute") == {"": pytest.approx(8)}
    assert value("objectives", "Who spends it") == {
        "orders,prod": pytest.approx(20),
        "billing,prod": pytest.approx(20),
    }


def test_what_the_database_knows_is_not_added_to_what_statsd_says(value):
    # Both have each failure; up_for_retry, which the database has not, is StatsD's.
    assert value("dag", "Task instances by how they ended") == {
        "success": pytest.approx(16),
        "failed": pytest.approx(8),
        "up_for_retry": pytest.approx(4),
    }


def test_without_the_database_statsd_stands_in(prometheus, targets):
    target = only(targets, "overview", "Failing DAGs", "B")
    query = target.query.replace("airflow_db_task_instances_finished_total", "airflow_db_nothing_total")
    found = {series["metric"]["dag_id"]: numbers(series) for series in ask(prometheus, query, instant=True)}
    assert found == {"orders": [pytest.approx(60)], "billing": [pytest.approx(20)]}


def test_the_success_rate_counts_retried_tries_as_failures(value):
    assert value("task", "Success rate of tries") == {"": pytest.approx(8 / 14)}


def test_where_nothing_succeeded_the_rate_is_zero_and_not_unknown(prometheus, targets):
    target = only(targets, "task", "Success rate of tries")
    found = ask(prometheus, target.query.replace('state=~"success"', 'state="never-seen"'), instant=True)
    assert [numbers(series) for series in found] == [[0.0]]


def test_who_spends_the_error_budget_and_what_is_left_of_it(prometheus, targets, value):
    assert value("objectives", "Runs that succeeded") == {"": pytest.approx(0.5)}
    assert value("objectives", "Error budgets spent") == {"": 1}
    assert value("objectives", "Error budgets of objectives") == {"orders,prod,success": -49}
    assert value("objectives", "Error budgets of objectives", "C") == {"orders,prod,success": pytest.approx(0.01)}
    assert value("objectives", "Who spends it", "B") == {
        "orders,prod": pytest.approx(0.5),
        "billing,prod": pytest.approx(0.5),
    }
    target = only(targets, "objectives", "Runs that succeeded")
    never = target.query.replace("_failed_", "_success_").replace('state="failed"', 'state="never-seen"')
    never = never.replace("airflow_dagrun_duration_success_seconds_count", "airflow_nothing_total")
    assert [numbers(series) for series in ask(prometheus, never, instant=True)] == [[1.0]]


def test_failures_are_summed_by_whose_they_are(value):
    assert value("teams", "Failed task instances by team") == {"a-team": pytest.approx(80)}
    assert value("teams", "Failed task instances by owner") == {"a-owner": pytest.approx(80)}


def test_components_are_alive_and_the_exporter_is_up(value):
    for title in ("Scheduler", "DAG processor", "Triggerer", "Executor", "Database", "windsock"):
        assert value("overview", title) == {"prod": 1}, title


def test_a_component_is_alive_by_the_database_alone(prometheus, targets):
    for title in ("Scheduler", "DAG processor", "Triggerer"):
        query = re.sub(r"airflow_\w+_heartbeat_total", "airflow_nothing_total", only(targets, "overview", title).query)
        assert [numbers(series) for series in ask(prometheus, query, instant=True)] == [[1.0]], title


@pytest.mark.parametrize("without", ["", "airflow_db_heartbeat_age_seconds"])
def test_a_component_that_stopped_is_a_zero_and_not_a_gap(prometheus, targets, without):
    stopped = only(targets, "overview", "Scheduler").query.replace("< bool 60", "< bool 1")
    if without:
        stopped = stopped.replace(without, "airflow_nothing")
    stopped = stopped.replace("airflow_scheduler_heartbeat_total", "airflow_dagbag_size")
    assert [numbers(series) for series in ask(prometheus, stopped, instant=True)] == [[0.0]]


def test_where_nothing_is_wrong_a_count_is_zero_and_where_nobody_looks_it_is_silent(prometheus, targets):
    late = only(targets, "overview", "Late DAGs").query.replace("> 300", "> 3000")
    assert [numbers(series) for series in ask(prometheus, late, instant=True)] == [[0.0]]
    assert ask(prometheus, late.replace("airflow_db_", "airflow_nothing_"), instant=True) == []


def test_firing_alerts_leave_the_watchdog_out_and_none_is_a_zero(prometheus, targets, value):
    # One of a rule, and one failure that lasts by the reconciler's word.
    assert value("overview", "Alerts firing") == {"rules": 1, "failures": 1}
    quiet = only(targets, "overview", "Alerts firing").query.replace('"firing"', '"nothing"')
    quiet = quiet.replace("windsock_reconcile_firing", "windsock_reconcile_nothing")
    assert [numbers(series) for series in ask(prometheus, quiet, instant=True)] == [[0.0]]


def test_quantiles_are_inside_the_bucket_of_the_observations(value):
    # All observations lie in (1 s, 5 s], the third bucket of task durations.
    run = "Run time against its own history"
    assert 1 < value("dag", run, "A")[""] < value("dag", run, "B")[""] <= 5
    (slowest,) = value("task", "Run time").values()
    assert slowest == pytest.approx(4.8)


def test_lost_tasks_of_airflow_2_and_3_are_added_but_none_is_counted_twice(value):
    # Airflow 3's metric and Airflow 2's are there for one cluster: the newer name wins.
    assert value("task", "Heartbeat lost") == {"": pytest.approx(40)}


def test_a_query_that_looks_at_one_dag_sees_only_that_one(prometheus):
    query = Query("sum by (dag_id) (increase(airflow_ti_failures_total[$__range]))").scoped
    query = query.replace("$cluster", "prod").replace("$dag_id", "billing").replace("$__range", "10m")
    assert [series["metric"] for series in ask(prometheus, query, instant=True)] == [{"dag_id": "billing"}]
