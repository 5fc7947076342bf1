"""An exporter for each component of Airflow: every rule and every panel says what it says of one that hears everything.

Two clusters in one real Prometheus have the same hour: real lines, dealt to five exporters in the one, and all
of them at a single one in the other. One of the five is killed and comes back, one moves to another address, and the
database changes its reader. Then all queries of rules and dashboards are asked of both.
"""

from __future__ import annotations

import collections
import math
import re
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from zlib import crc32

import pytest
import requests
from real import answers
from real.history import History, made_up
from real.prometheus import Prometheus
from real.waiting import until

from windsock import catalog
from windsock.airflow.versions import NEWEST, OLDEST
from windsock.exporter.series.exposition import ZeroInit
from windsock.exporter.statsd.send import Sender

if TYPE_CHECKING:
    from collections.abc import Iterator

BEGIN = 1_790_000_000 // 3600 * 3600
MINUTES, KILLED, MOVED, LED, STEADY = 55, 17, 23, 25, 16
"""Minute of each event; in `STEADY` none has happened yet."""
ONE, SPLIT = "one", "split"
DAGS = (
    "asset_consumer",
    "deferred_wait",
    "flaky",
    "orders_etl",
    "slow_and_killed",
    "team.data.orders_daily",
    "team.data",
)
COMPONENTS = (
    ("processor", r"dag_processing|dag_processor|dagbag_size|dag\.serialization|dag_file|collect_db_dags"),
    ("triggerer", r"trigger"),
    ("scheduler", r"dag\..*scheduled_duration"),
    (
        "worker",
        r"ti\.(start|finish)|ti_|operator_|task\.(duration|queued|cpu|mem)|dag\.|local_task|serde|custom|windsock",
    ),
    ("scheduler", r""),
)
"""Who sends a name, by how it begins, the first that matches: as in Airflow's source. One process sends all forms."""
REPORTED = (
    b"airflow.windsock.callback.sent,alertname=AirflowTaskFailed,dag_id=flaky:1|c",
    b"airflow.windsock.channel.sent,channel=slack,team=data:1|c",
    b"airflow.custom.rows,dag_id=orders_etl,task_id=load:7|c",
)
"""What callbacks say of themselves, in the dialect with tags."""


PROCESS_OF = {"processor": "rest", "triggerer": "rest", "worker": "workers", "scheduler": "schedulers"}
PROCESSES = ("everything", *dict.fromkeys(PROCESS_OF.values()))
ITS_OWN = (
    "Series, query A",
    "Series, query B",
    "Custom metrics and how many series they have, query A",
    "CPU and memory, query A",
    "CPU and memory, query B",
)
"""How many series each exporter has, and what a task took, which is said by the worker that had its last try."""


def component(line: bytes) -> str:
    name = line.decode(errors="replace").removeprefix("airflow.")
    return next(who for who, pattern in COMPONENTS if re.match(pattern, name))


def dag(line: bytes) -> str:
    text = line.decode(errors="replace").replace("__", ".")
    return next((one for one in DAGS if one in text), "")


def sender(line: bytes, minute: int) -> str:
    """A DAG's tasks are at another worker each minute."""
    who = component(line)
    return f"worker-{'ab'[(crc32(dag(line).encode()) + minute) % 2]}" if who == "worker" else who


@dataclass
class Exporter:
    """One of them, at an address; what it is fed with is counted as it would be by its own process."""

    make: Any
    instance: str
    pipeline: Any = None

    def start(self) -> None:
        self.pipeline = self.make()

    def text(self, at: int) -> str:
        """What a scrape gets."""
        return self.pipeline.text(zero=ZeroInit(at, 0.0))

    def feed(self, lines: list[bytes]) -> None:
        self.pipeline.feed(*lines).wait()
        # As it does every five seconds.
        self.pipeline.service._ingest.sums.add()


def database(minute: int, since: int) -> str:
    """What a reader of the database says that leads since a minute; nothing ends in the minute of the change."""
    return made_up(catalog.metadata(), minute - (minute >= LED) - max(0, since - 1), BEGIN)


