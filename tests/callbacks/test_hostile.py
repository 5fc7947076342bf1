"""The callback where everything around it is broken: bounded in time, silent towards the task."""

import os
import re
import signal
import socket
import threading
import time

import pytest

from windsock.airflow import compat
from windsock.callbacks import check, on_failure, on_success, spool

TEAMS = {"payments": {"match": {"tag": ["team:payments"]}}}
BUDGET = 2.5
"""Where a budget is used up."""
AMPLE = 19.0
"""Where it is not: all that the settings allow, whatever else the machine does."""
TOO_LONG = 30.0
"""What hangs does so for a minute: whoever waits for it takes longer."""


def timed(context):
    start = time.monotonic()
    on_failure(context)
    return time.monotonic() - start


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        ("hanging", "timeout"),
        ("dripping", "timeout"),
        ("closing at once", "unreachable"),
        ("closing in the middle", "unreachable"),
        ("not HTTP", "unreachable"),
        ("answering 500", "server_error"),
        ("redirecting to a log-in page", "rejected"),
        ("answering 400", "rejected"),
        ("answering 401", "rejected"),
    ],
)
def test_a_broken_alertmanager_costs_no_more_than_the_budget(airflow3, hostile, configure, lines, behaviour, reason):
    budget = BUDGET if reason == "timeout" else AMPLE
    configure(alertmanager={"urls": [hostile(behaviour)]}, callbacks={"budget": budget})

    assert timed(airflow3.task_failure(ValueError("x"))) < TOO_LONG

    ((level, line),) = lines()
    assert level == "WARNING"
    assert line.startswith(f"AirflowTaskFailed of zoo.fail grp.fails not delivered ({reason}): http://127.0.0.1:")


def test_a_port_that_accepts_nobody(airflow3, never_accepting, configure, lines):
    configure(alertmanager={"urls": [never_accepting]}, callbacks={"budget": BUDGET})
    assert timed(airflow3.task_failure(ValueError("x"))) < TOO_LONG
    ((_, line),) = lines()
    assert "not delivered (timeout)" in line


@pytest.fixture
def hung_mark(configure, alertmanager, monkeypatch, tmp_path):
    """This host's mark of a task hangs whoever opens it, as a file on a dead file server does."""
    configure(alertmanager={"urls": [alertmanager.url]}, teams=TEAMS)
    monkeypatch.setenv("WINDSOCK__CALLBACKS__SPOOL__DIR", str(tmp_path / "state"))

    def hang():
        (mark,) = (tmp_path / "state").rglob("marks/*.json")
        mark.unlink()
        os.mkfifo(mark)

    return hang


def ends_in_time(call, *given):
    running = threading.Thread(target=call, args=given, daemon=True)
    running.start()
    running.join(120)
    return not running.is_alive()


def test_a_disk_that_hangs_holds_up_no_success(airflow3, hung_mark):
    on_failure(airflow3.task_failure(ValueError("x")))
    hung_mark()
    success = airflow3.task_failure(None)
    success["task_instance"].state, success["task_instance"].try_number = "success", 1
    assert ends_in_time(on_success, success)


def test_a_disk_that_hangs_holds_up_no_check_that_passes(airflow3, hung_mark, monkeypatch):
    monkeypatch.setattr(compat, "current_context", lambda: airflow3.task_failure(None))
    check(False, "no rows")
    hung_mark()
    assert ends_in_time(check, True, "no rows")


def test_a_mark_that_hangs_costs_no_alert(airflow3, hung_mark, alertmanager, lines):
    on_failure(airflow3.task_failure(ValueError("first")))
    hung_mark()
    assert ends_in_time(on_failure, airflow3.task_failure(ValueError("second")))
    assert [alert["annotations"]["exception"] for alert in alertmanager.alerts()] == ["ValueError: second"]
    assert "delivered to 1 of 1 Alertmanagers" in lines()[-1][1]


def test_a_spool_that_hangs_costs_no_alert(airflow3, configure, alertmanager, monkeypatch, lines):
    configure(alertmanager={"urls": [alertmanager.url]}, teams=TEAMS)
    for name in ("put", "names"):
        monkeypatch.setattr(spool.Spool, name, lambda *_, **__: threading.Event().wait())
    assert ends_in_time(on_failure, airflow3.task_failure(ValueError("x")))
    assert len(alertmanager.alerts()) == 1
    assert "delivered to 1 of 1 Alertmanagers" in lines()[-1][1]


@pytest.mark.parametrize("url", ["http://no-such-host.invalid:9093", "http://127.0.0.1:1"])
def test_nobody_there(airflow3, configure, lines, url):
    configure(alertmanager={"urls": [url]}, callbacks={"budget": AMPLE})
    assert timed(airflow3.task_failure(ValueError("x"))) < TOO_LONG
    ((_, line),) = lines()
    assert f"not delivered (unreachable): {url}: " in line


def test_name_resolution_that_hangs(airflow3, configure, lines, monkeypatch):
    # A resolver that never answers: requests has no timeout for it.
    def resolve(*_, **__):
        time.sleep(60)
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    configure(alertmanager={"urls": ["http://alertmanager.example.org"]}, callbacks={"budget": BUDGET})
    assert timed(airflow3.task_failure(ValueError("x"))) < TOO_LONG
    ((_, line),) = lines()
    assert "not delivered (timeout)" in line


