"""What the exporter adds up of series by task: exact over expiry, budgets, restarts and dialects."""

from __future__ import annotations

import socket

import pytest
import requests
from real.waiting import until

from windsock import catalog
from windsock.exporter.database.collector import Collector
from windsock.exporter.parts import Parts
from windsock.exporter.series import sums
from windsock.exporter.series.budget import Budget
from windsock.exporter.series.own import OwnMetrics
from windsock.exporter.series.store import SeriesStore
from windsock.exporter.service import Service
from windsock.exporter.statsd.ingest import Ingest
from windsock.exporter.statsd.translate import Translator
from windsock.settings.exporter import Budgets, Expiry

TOTAL, RUNNING = "airflow_dag_tries_finished_total", "airflow_dag_ti_running"


class Fed:
    """An ingest whose sums are added when it is asked for them."""

    def __init__(self, **budgets):
        self.store = SeriesStore(Budget(Budgets(**budgets)))
        self.ingest = Ingest(self.store, Translator(catalog.statsd()), OwnMetrics(), Expiry())

    def feed(self, *lines, sender=None):
        self.ingest.feed([line.encode() for line in lines], sender)

    def totals(self, family=TOTAL):
        self.ingest.sums.add()
        family = self.store.families.get(family)
        return {
            tuple(text for _, text in labels): one.value for labels, one in (family.series if family else {}).items()
        }


def tagged(dag, task, state, times=1):
    return f"airflow.ti.finish,dag_id={dag},task_id={task},state={state}:{times}|c"


def test_the_tasks_of_a_dag_are_added_by_state():
    fed = Fed()
    fed.feed(
        tagged("a", "x", "success"), tagged("a", "y", "success"), tagged("a", "x", "failed"), tagged("b", "x", "failed")
    )
    assert fed.totals() == {("a", "success"): 2, ("a", "failed"): 1, ("b", "failed"): 1}
    fed.feed(*[tagged("a", "x", "success")] * 3, tagged("a", "new", "success", 4))
    assert fed.totals() == {("a", "success"): 9, ("a", "failed"): 1, ("b", "failed"): 1}
    assert fed.totals() == {("a", "success"): 9, ("a", "failed"): 1, ("b", "failed"): 1}


def test_the_plain_dialect_says_it_in_the_name():
    fed = Fed()
    fed.feed("airflow.ti.finish.a.x.success:1|c", "airflow.ti.finish:1|c", "airflow.ti.finish.a.y.success:1|c")
    assert fed.totals() == {("a", "success"): 2}


def test_a_task_that_is_forgotten_stays_counted():
    fed = Fed()
    fed.feed(tagged("a", "x", "success", 5), tagged("a", "y", "success", 2))
    assert fed.totals() == {("a", "success"): 7}
    metric = catalog.family("airflow_ti_finish_total")
    for labels in fed.store.labels(metric):
        fed.store.drop(metric, labels)
    fed.ingest = Ingest(fed.store, Translator(catalog.statsd()), OwnMetrics(), Expiry())
    fed.feed(tagged("a", "x", "success"))
    assert fed.totals() == {("a", "success"): 8}


def test_histograms_of_the_tasks_of_a_queue_are_added_once_they_are_in_their_buckets():
    fed, whole = Fed(), "airflow_queue_scheduled_duration_seconds"

    def shown():
        fed.store.fold()
        fed.ingest.sums.add()
        fed.store.fold()
        return {
            labels: (sum(one.counts), one.counts[0], round(one.sum, 6))
            for labels, one in fed.store.families[whole].series.items()
        }

    def waited(task, queue, milliseconds):
        return f"airflow.task.scheduled_duration,dag_id=a,task_id={task},queue={queue}:{milliseconds}|ms"

    fed.feed(waited("x", "default", 1), waited("y", "default", 2000), waited("x", "large", 500))
    default, large = (("queue", "default"),), (("queue", "large"),)
    assert shown() == {default: (2, 1, 2.001), large: (1, 0, 0.5)}
    assert shown() == {default: (2, 1, 2.001), large: (1, 0, 0.5)}, "nothing is added twice"
    fed.feed(waited("y", "default", 1))
    assert shown() == {default: (3, 2, 2.002), large: (1, 0, 0.5)}
    fed.feed(waited("new", "default", 1))
    fed.store.fold()
    fed.ingest.sums.skip()
    assert shown() == {default: (3, 2, 2.002), large: (1, 0, 0.5)}, "what was restored is in the sums already"


def level(dag, task, value, queue="default"):
    return f"airflow.ti.running,queue={queue},dag_id={dag},task_id={task}:{value}|g"