@pytest.fixture(scope="module")
def prometheus() -> Iterator[Any]:
    """`prometheus(config)`: the URL of an empty one that takes remote write."""
    running = []

    def start(config: dict[str, Any] | None = None) -> str:
        running.append(Prometheus(config))
        return running[-1].url

    yield start
    for server in running:
        server.remove()


class Clusters:
    """Both, minute by minute."""

    def __init__(self, history: History, make: Any, lines: list[bytes]) -> None:
        self.history = history
        self._lines = lines
        self._one = Exporter(make, "one:9102")
        names = ("scheduler", "processor", "triggerer", "worker-a", "worker-b")
        self._split = {name: Exporter(make, f"{name}:9102") for name in names}
        for exporter in (self._one, *self._split.values()):
            exporter.start()
        self._held: list[bytes] = []

    def minute(self, minute: int) -> None:
        at = BEGIN + minute * 60
        if minute == KILLED + 1:
            self._split["worker-b"].start()
        if minute in (0, MOVED + 1):
            # Everyone has heard everything once, so that no series begins in the middle.
            self._feed(self._lines, 0)
            self._feed(self._lines, 1)
        else:
            size = math.ceil(len(self._lines) / (MINUTES - 1))
            self._feed(self._lines[(minute - 1) * size : minute * size], minute)
        self._scrape(at, minute)

    def _feed(self, lines: list[bytes], minute: int) -> None:
        dealt: dict[str, list[bytes]] = {name: [] for name in self._split}
        # What is sent to one that is down is lost; here it comes a minute later, to both clusters.
        everything, held = self._held, []
        dealt["worker-b"] += self._held
        for line in lines:
            who = sender(line, minute)
            if minute == KILLED and who == "worker-b":
                held.append(line)
            else:
                dealt[who].append(line)
                everything.append(line)
        self._held = held
        self._one.feed(everything)
        for name, some in dealt.items():
            self._split[name].feed(some)

    def _scrape(self, at: int, minute: int) -> None:
        first, second = database(minute, 0), database(minute, LED)
        self.history.scrape(at, {"cluster": ONE, "instance": self._one.instance}, self._one.text(at) + first)
        for name, exporter in self._split.items():
            down = minute == KILLED and name == "worker-b"
            target = {"cluster": SPLIT, "instance": exporter.instance}
            self.history.scrape(at, target, None if down else exporter.text(at))
        if minute == MOVED:
            old = self._split["scheduler"]
            self.history.forget(at + 1, {"cluster": SPLIT, "instance": old.instance})
            self._split["scheduler"] = moved = Exporter(old.make, "elsewhere:9102")
            moved.start()
            self.history.scrape(at + 1, {"cluster": SPLIT, "instance": moved.instance}, moved.text(at))
        for name, text in (("reader-a", first if minute < LED else ""), ("reader-b", second if minute >= LED else "")):
            self.history.scrape(at, {"cluster": SPLIT, "instance": f"{name}:9102"}, text)


def of(cluster: str, vector: dict[Any, Any]) -> dict[Any, Any]:
    """What an answer says of one cluster."""
    said = {labels: value for labels, value in vector.items() if ("cluster", cluster) in labels}
    return answers.without("cluster", said)


def compared(one: dict[str, Any], split: dict[str, Any]) -> tuple[dict[str, Any], int]:
    """What is not said of both in the same way, and how many queries say something; what is by instance is left out."""
    both = {
        name: one[name]
        for name in one
        if name.partition(": ")[2] not in ITS_OWN and not by_instance(one[name]) and not by_instance(split[name])
    }
    return answers.differing(both, split), sum(map(bool, both.values()))


def by_instance(answer: dict[Any, Any]) -> bool:
    return any(label == "instance" for labels in answer for label, _ in labels)


