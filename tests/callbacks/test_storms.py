"""Many DAGs that fail at once, told by callbacks to a real Alertmanager: which of them are one group."""

from __future__ import annotations

import dataclasses
import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from real.alertmanager import FAST, Alertmanager, Messages

from windsock import storms
from windsock.alertmanager import Alertmanager as Client
from windsock.callbacks.delivery import deliver, flush, resolve
from windsock.settings import Settings

REFUSED = "OperationalError: connection to server at {} failed: Connection refused"


@pytest.fixture
def fail(event, to_alertmanager, soon):
    """`fail("orders")` as a callback does; `others` are more Alertmanagers, asked before the real one."""

    def send(dag_id, exception=None, others=(), seconds=9.0, **given):
        exception = exception or REFUSED.format(f"{dag_id}.example.org")
        annotations = {"exception": exception, **given.pop("annotations", {})}
        one = event(dag_id=dag_id, annotations=annotations, **given)
        urls = (*others, *to_alertmanager().alertmanager.urls)
        return deliver(one, to_alertmanager(*urls), soon(seconds))

    return send


def labelled(alertmanager):
    """DAGs by what their alerts are grouped by."""
    found = {}
    for alert in alertmanager.alerts():
        found.setdefault(alert["labels"].get("storm", ""), set()).add(alert["labels"]["dag_id"])
    return found


def names(count, word="dag"):
    return [f"{word}_{number}" for number in range(count)]


def test_dags_that_fail_of_one_cause_are_one_group_from_the_second_on(alertmanager, fail):
    for dag_id in names(8):
        assert fail(dag_id).problem == ""
    fail("customers", "KeyError: 'price'")
    fail("weather", "HTTPError: 503")
    fail("dag_2", task_id="clean")
    found = labelled(alertmanager)
    assert found.pop("") == {"dag_0"}
    (storm, dags), (beside, others) = sorted(found.items())
    assert dags == set(names(8)[1:])
    assert others == {"customers", "weather"}
    assert beside.endswith("/beside")
    (one,) = [alert for alert in alertmanager.alerts() if alert["labels"]["dag_id"] == "dag_7"]
    assert one["annotations"]["cause"] == "OperationalError: connection to server at … failed: Connection refused"
    assert one["annotations"]["first"].startswith("dag_0 at ")
    marks = [alert for alert in alertmanager.all() if alert["labels"]["alertname"] == storms.MARK]
    assert {mark["labels"]["storm"] for mark in marks} == {storm, beside}


def test_those_of_one_moment_agree(alertmanager, fail):
    """However their looks fall between the others' posts: at most one is told before the storm is known."""
    with ThreadPoolExecutor(16) as pool:
        results = list(pool.map(fail, names(48)))
    assert {result.problem for result in results} == {""}
    found = labelled(alertmanager)
    assert len(found.pop("", ())) < storms.DAGS
    assert len(found) == 1


def test_a_failure_keeps_the_label_that_it_was_told_with(alertmanager, fail):
    for dag_id in names(5):
        fail(dag_id)
    before = labelled(alertmanager)
    for dag_id in names(5):
        # Airflow's second call for a try, which does not know the exception.
        fail(dag_id, "its process ended")
    assert labelled(alertmanager) == before
    assert len(alertmanager.alerts()) == 5


def test_a_success_ends_what_is_in_a_storm(alertmanager, fail, event, to_alertmanager, soon):
    for dag_id in names(5):
        fail(dag_id)
    for dag_id in names(5):
        done = event(dag_id=dag_id)._replace(annotations={})
        assert resolve(done, to_alertmanager(), soon()).problem == ""
    assert alertmanager.alerts() == []


def test_where_the_look_fails_a_failure_is_told_by_itself_and_in_time(alertmanager, fail, hostile):
    for dag_id in names(5):
        fail(dag_id)
    started = time.monotonic()
    # The first peer takes whatever it is sent and says nothing.
    assert fail("late", others=[hostile("hanging")], seconds=6).problem == ""
    assert time.monotonic() - started < 30
    assert "late" in {alert["labels"]["dag_id"] for alert in alertmanager.alerts()}