def test_a_gauge_is_what_the_tasks_of_a_dag_and_queue_say_now():
    fed = Fed()
    fed.feed(level("a", "x", 3), level("a", "y", 2), level("a", "y", 1, "large"), level("b", "x", 0))
    assert fed.totals(RUNNING) == {("a", "default"): 5, ("a", "large"): 1, ("b", "default"): 0}
    fed.feed(level("a", "x", 1), level("a", "new", 4), level("b", "x", "+2"))
    assert fed.totals(RUNNING) == {("a", "default"): 7, ("a", "large"): 1, ("b", "default"): 2}
    fed.feed(level("a", "x", 2), sender="another scheduler")
    assert fed.totals(RUNNING)["a", "default"] == 8, "of what several say of one task, the last counts"


def test_a_gauge_goes_with_the_last_of_its_tasks_and_says_nothing_old(monkeypatch):
    clock = 100.0
    monkeypatch.setattr("windsock.exporter.statsd.ingest.time.monotonic", lambda: clock)
    fed = Fed()
    fed.feed(level("a", "x", 3), level("a", "y", 2), level("b", "x", 1))
    for passed, lines, expected in (
        (0.0, [], {("a", "default"): 5, ("b", "default"): 1}),
        (Expiry().gauges, [level("a", "y", 4)], {("a", "default"): 7, ("b", "default"): 1}),
        (Expiry().gauges, [level("a", "y", 4)], {("a", "default"): 4}),
        (Expiry().gauges, [], {}),
    ):
        clock += passed
        fed.feed(*lines)
        fed.ingest.tick()
        assert fed.totals(RUNNING) == expected
    assert len(fed.store) == 0, "and no budget counts it any more"


def test_what_is_beyond_a_budget_is_no_dags():
    fed = Fed(dag=2)
    fed.feed(tagged("a", "x", "success"))
    assert fed.totals() == {("a", "success"): 1}
    fed.feed(tagged("a", "y", "success", 3))
    assert fed.totals() == {("a", "success"): 1}
    assert fed.store.families["airflow_ti_finish_total"].beyond


def test_they_go_on_over_a_restart_with_a_state_file_and_count_nothing_twice(tmp_path, read):
    settings = read.configure(statsd={"listen": ["udp://127.0.0.1:0"]}, state_file=str(tmp_path / "state.json"))

    def shown(service):
        return read.values(requests.get(read.url(service), timeout=60).text)

    for lived in (1, 2, 3):
        with Service(settings) as service, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            host, _, port = service.addresses()[0].removeprefix("udp://").rpartition(":")
            for task in ("x", "y"):
                sender.sendto(tagged("a", task, "success").encode(), (host, int(port)))
            tasks = [f'airflow_ti_finish_total{{dag_id="a",state="success",task_id="{task}"}}' for task in ("x", "y")]
            until(lambda: [shown(service).get(task) for task in tasks] == [lived, lived])  # noqa: B023  it ends here
    with Service(settings) as service:
        assert shown(service)[f'{TOTAL}{{dag_id="a",state="success"}}'] == 6


def test_the_reader_of_the_database_knows_once_airflow_says_how_tries_end(read, tmp_path):
    settings = read.configure(statsd={"listen": ["udp://127.0.0.1:0"]})
    collector = Collector(settings, f"sqlite:///{tmp_path / 'none.db'}")
    with (
        Service(settings, parts=Parts(collector)) as service,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
    ):
        assert not collector.told()
        host, _, port = service.addresses()[0].removeprefix("udp://").rpartition(":")
        sender.sendto(tagged("a", "x", "success").encode(), (host, int(port)))
        until(collector.told)


def test_they_are_added_every_few_seconds(monkeypatch):
    clock = 100.0
    monkeypatch.setattr("windsock.exporter.statsd.ingest.time.monotonic", lambda: clock)
    fed = Fed()
    fed.feed(tagged("a", "x", "success"))
    clock += sums.EVERY / 2
    fed.ingest.tick()
    assert TOTAL not in fed.store.families
    clock += sums.EVERY / 2
    fed.ingest.tick()
    assert fed.store.families[TOTAL].series[(("dag_id", "a"), ("state", "success"))].value == 1


@pytest.mark.parametrize("metric", catalog.sums(), ids=lambda metric: metric.family)
def test_a_sum_has_fewer_labels_than_what_it_adds_and_its_versions(metric):
    part = catalog.family(catalog.SUMMED[metric.family])
    assert set(metric.labels) < set(part.labels)
    assert metric.versions == part.versions
    assert metric not in catalog.statsd(), "no line brings it"