@pytest.mark.parametrize("first", [True, False])
def test_one_peer_that_accepts_is_enough(airflow3, alertmanager, hostile, configure, lines, first):
    broken = hostile("hanging")
    urls = [broken, alertmanager.url] if first else [alertmanager.url, broken]
    configure(alertmanager={"urls": urls}, callbacks={"budget": 2 * BUDGET})

    assert timed(airflow3.task_failure(ValueError("x"))) < TOO_LONG

    assert len(alertmanager.alerts()) == 1
    ((level, line),) = lines()
    assert level == "INFO"
    # The whole has its end, and so has each step of it; on a busy machine either may come first.
    assert re.search(rf"delivered to 1 of 2 Alertmanagers \({broken}: no answer within", line)


def test_a_look_up_that_fails_does_not_stop_the_post(airflow3, alertmanager, refusing, configure, lines):
    configure(alertmanager={"urls": [refusing, alertmanager.url]})
    on_failure(airflow3.task_failure(ValueError("x")))
    assert len(alertmanager.alerts()) == 1
    assert lines()[0][0] == "INFO"


def test_an_earlier_alert_is_found_at_the_second_peer(airflow3, alertmanager, refusing, configure):
    configure(cluster="prod", teams=TEAMS, alertmanager={"urls": [alertmanager.url]})
    on_failure(airflow3.task_failure(ValueError("x")))
    configure(cluster="prod", alertmanager={"urls": [refusing, alertmanager.url]})
    on_failure(airflow3.task_failure(ValueError("y")))
    (alert,) = alertmanager.alerts()
    assert alert["labels"]["team"] == "payments"


def test_an_earlier_alert_is_found_behind_a_peer_that_hangs(airflow3, alertmanager, hostile, configure):
    configure(cluster="prod", teams=TEAMS, alertmanager={"urls": [alertmanager.url]})
    on_failure(airflow3.task_failure(ValueError("x")))
    configure(cluster="prod", alertmanager={"urls": [hostile("hanging"), alertmanager.url]}, callbacks={"budget": 8})
    on_failure(airflow3.task_failure(ValueError("y")))
    (alert,) = alertmanager.alerts()
    assert alert["labels"]["team"] == "payments"


class ExitsError(Exception):
    def __str__(self):
        raise SystemExit(1)


class HangsError(Exception):
    def __str__(self):
        time.sleep(60)
        return ""


def test_what_an_exception_does_when_it_is_printed_stays_inside(airflow, configure, refusing, lines):
    configure(alertmanager={"urls": [refusing]}, callbacks={"budget": BUDGET})
    on_failure(airflow.task_failure(ExitsError()))
    assert timed(airflow.task_failure(HangsError())) < TOO_LONG
    assert ["(internal): RuntimeError: SystemExit" in lines()[0][1], "(timeout)" in lines()[1][1]] == [True, True]


class TaskTimeout(BaseException):
    """As Airflow's AirflowTaskTimeout and AirflowTaskTerminated: raised by a signal, to end the task."""


def test_what_airflow_raises_to_end_the_task_passes_through(airflow3, silent, configure):
    configure(alertmanager={"urls": [silent.url]}, callbacks={"budget": AMPLE})

    def end_the_task(*_):
        raise TaskTimeout

    def once_it_posts():
        if silent.posted.wait(120):
            os.kill(os.getpid(), signal.SIGALRM)

    before = signal.signal(signal.SIGALRM, end_the_task)
    threading.Thread(target=once_it_posts, daemon=True).start()
    start = time.monotonic()
    try:
        with pytest.raises(TaskTimeout):
            on_failure(airflow3.task_failure(ValueError("x")))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert time.monotonic() - start < AMPLE / 2, "and not once the budget is used up"


def test_threads_left_behind_do_not_keep_a_process_alive(airflow3, hostile, configure):
    before = threading.enumerate()
    configure(alertmanager={"urls": [hostile("hanging")]}, callbacks={"budget": BUDGET})
    on_failure(airflow3.task_failure(ValueError("x")))
    ours = [thread for thread in threading.enumerate() if thread not in before]
    assert ours
    assert all(thread.daemon for thread in ours)


def test_no_thread_fails_aloud(airflow3, hostile, configure, monkeypatch):
    heard = []
    monkeypatch.setattr(threading, "excepthook", heard.append)
    for behaviour in ("closing at once", "closing in the middle", "not HTTP", "answering 500"):
        configure(alertmanager={"urls": [hostile(behaviour)]}, callbacks={"budget": AMPLE})
        on_failure(airflow3.task_failure(ValueError("x")))
    assert [str(what) for what in heard] == []


def test_callbacks_of_one_task_share_the_time_that_airflow_gives_them(airflow3, hostile, configure):
    configure(alertmanager={"urls": [hostile("hanging")]}, callbacks={"budget": 6})
    times = [timed(airflow3.task_failure(ValueError("x"))) for _ in range(3)]
    assert times[0] > 5
    assert max(times[1:]) < 5, "with a budget of their own they take as long as the first"


def test_what_is_delivered_in_time_takes_nothing_from_the_others(airflow3, alertmanager, hostile, configure):
    configure(alertmanager={"urls": [alertmanager.url]}, callbacks={"budget": AMPLE})
    for _ in range(5):
        on_failure(airflow3.task_failure(ValueError("x")))
    configure(alertmanager={"urls": [hostile("hanging")]}, callbacks={"budget": 3})
    assert timed(airflow3.task_failure(ValueError("x"))) > 1.5
