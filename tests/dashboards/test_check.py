"""`windsock dashboards check` and `queries`: what is wrong is said with its dashboard, panel and query."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from windsock.cli import windsock
from windsock.dashboards import asking, build, promql, targets
from windsock.exceptions import SettingsError, UsageError, WindsockError

QUERY = "sum(rate(airflow_ti_finish_total[$__rate_interval]))"


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def invoke(*options: str):
        return CliRunner().invoke(windsock, ["dashboards", *options])

    return invoke


def panel(title="Tries", expr=QUERY, **more):
    found = {
        "id": sum(map(ord, title)),
        "title": title,
        "type": "timeseries",
        "description": "Flat is good.",
        "fieldConfig": {"defaults": {"noValue": "no task ended"}, "overrides": []},
        "targets": [{"refId": "A", "expr": expr}],
    }
    return {**found, **more}


def board(*panels, **more):
    shown = list(panels) or [panel()]
    return {"uid": "one", "title": "One", "schemaVersion": 39, "panels": shown, **more}


@pytest.fixture
def check(run, tmp_path):
    """The problems that the command prints about these dashboards, without their file's name."""

    def look(*boards, **texts):
        folder = tmp_path / "boards"
        folder.mkdir()
        for number, one in enumerate(boards):
            (folder / f"{number}.json").write_text(json.dumps(one))
        for name, text in texts.items():
            (folder / f"{name}.json").write_text(text)
        result = run("check", "boards")
        if result.exit_code == 0:
            assert result.output == f"{len(boards) + len(texts)} dashboards: ok\n"
            return []
        assert isinstance(result.exception, WindsockError)
        assert result.exception.exit_code == 1
        lines = result.output.splitlines()
        assert f"{len(lines)} problems in " in str(result.exception)
        return lines

    return look


def test_what_is_right_is_ok(check):
    row = {"type": "row", "id": 1, "title": "A row", "collapsed": True, "panels": [panel("Inside")]}
    steps = [{"color": "green", "value": None}, {"color": "red", "value": 1}]
    limits = panel("Limits", fieldConfig={"defaults": {"noValue": "none", "thresholds": {"steps": steps}}})
    text = {"type": "text", "title": "Words", "id": 2}
    choice = {"name": "dag_id", "type": "query", "query": "label_values(airflow_db_dag_info, dag_id)"}
    variables = {"templating": {"list": [choice]}}
    chosen = panel("Chosen", 'sum(airflow_db_dag_paused{dag_id=~"$dag_id|${dag_id:regex}"}) + $__range_s')
    assert check(board(panel(), row, limits, text, chosen, **variables)) == []