@pytest.mark.parametrize("name", [f"airflow-{NEWEST}-influxdb", f"airflow-{OLDEST}-plain"])
def test_rules_and_boards_say_the_same(name, captures, make_pipeline, prometheus):
    reported = REPORTED if name.endswith("influxdb") else ()
    lines = [line for number, sent in enumerate(captures[name]) for line in (sent, *(() if number % 100 else reported))]
    history = History(prometheus())
    clusters = Clusters(history, lambda: make_pipeline(statsd={"airflow": name[8]}), lines)
    groups = answers.groups()
    for minute in range(MINUTES + 1):
        at = BEGIN + minute * 60
        clusters.minute(minute)
        if minute not in (STEADY, MINUTES):
            history.evaluate(at, answers.recording(groups))
            continue
        history.evaluate(at, groups)
        rules = answers.of_rules(history, at, groups)
        wrong, said = compared(*({rule: of(one, found) for rule, found in rules.items()} for one in (ONE, SPLIT)))
        assert (wrong, said > 30) == ({}, True), minute
        boards = (answers.of_boards(history, at, one, like=ONE) for one in (ONE, SPLIT))
        wrong, said = compared(
            *({place: answers.without("cluster", found) for place, found in board.items()} for board in boards)
        )
        assert (wrong, said > 200) == ({}, True), minute


def test_what_is_counted_is_counted_once_and_each_gauge_is_said_by_one(captures, make_pipeline, read):
    for name, lines in captures.items():
        one, *split = exporters = [
            Exporter(lambda name=name: make_pipeline(statsd={"airflow": name[8]}), who)
            for who in ("one", "scheduler", "processor", "triggerer", "worker-a", "worker-b")
        ]
        for exporter in exporters:
            exporter.start()
        for first in range(0, len(lines), 400):
            dealt = collections.defaultdict(list)
            for line in lines[first : first + 400]:
                dealt[sender(line, first // 400)].append(line)
            one.feed(lines[first : first + 400])
            for exporter in split:
                exporter.feed(dealt[exporter.instance])
        every = [read.values(exporter.pipeline.text()) for exporter in split]
        for series, value in read.values(one.pipeline.text()).items():
            if series.startswith("airflow_"):
                said = [values[series] for values in every if series in values]
                # Of a task's last try, whichever worker had it.
                if re.match("airflow_task_(cpu|mem)_usage", series):
                    assert value in said
                else:
                    assert sum(said) == pytest.approx(value), (name, series)
        whole = set(read.values(one.pipeline.text()))
        assert {series for values in every for series in values if series.startswith("airflow_")} <= whole


def test_processes_that_a_running_prometheus_scrapes_add_up(captures, program, prometheus):
    lines = captures[f"airflow-{NEWEST}-influxdb"]
    started = {who: program("--statsd-listen=udp://127.0.0.1:0", "--web-listen=127.0.0.1:0") for who in PROCESSES}
    sockets = {who: Sender(socket.AF_INET, ("127.0.0.1", one.port("udp"))) for who, one in started.items()}
    jobs = [
        {
            "job_name": "windsock",
            "static_configs": [
                {
                    "targets": [re.search(r"//([^/]+)", one.metrics)[1]],
                    "labels": {"cluster": ONE if who == "everything" else SPLIT},
                }
                for who, one in started.items()
            ],
        }
    ]
    url = prometheus({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs})
    history = History(url)

    def now(expr):
        return history.query(expr, time.time())

    until(lambda: len(now("up == 1")) == len(PROCESSES))
    counts = dict.fromkeys(PROCESSES, 0)
    for line in lines:
        for who in ("everything", PROCESS_OF[component(line)]):
            while not sockets[who].send([line]):
                pass
            counts[who] += 1
            if counts[who] % 500 == 0:
                # UDP has no other way to be told to wait.
                until(
                    lambda who=who: f"\nwindsock_lines_total {counts[who]}\n" in requests.get(started[who].metrics).text
                )
    named = 'label_replace({__name__=~"airflow_.+_(total|count|sum)"}, "name", "$1", "__name__", "(.+)")'

    def both():
        found = now(f"sum without (instance, job) ({named})")
        return [of(cluster, found) for cluster in (ONE, SPLIT)]

    until(lambda: answers.same(*both()) and len(both()[0]) > 200, why=lambda: str(both())[:3000])