def test_an_alertmanager_that_too_many_ask_at_once_is_asked_again(event, to_alertmanager):
    busy_for = [3]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            busy_for[0] -= 1
            busy = busy_for[0] >= 0
            body = b"Limit of concurrent GET requests reached (8), try again later.\n" if busy else b"[]"
            self.send_response(503 if busy else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        config = to_alertmanager(f"http://127.0.0.1:{server.server_port}").alertmanager
        assert Client(config).match(storms.patterns(event()), 20) == []
        busy_for[0] = 1000
        with pytest.raises(OSError, match=r"Limit of concurrent|no answer within"):
            Client(config).match(storms.patterns(event()), 2)
        server.shutdown()


def test_where_too_many_ask_all_choose_the_same_storm_without_a_word(event, to_alertmanager, soon, tmp_path):
    """Pods that share no folder, and an Alertmanager that answers no GET."""
    posted = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.answer(503, b"Limit of concurrent GET requests reached (8), try again later.\n")

        def do_POST(self):
            posted.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.answer(200, b"")

        def answer(self, status, body):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"

        def send(number):
            config = to_alertmanager(url, spool={"dir": str(tmp_path / f"pod{number}")})
            one = event(dag_id=f"dag_{number}", annotations={"exception": REFUSED.format(number)})
            return deliver(one, config, soon(15)).problem

        # Each of them asks until a fifth of its time has gone.
        with ThreadPoolExecutor(3) as pods:
            assert list(pods.map(send, range(3))) == [""] * 3
        server.shutdown()
    told = [alert["labels"] for alert in posted if alert["labels"]["alertname"] == "AirflowTaskFailed"]
    assert sorted(labels["dag_id"] for labels in told) == names(3)
    moments, causes = zip(*(labels["storm"].split("/") for labels in told), strict=True)
    assert len(set(causes)) == 1
    # Five minutes may have ended in between.
    assert {moment[15:] for moment in moments} <= {"0:00.000Z", "5:00.000Z"}


def test_who_joins_a_storm_that_its_host_knows_asks_nobody(alertmanager, fail, monkeypatch):
    for dag_id in names(3):
        fail(dag_id)
    monkeypatch.setattr(Client, "match", None)
    for dag_id in names(9)[3:]:
        assert fail(dag_id).problem == ""
    # Of a mapped task others may have told before there was a storm: it has to ask.
    fail("mapped", annotations={"map_index": "3"})
    found = labelled(alertmanager)
    assert found.pop("") == {"dag_0", "mapped"}
    assert list(found.values()) == [set(names(9)[1:])]


def test_a_peer_that_is_gone_keeps_nobody_from_the_storm(alertmanager, fail, refusing):
    for dag_id in names(5):
        fail(dag_id, others=[refusing])
    found = labelled(alertmanager)
    assert found.pop("") == {"dag_0"}
    assert len(found) == 1


def test_what_waited_for_an_alertmanager_is_a_storm_when_it_is_back(
    alertmanager, event, to_alertmanager, refusing, soon
):
    for dag_id in names(8):
        one = event(dag_id=dag_id, annotations={"exception": REFUSED.format(dag_id)})
        assert deliver(one, to_alertmanager(refusing), soon(3)).problem == "unreachable"
    assert flush(to_alertmanager(), soon()).delivered == 8
    found = labelled(alertmanager)
    assert len(found.pop("")) == storms.DAGS - 1
    assert len(found) == 1


def test_without_an_alertmanager_nothing_is_looked_for(event, settings, inbox, soon, monkeypatch):
    monkeypatch.setattr(storms, "beacons", None)
    assert deliver(event(), settings(), soon()).problem == ""
    assert inbox.messages()


def test_a_task_that_fails_and_succeeds_in_turns_is_told_so_from_the_third_time_on(event, soon, tmp_path):
    messages = Messages()
    server = Alertmanager(Settings(), messages, timing=dataclasses.replace(FAST, again_interval="1h"))
    config = {"alertmanager": {"urls": [server.url]}, "callbacks": {"spool": {"dir": str(tmp_path / "spool")}}}
    settings = Settings.model_validate(config)

    def wait_for(status, number):
        end = time.monotonic() + 20
        while not any(post["status"] == status and f"'r{number}'" in str(post) for post in messages.posts):
            assert time.monotonic() < end
            time.sleep(0.05)

    try:
        for number in range(10):
            failed = event(run_id=f"r{number}", team="default", annotations={"exception": REFUSED})
            assert deliver(failed, settings, soon()).problem == ""
            if number < 3:
                wait_for("firing", number)
            assert resolve(failed._replace(annotations={}), settings, soon()).problem == ""
            if number < 2:
                wait_for("resolved", number)
        groups = [post["groupLabels"].get("storm", "") for post in messages.posts]
        assert len(groups) == 5
        assert groups[-1].endswith("/again")
        assert groups[:-1] == [""] * 4
    finally:
        server.remove()
        messages.close()


def test_storms_of_two_teams_and_of_two_clusters_stay_apart(event, soon, tmp_path):
    messages = Messages()
    server = Alertmanager(Settings(), messages)
    wanted = {(cluster, team): set(names(4, team)[1:]) for cluster in ("eu", "us") for team in ("data", "pay")}
    try:
        for number in range(4):
            for cluster, team in wanted:
                given = {"cluster": cluster, "alertmanager": {"urls": [server.url]}}
                given["callbacks"] = {"spool": {"dir": str(tmp_path / "spool")}}
                said = {"exception": REFUSED.format(number)}
                one = event(dag_id=f"{team}_{number}", cluster=cluster, team=team, annotations=said)
                assert deliver(one, Settings.model_validate(given), soon()).problem == ""

        def told():
            found = {}
            for post in messages.posts:
                labels = post["groupLabels"]
                if "storm" in labels:
                    dags = {alert["labels"]["dag_id"] for alert in post["alerts"]}
                    found.setdefault((labels["cluster"], labels["team"]), set()).update(dags)
            return found

        end = time.monotonic() + 20
        while told() != wanted and time.monotonic() < end:
            time.sleep(0.05)
        assert told() == wanted
        assert len({post["groupKey"] for post in messages.posts if "storm" in post["groupLabels"]}) == 4
    finally:
        server.remove()
        messages.close()


def test_with_the_generated_routes_a_storm_is_one_group_and_what_comes_later_another(
    event, soon, tmp_path, monkeypatch
):
    monkeypatch.setattr(storms, "QUIET", timedelta(seconds=4))
    monkeypatch.setattr(storms, "WINDOW", timedelta(seconds=4))
    messages = Messages()
    server = Alertmanager(Settings(), messages)
    config = {"alertmanager": {"urls": [server.url]}, "callbacks": {"spool": {"dir": str(tmp_path / "spool")}}}
    settings = Settings.model_validate(config)

    def fail(dag_id, exception=REFUSED):
        one = event(dag_id=dag_id, team="default", annotations={"exception": exception})
        assert deliver(one, settings, soon()).problem == ""

    def groups():
        """DAGs by group, as they were told."""
        found = {}
        for post in messages.posts:
            found.setdefault(post["groupKey"], set()).update(alert["labels"]["dag_id"] for alert in post["alerts"])
        return sorted(sorted(dags) for dags in found.values())

    def wait_for(wanted):
        end = time.monotonic() + 20
        while groups() != wanted and time.monotonic() < end:
            time.sleep(0.05)
        assert groups() == wanted

    try:
        for dag_id in names(9):
            fail(dag_id)
        fail("customers", "KeyError: 'price'")
        told = [["customers"], ["dag_0"], names(9)[1:]]
        wait_for(told)
        end = time.monotonic() + 20
        while server.signs() and time.monotonic() < end:
            time.sleep(0.05)
        fail("dag_9")
        wait_for(sorted([*told, ["dag_9"]]))
        assert "WindsockFailing" not in str(messages.posts)
    finally:
        server.remove()
        messages.close()