@pytest.mark.parametrize(
    ("wrong", "expected"),
    [
        (board(uid="x" * 41), "uid: expected up to 40 letters"),
        (board(uid=""), "uid: expected up to 40 letters"),
        (board(title=""), "title: expected one"),
        (board(schemaVersion=12), "schemaVersion: expected 39 or more"),
        (board(schemaVersion="39"), "schemaVersion: expected 39 or more"),
        (board(id=7), "id: belongs to one Grafana"),
        (board(version=7), "version: belongs to one Grafana"),
        (board(time={"from": None}), "time.from: null"),
        (board(panel(interval=None)), "panels[0].interval: null"),
        (board(panel(type="graph")), "panel 'Tries': type 'graph': Grafana draws it no more"),
        (board(panel(description="")), "panel 'Tries': description: expected what good looks like"),
        (board(panel(targets=[])), "panel 'Tries': has no query"),
        (board(panel(fieldConfig={})), "panel 'Tries': fieldConfig.defaults.noValue: expected why"),
        (board(panel(), panel(id=1)), "panel 'Tries': another panel has this title"),
        (board(panel(), panel("Other", id=panel()["id"])), "stands twice"),
        (board(panel(targets=[{"refId": "A", "expr": "up"}] * 2)), "panel 'Tries': two queries have one refId: A, A"),
        (
            board({"type": "row", "id": 1, "title": "R", "collapsed": False, "panels": [panel()]}),
            "row 'R': is open and holds panels",
        ),
        (board(panel(expr="sum(up")), "Tries, query A: no PromQL"),
        (board(panel(expr="")), "Tries, query A: no PromQL"),
        (board(panel(expr='up{cluster="$clutser"}')), "Tries, query A: no variable $clutser"),
        (board(panel(expr="sum(airflow_ti_finish)")), "Tries, query A: nothing exposes airflow_ti_finish"),
        (board(panel(expr="sum(airflow_ti_finish_total)")), "the counter airflow_ti_finish_total is neither under"),
        (board(panel(expr="rate(airflow_dagbag_size[5m])")), "the gauge airflow_dagbag_size is under rate()"),
        (board(panel(expr="rate(airflow_task_duration_seconds[5m])")), "airflow_task_duration_seconds is a histogram"),
        (
            board(annotations={"list": [{"name": "Runs", "expr": "sum(("}]}),
            "annotation Runs: no PromQL",
        ),
        (
            board(
                templating={"list": [{"name": "d", "type": "query", "query": "label_values(airflow_no_such, dag_id)"}]}
            ),
            "variable d: nothing exposes airflow_no_such",
        ),
        (board(panels={"a": 1}), "expected a dashboard, an object with panels"),
        (board(3), "not what Grafana reads"),
        ([], "expected a dashboard"),
    ],
)
def test_one_thing_that_is_wrong_is_one_line(check, wrong, expected):
    (line,) = check(wrong)
    assert line.startswith("0.json: ")
    assert expected in line


def test_what_is_no_json_is_said_and_the_others_are_checked(check):
    lines = check(board(title=""), broken="{")
    assert [line.partition(": ")[0] for line in lines] == ["broken.json", "0.json"]
    assert "no JSON" in lines[0]


def test_a_uid_or_a_title_that_stands_twice_is_said_of_both_files(check):
    lines = check(board(), board())
    assert lines == [
        "1.json: uid 'one' is that of 0.json too: Grafana would load neither",
        "1.json: title 'One' is that of 0.json too: Grafana would load neither",
    ]


def test_a_folder_without_dashboards_is_wrong_usage(run, tmp_path):
    (tmp_path / "empty").mkdir()
    assert isinstance(run("check", "empty").exception, UsageError)
    assert run("check", "nowhere").exit_code == 2


@pytest.mark.parametrize(
    ("expr", "names"),
    [
        ("sum by (a) (rate(x_total[5m])) / on (a) group_left -y", ["x_total", "y"]),
        ("max_over_time((a + b)[1h:1m]) or vector(0)", ["a", "b"]),
        ("topk(3, a) unless quantile(0.9, b) > bool (c offset 5m)", ["a", "b", "c"]),
        ('label_replace(a, "x", "$1", "y", "(.*)") and on () b @ end()', ["a", "b"]),
        ('{__name__=~"airflow_custom_.+"}', [""]),
    ],
)
def test_every_selector_of_an_expression_is_seen(expr, names):
    assert promql.names(expr) == names


@pytest.mark.parametrize(
    "expr",
    [
        "sum(rate(airflow_ti_finish_total[5m]))",
        "histogram_quantile(0.9, sum by (le) (increase(airflow_task_duration_seconds_bucket[1h])))",
        "sum_over_time((sum(increase(airflow_ti_finish_total[1m])))[1h:1m])",
        "count(airflow_ti_finish_total) or absent(airflow_ti_finish_total)",
        "delta(airflow_dagbag_size[1h])",
        "sum(up) + sum(cluster_dag_id:anything:sum) + airflow_custom_rows_total",
    ],
)
def test_what_may_be_asked_is_no_problem(expr):
    assert promql.problems(expr) == []


