"""Real Airflow's own log API over real Filebeat and Elasticsearch: the lines of the files, in order, each once."""

from __future__ import annotations

import json
import re
import shutil
import urllib.request
from datetime import datetime
from urllib.parse import quote

import pytest
from real.waiting import until

from windsock.airflow.versions import NEWEST, OLDEST

from .conftest import DATA, Shipping

DAGS3 = """
from datetime import datetime, timedelta, timezone
import itertools, logging, pathlib, time
from windsock.logging.lines import logger
from airflow.sdk import BaseOperator, dag, task
from airflow.providers.standard.triggers.temporal import TimeDeltaTrigger

class Wait(BaseOperator):
    def execute(self, context):
        self.log.info("before")
        self.defer(trigger=TimeDeltaTrigger(timedelta(seconds=4)), method_name="woken")

    def woken(self, context, event=None):
        self.log.info("after")

@dag(schedule=None, catchup=False, default_args={"retries": 1, "retry_delay": timedelta(seconds=1)})
def zoo():
    @task
    def talk():
        print("printed")
        logging.getLogger("mine").warning("warned %s", "ünïcode")
        logger("mine").info("loaded", rows=7, source={"table": "orders"}, api_key="0123456789abc")
        return [1, 2]

    @task(map_index_template="{{ x }}")
    def mapped(x):
        for n in range(30):
            logging.getLogger("mine").info("line %s of %s", n, x)

    @task
    def fails():
        raise ValueError("boom postgresql://scott:tiger99@db/x")

    wait = Wait(task_id="wait")
    mapped.expand(x=talk()); fails(); wait

zoo()

@dag(schedule=None, catchup=False)
def runs():
    @task
    def runs_on():
        for n in itertools.count():
            print("tick", n, flush=True)
            time.sleep(0.25)
            if pathlib.Path(__file__).with_suffix(".end").exists():
                break
    runs_on()

runs()
"""
DAGS2 = (
    DAGS3.replace("from airflow.sdk import BaseOperator, dag, task", "from airflow.decorators import dag, task")
    .replace("airflow.providers.standard.triggers", "airflow.triggers")
    .replace("class Wait", "from airflow.models.baseoperator import BaseOperator\n\nclass Wait")
    .replace('@task(map_index_template="{{ x }}")', "@task")
    .replace("@dag(schedule=None", "@dag(start_date=datetime(2026, 1, 1), schedule=None")
)
IN_A_POD = """
from airflow.sdk import dag, task
from windsock.logging.lines import logger

@dag(schedule=None, catchup=False)
def in_a_pod():
    @task(executor="PodExecutor")
    def talk(x):
        print("printed", x)
        logger("mine").info("loaded", dag_id="of the author", rows=7)
    talk.expand(x=[5, 6])

in_a_pod()
"""
TRIES = [("talk", -1, 1), ("mapped", 0, 1), ("mapped", 1, 1), ("fails", -1, 1), ("fails", -1, 2), ("wait", -1, 1)]


def shown(airflow, dag, run, task, index, attempt):
    """What the log API shows: the sources, and the lines (dicts in 3.x, texts in 2.11)."""
    place = f"/dags/{dag}/dagRuns/{quote(run, safe='')}/taskInstances/{task}/logs/{attempt}"
    path = f"{place}?full_content=true&map_index={index}"
    if airflow.major == "3":
        content = airflow.api("GET", path)["content"]
        end = next(n for n, line in enumerate(content) if line["event"] == "::endgroup::")
        return [line["event"] for line in content[1:end]], content[end + 1 :]
    request = urllib.request.Request(f"{airflow.url}/api/v1{path}")
    request.add_header("Accept", "text/plain")
    request.add_header("Authorization", "Basic YWRtaW46YWRtaW4=")
    with urllib.request.urlopen(request, timeout=60) as answer:
        text = answer.read().decode()
    head, _, rest = text.partition(" INFO - ::endgroup::\n")
    return re.findall(r"^\*\*\* (.*)$", head, re.MULTILINE), rest.rstrip("\n").split("\n")


