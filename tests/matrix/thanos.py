"""Rules and boards in a real Thanos that two Prometheis ship to say what they say in one Prometheus.

Some minutes: `make matrix` runs it, the usual suite does not.
"""

from __future__ import annotations

import re
import signal

import pytest
import requests
from real import answers
from real.alertmanager import Alertmanager, Messages
from real.history import History, made_up
from real.prometheus import Prometheus
from real.thanos import REPLICA, TENANT, Thanos
from real.waiting import until

from windsock import catalog
from windsock.alerts import build
from windsock.exporter.service import Service
from windsock.settings import Settings

BEGIN, MINUTES = 1_790_000_000 // 3600 * 3600, 20
TARGET = {"cluster": "prod", "instance": "exporter:9102"}


@pytest.fixture
def start():
    """Start what has a `remove`."""
    running = []

    def run(one):
        running.append(one)
        return one

    yield run
    for one in reversed(running):
        one.remove()


@pytest.mark.parametrize("engine", ["prometheus", "thanos"])
def test_rules_and_boards_have_the_same_answers(start, engine):
    url = start(Prometheus()).url
    thanos = start(Thanos(engine))
    one, other = History(url), History(thanos.url, thanos.write, TENANT)
    groups = answers.groups()
    for minute in range(MINUTES + 1):
        at = BEGIN + minute * 60
        text = made_up(catalog.by_family().values(), minute, BEGIN)
        one.scrape(at, TARGET, text)
        for replica in "ab":
            other.scrape(at, {**TARGET, REPLICA: replica}, text)
        if minute == 0:
            # The query learns of a new tenant some seconds later.
            until(lambda at=at: other.query("up", at), why=lambda: "\n".join(thanos.logs()))
        for history in (one, other):
            history.evaluate(at, groups if minute == MINUTES else answers.recording(groups))
    rules, found = (answers.of_rules(history, at, groups) for history in (one, other))
    assert answers.differing(rules, found) == {}
    assert sum(map(bool, rules.values())) > 50
    boards, found = (answers.of_boards(history, at, "prod") for history in (one, other))
    assert answers.differing(boards, found) == {}
    assert sum(map(bool, boards.values())) > 250
    assert len(other.query(f'up{{{REPLICA}=~".+"}}', at)) == 1


def shortened(time: re.Match[str]) -> int:
    """Ten seconds for each minute: room for ten scrapes, some of which a busy machine may miss."""
    return int(time[2]) * 10 + (5 if time[3] else 0)


def test_two_prometheis_ship_and_a_ruler_evaluates_what_is_there_once(start, tmp_path):
    """One of the two dies. Each minute of the rules is ten seconds."""
    settings = Settings(exporter={"statsd": {"listen": []}, "web": {"listen": "127.0.0.1:0"}})
    thanos = start(Thanos())
    messages = Messages()
    alertmanager = start(Alertmanager(Settings(cluster="prod"), messages))
    with Service(settings) as exporter:
        pair = []
        for replica in "ab":
            job = {"job_name": "windsock", "static_configs": [{"targets": [exporter.web.address]}]}
            job["static_configs"][0]["labels"] = {"cluster": "prod"}
            config = {
                "global": {"scrape_interval": "1s", "external_labels": {REPLICA: replica}},
                "scrape_configs": [job],
                "remote_write": [
                    {"url": thanos.write, "headers": TENANT, "queue_config": {"batch_send_deadline": "1s"}}
                ],
            }
            pair.append(start(Prometheus(config)))

        def ask(expr, **more):
            answer = requests.get(f"{thanos.url}/api/v1/query", {"query": expr, **more}, timeout=60).json()
            return [(one["metric"], float(one["value"][1])) for one in answer["data"]["result"]]

        def send(count):
            line = b"airflow.ti.finish,dag_id=orders,task_id=load,state=failed:1|c"
            exporter._ingest.feed([line] * count, "10.0.0.1")

        until(lambda: len(ask("up", dedup="false")) == 2 and len(ask("up")) == 1, why=lambda: "\n".join(thanos.logs()))
        send(3)
        failed = 'sum(airflow_ti_finish_total{state="failed"})'
        until(lambda: ask(failed) == [({}, 3.0)])
        text = build.files(Settings())[build.RULES]
        (tmp_path / "rules.yml").write_text(
            re.sub(r"(offset |:|\[|for: |interval: )(\d+)m(30s)?\b", lambda one: f"{one[1]}{shortened(one)}s", text)
        )
        ruler = thanos.rule(tmp_path / "rules.yml", alertmanager.url)
        steps = 'cluster_dag_id_state:airflow_dag_tries_finished:growth1m{dag_id="orders",state="failed"}'
        until(lambda: ask(steps), why=lambda: "\n".join(thanos.logs()))
        pair[0].stop(signal.SIGKILL)
        send(4)
        until(lambda: ask(failed) == [({}, 7.0)])
        until(lambda: ask(f"sum_over_time({steps}[1m]) > 0"))
        until(lambda: alertmanager.alerts(alertname="Watchdog"), why=lambda: "\n".join(thanos.logs()))
        rules = [
            rule
            for group in requests.get(f"{ruler}/api/v1/rules", timeout=60).json()["data"]["groups"]
            for rule in group["rules"]
        ]
        assert len(rules) > 90
        assert {rule.get("lastError") or "" for rule in rules} == {""}
    messages.close()