@pytest.mark.parametrize(
    ("window", "smallest", "expected"),
    [(3600, 15, 15), (21600, 15, 30), (86400, 15, 120), (3600, 60, 60), (90 * 86400, 15, 10800)],
)
def test_the_step_is_one_of_grafanas(window, smallest, expected):
    assert targets.step(window, smallest) == expected


def test_bars_are_as_many_as_one_can_see():
    (target,) = targets.targets(board(panel(expr="a[$__rate_interval] $__interval", maxDataPoints=150)))
    assert targets.filled(target, {}, 86400) == "a[615s] 600s"
    assert "step=600" in asking.path(target, "a", 86400, 1_790_000_000)


def test_a_panel_with_a_time_of_its_own_looks_back_that_far():
    (target,) = targets.targets(board(panel(expr="a[$__range] $__rate_interval", timeFrom="15m", interval="1m")))
    assert targets.filled(target, {}, 86400) == "a[900s] 75s"


def test_queries_are_listed_by_board_and_panel(run):
    rows = json.loads(run("queries", "--json").output)
    assert len({row["file"] for row in rows}) == len(build.files())
    assert sum(row["panel"].startswith("variable") for row in rows) >= len(build.files())
    text = run("queries").output
    for row in rows:
        assert f"{row['board']} / {row['panel']}" in text
        assert f"    {row['expr']}\n" in text


def test_queries_that_read_one_metric_are_found(run):
    rows = json.loads(run("queries", "--json", "--metric", "airflow_task_duration_seconds").output)
    assert rows
    assert all("airflow_task_duration_seconds_bucket" in row["metrics"] for row in rows)
    everything = json.loads(run("queries", "--json").output)
    assert {"airflow_ti_finish_total", "up"} <= {name for row in everything for name in row["metrics"]}
    result = run("queries", "--metric", "airflow_ti_finish")
    assert str(result.exception) == "no query reads airflow_ti_finish"
    assert result.exception.exit_code == 1


@pytest.fixture
def ask(run, tmp_path):
    def look(prometheus, *panels):
        folder = tmp_path / "boards"
        folder.mkdir()
        (folder / "one.json").write_text(json.dumps(board(*panels)))
        return run("check", "boards", "--prometheus", prometheus)

    return look


def test_what_a_prometheus_finds_nothing_for_is_said_with_the_reason(ask, prometheus):
    some = panel("Some", targets=[{"refId": "A", "expr": "vector(1)"}, {"refId": "B", "expr": "1", "instant": True}])
    result = ask(prometheus, some, panel("Nothing", "up{job='nowhere'}"))
    assert result.exit_code == 0
    assert result.output == (
        "one.json: Nothing, query A: empty: no task ended\n"
        f"{prometheus}: 3 queries over 1h, 1 of them empty\n"
        "1 dashboards: ok\n"
    )


def test_a_query_that_prometheus_refuses_is_an_error(ask, prometheus):
    wrong = 'label_replace(vector(1), "1x", "y", "", "")'
    result = ask(prometheus, panel("Right", "vector(1)"), panel("Wrong", wrong), panel("Nothing", "up{job='nowhere'}"))
    assert isinstance(result.exception, WindsockError)
    assert str(result.exception).startswith("one.json: Wrong, query A: 4")
    assert "invalid destination label name" in str(result.exception)
    assert "Nothing, query A: empty" in result.output


def test_a_prometheus_that_is_not_there_is_asked_some_times_only(ask):
    result = ask("http://127.0.0.1:1", *(panel(f"Panel {number}") for number in range(9)))
    assert isinstance(result.exception, WindsockError)
    assert str(result.exception).count("ConnectionRefusedError") == 3


def test_a_prometheus_without_a_url_is_wrong_configuration(ask):
    result = ask("localhost:9090")
    assert isinstance(result.exception, SettingsError)
    assert "expected a URL" in str(result.exception)