def page(airflow, browser, run):
    """What a browser shows of the task `talk`: its lines, and the link to Kibana, which is asked for by itself."""
    if airflow.major == "3":
        browser.open(f"{airflow.url}/dags/zoo/runs/{quote(run, safe='')}/tasks/talk?try_number=1")
    else:
        browser.log_in(f"{airflow.url}/login/", "admin", "input[type=submit]", "DAGs")
        browser.open(f"{airflow.url}/dags/zoo/grid?dag_run_id={quote(run, safe='')}&task_id=talk&tab=logs")
    browser.wait_for("loaded")
    there = browser.wait_for("View logs in Kibana" if airflow.major == "3" else "View Logs in Kibana")
    browser.open("about:blank")  # it would ask Airflow every few seconds, for as long as the module's tests last
    return there


def files_of(airflow, dag, run, task, index, attempt):
    place = airflow.logs / f"dag_id={dag}" / f"run_id={run}" / f"task_id={task}"
    if index >= 0:
        place /= f"map_index={index}"
    return sorted(place.glob(f"attempt={attempt}.log*"))


def written(airflow, *which):
    """What Airflow shows of the files, by the documented rule: merged by milliseconds, then by line number."""
    found = []
    for file in files_of(airflow, *which):
        for number, text in enumerate(filter(None, file.read_text().split("\n"))):
            line = json.loads(text)
            stamp = datetime.fromisoformat(line["timestamp"].replace("Z", "+00:00"))
            found.append((int(stamp.timestamp() * 1000), number, line))
    return [line for _, _, line in sorted(found, key=lambda part: part[:2])]


def steady(airflow, *which):
    """What the log API shows, and what the files hold: they did not grow meanwhile."""
    while True:
        there = written(airflow, *which)
        _, lines = shown(airflow, *which)
        if written(airflow, *which) == there:
            return lines, there


def from_elasticsearch(airflow, shipping, *which):
    """The lines that the log API shows, once all of them come from there."""

    def there():
        sources, lines = shown(airflow, *which)
        return all("in Elasticsearch" in source for source in sources) and (lines,)

    (lines,) = shipping.until(there)
    return lines


def whole(airflow, run, which):
    """What 2.11 shows of the files: a task's state is set before the last lines of its log are written."""

    def ended():
        _, lines = shown(airflow, "zoo", run, *which)
        # 100 is a deferral; on a busy machine Airflow ends a task by a signal whose state is set already.
        over = any(re.search(r"return code (?!100$)-?\d+$", line) for line in lines)
        return over and lines[-1].endswith("::endgroup::") and lines

    return until(ended, 300, lambda: "\n".join(shown(airflow, "zoo", run, *which)[1]))


def same(line):
    """Without how times are spelled, and without what Airflow adds or leaves out as null."""
    kept = {key: value for key, value in line.items() if value is not None and key != "timestamp"}
    stamp = datetime.fromisoformat(line["timestamp"].replace("Z", "+00:00"))
    return {**kept, "timestamp": stamp.timestamp()}


@pytest.fixture
def shipped(tmp_path, run_airflow, postgres, request):
    """(Airflow, Shipping): an Airflow of that version whose logs are shipped, reading them back.

    Elasticsearch is 8.19 or 9.2; each of the readers is run with both, that of 3.x with 8.19 in test_s3.py.
    """
    version, form, server = request.param
    elasticsearch = request.getfixturevalue(server)
    index = f"read-{version}-{form}"
    folder = tmp_path / "shipping"
    folder.mkdir()
    pods = folder / "pods"
    pods.mkdir()
    values = {"format": form, "kibana": "http://kibana.test", "components": {"containers": {"pods": f"{pods}/*.log"}}}
    shipping = Shipping(folder, elasticsearch, index, values)
    variables = dict(
        line.split("=", 1)
        for line in (folder / "built" / f"airflow-{'3' if version[0] == '3' else '2.11'}.environment")
        .read_text()
        .splitlines()
        if line and not line.startswith("#")
    )
    variables["AIRFLOW__CORE__PARALLELISM"] = "4"  # LocalExecutor forks so many workers before its first task
    if version[0] == "3":
        variables |= {"AIRFLOW__CORE__EXECUTOR": "LocalExecutor,pods.PodExecutor"}
        variables |= {"PYTHONPATH": str(DATA), "PODS": str(pods)}
        dags = {"zoo.py": DAGS3, "in_a_pod.py": IN_A_POD}
    else:
        dags = {"zoo.py": DAGS2}
    # On SQLite the API of 3.x answers 500 while tasks write.
    database = postgres.create(f"logs{index.replace('.', '').replace('-', '')}")
    airflow = run_airflow(version, dags, variables, database)
    shipping.logs.rmdir()
    shipping.logs.symlink_to(airflow.logs)
    configuration = (folder / "built" / "filebeat.yml").read_text().replace(str(shipping.logs), str(airflow.logs))
    (shipping.filebeat.folder / "filebeat.yml").write_text(configuration)
    shipping.filebeat.up()
    yield airflow, shipping
    shipping.filebeat.stop()
    airflow.remove()


@pytest.mark.parametrize("shipped", [(NEWEST, "json", "elasticsearch_9")], indirect=True)
def test_the_log_api_shows_the_lines_of_the_files_each_once_in_order(shipped, browser):
    airflow, shipping = shipped
    airflow.wait_for_dags("zoo", "runs", "in_a_pod")
    in_a_pod = airflow.trigger("in_a_pod")
    run = airflow.trigger("zoo")
    assert airflow.finish("zoo", run) == "failed"

    # At once, with documents still on their way: whatever is shown, is all there is.
    for which in TRIES:
        lines, there = steady(airflow, "zoo", run, *which)
        assert [line["event"] for line in lines] == [line["event"] for line in there]

    expected = {which: written(airflow, "zoo", run, *which) for which in TRIES}
    assert len(files_of(airflow, "zoo", run, "wait", -1, 1)) == 2
    total = sum(len(lines) for lines in expected.values())
    shipping.until(lambda: shipping.server.count(f"{shipping.index}-2*", "dag_id:zoo") >= total)
    for which in TRIES:
        lines = from_elasticsearch(airflow, shipping, "zoo", run, *which)
        found = [same(line) for line in lines]
        if which[0] == "fails":
            assert "tiger99" not in json.dumps(found)
            found = [{**line, "error_detail": "", "event": ""} for line in found]
            expected[which] = [{**line, "error_detail": "", "event": ""} for line in expected[which]]
            found = [{k: v for k, v in line.items() if v != ""} for line in found]
            expected[which] = [{k: v for k, v in line.items() if v != ""} for line in expected[which]]
        assert found == [same(line) for line in expected[which]]

    # The machine that ran it is gone, with its files.
    shutil.rmtree(airflow.logs / "dag_id=zoo")
    for which in TRIES:
        _, lines = shown(airflow, "zoo", run, *which)
        assert len(lines) == len(expected[which])

    # What is printed gets its time from the supervisor, and may so come into the group after it, which is folded.
    there = page(airflow, browser, run)
    assert [there.count(text) for text in ("- warned ünïcode", "- loaded")] == [1, 1]
    path = f"/dags/zoo/dagRuns/{quote(run, safe='')}/taskInstances/talk/externalLogUrl/1"
    assert f"zoo-talk-{quote(run)}--1-1" in airflow.api("GET", path)["url"]

    # Of what ran in a pod there is only what the pod printed.
    assert airflow.finish("in_a_pod", in_a_pod) == "success"
    assert not files_of(airflow, "in_a_pod", in_a_pod, "talk", 0, 1)
    for index, x in enumerate((5, 6)):
        which = ("in_a_pod", in_a_pod, "talk", index, 1)
        shipping.until(lambda which=which: "Workload finished" in str(shown(airflow, *which)[1]))
        sources, lines = shown(airflow, *which)
        assert ["_airflow_base-" in source for source in sources] == [True]
        events = [line["event"] for line in lines]
        assert [events.count(event) for event in ("Executing workload", f"printed {x}", "loaded")] == [1, 1, 1]
        assert f"printed {11 - x}" not in events
        (loaded,) = (line for line in lines if line["event"] == "loaded")
        assert (loaded["dag_id"], loaded["rows"], loaded["map_index"]) == ("of the author", 7, index)
        assert "windsock_path" not in str(lines)

    # While a task runs, no line is there twice, asked each second.
    run = airflow.trigger("runs")
    seen = set()

    def some_more():
        if files_of(airflow, "runs", run, "runs_on", -1, 1):
            _, lines = shown(airflow, "runs", run, "runs_on", -1, 1)
            ticks = [line["event"] for line in lines if line["event"].startswith("tick")]
            assert ticks == [f"tick {n}" for n in range(len(ticks))]
            seen.add(len(ticks))
        return len(seen) > 3

    airflow.wait(some_more, 300, "more and more lines", every=1)
    (airflow.dags / "zoo.end").touch()
    airflow.wait(lambda: some_more() and airflow.run_state("runs", run) == "success", 300, "the end of it", every=1)


@pytest.mark.parametrize("shipped", [(OLDEST, "text", "elasticsearch")], indirect=True)
def test_2_11_shows_the_lines_of_the_files_each_once_in_order(shipped, browser):
    airflow, shipping = shipped
    airflow.wait_for_dags("zoo", "runs")
    run = airflow.trigger("zoo")
    assert airflow.finish("zoo", run) == "failed"
    expected = {which: whole(airflow, run, which) for which in TRIES}
    for which in TRIES:
        lines = from_elasticsearch(airflow, shipping, "zoo", run, *which)
        assert [line.replace("tiger99", "***") for line in expected[which]] == lines
    shutil.rmtree(airflow.logs / "dag_id=zoo")  # Filebeat reads what it has begun to its end
    for which in TRIES:
        masked = [line.replace("tiger99", "***") for line in expected[which]]
        shipping.until(lambda which=which, masked=masked: shown(airflow, "zoo", run, *which)[1] == masked)
    there = page(airflow, browser, run)
    assert [there.count(text) for text in ("- printed", "- warned ünïcode", "- loaded")] == [1, 1, 1]


@pytest.mark.parametrize("shipped", [(OLDEST, "json", "elasticsearch_9")], indirect=True)
def test_2_11_writes_json_with_the_fields_of_3_and_shows_text(shipped):
    airflow, shipping = shipped
    airflow.wait_for_dags("zoo")
    run = airflow.trigger("zoo")
    assert airflow.finish("zoo", run) == "failed"
    expected = {which: whole(airflow, run, which) for which in TRIES}
    for which in TRIES:
        assert all(line.startswith(("[2", "Traceback", "  File", "ValueError")) for line in expected[which]), which
    assert any(" WARNING - warned ünïcode" in line for line in expected["talk", -1, 1])
    assert "Traceback (most recent call last):" in expected["fails", -1, 1]

    lines = written(airflow, "zoo", run, "talk", -1, 1)
    (loaded,) = (line for line in lines if line["event"] == "loaded")
    assert (loaded["level"], loaded["logger"], loaded["rows"]) == ("info", "mine", 7)
    assert (loaded["source"], loaded["api_key"]) == ({"table": "orders"}, "***")
    errors = [line["error_detail"] for line in written(airflow, "zoo", run, "fails", -1, 2) if "error_detail" in line]
    assert {(one[0]["exc_type"], one[0]["exc_value"]) for one in errors} == {
        ("ValueError", "boom postgresql://scott:***@db/x")
    }
    assert errors[0][0]["frames"][-1]["name"] == "fails"
    assert "tiger99" not in "".join(file.read_text() for file in airflow.logs.rglob("*.log"))

    for which in TRIES:
        assert from_elasticsearch(airflow, shipping, "zoo", run, *which) == expected[which]
    hits = [hit["_source"] for hit in shipping.server.documents(f"{shipping.index}-2*")]
    (loaded,) = (hit for hit in hits if hit["event"] == "loaded")
    assert (loaded["log_id"], loaded["extra"]["rows"]) == (f"zoo-talk-{run}--1-1", 7)
    assert {"ValueError"} == {hit["error"]["type"] for hit in hits if "error" in hit}
