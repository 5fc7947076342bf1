"""The spool and a real Alertmanager: nothing is lost while it is away, and nothing pages again that is over."""

import functools
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone

import pytest
from real.crowd import together
from real.reconciling import sign

from windsock.callbacks import recovery, spool
from windsock.callbacks.delivery import Choice, deliver, flush, resolve
from windsock.callbacks.delivery.alertmanager import PENDING
from windsock.events import RECONCILING, rfc3339
from windsock.settings import Settings, load

NOW, LATER = ({"due_at": f"2026-11-22T{hour}:00:00Z"} for hour in (10, 11))
GONE = "http://127.0.0.1:1"


def waiting(settings):
    return spool.of(settings).names()


def dead(settings):
    store = spool.of(settings)
    return [(store.dead / name).read_text() for name in store.dead_names()]


@pytest.fixture
def age(clock):
    """Lets time pass."""
    return clock


@pytest.fixture
def reconciler(alertmanager):
    """Says that a live reconciler answers for all failures from a time on."""
    return functools.partial(sign, alertmanager)


def failures(alertmanager):
    return [alert for alert in alertmanager.alerts() if alert["labels"]["alertname"] != RECONCILING]


def end_all(alertmanager):
    now = rfc3339(datetime.now(timezone.utc))
    for alert in failures(alertmanager):
        alertmanager.post({"labels": alert["labels"], "endsAt": now})


def test_healthy_leaves_nothing_behind(to_alertmanager, event, soon, alertmanager):
    settings = to_alertmanager()
    assert deliver(event(), settings, soon()).problem == ""
    assert (waiting(settings), len(failures(alertmanager))) == ([], 1)
    assert flush(settings, soon()).delivered == 0


@pytest.mark.parametrize(
    "behaviour", ["hanging", "closing at once", "closing in the middle", "not HTTP", "answering 500", "dripping"]
)
def test_what_nobody_took_arrives_once_when_it_is_back(to_alertmanager, event, soon, alertmanager, hostile, behaviour):
    away = to_alertmanager(hostile(behaviour))
    for run in ("r1", "r2", "r1"):
        found = deliver(event(run_id=run), away, soon(3))
        assert found.problem
        assert "kept in the spool" in found.detail
    assert len(waiting(away)) == 3

    back = to_alertmanager()
    assert flush(back, soon()).delivered == 3
    assert sorted(alert["labels"]["run_id"] for alert in failures(alertmanager)) == ["r1", "r2"]
    assert waiting(back) == []


@pytest.mark.parametrize("url", [GONE, "http://no-such-host.invalid:9093"])
def test_nobody_there(to_alertmanager, event, soon, url):
    away = to_alertmanager(url)
    started = time.monotonic()
    assert deliver(event(), away, soon(3)).problem == "unreachable"
    assert time.monotonic() - started < 30
    assert len(waiting(away)) == 1
    assert flush(away, soon()).waiting == 1


def test_a_peer_that_restarts_is_asked_again_within_the_budget(to_alertmanager, event, soon, hostile, alertmanager):
    settings = to_alertmanager(hostile("answering 500"), alertmanager.url)
    assert deliver(event(), settings, soon()).problem == ""


@pytest.mark.parametrize("behaviour", ["answering 400", "answering 401", "redirecting to a log-in page"])
def test_what_is_refused_is_a_dead_letter_and_not_asked_again(to_alertmanager, event, soon, hostile, behaviour):
    asked = []
    settings = to_alertmanager(hostile(behaviour, asked))
    found = deliver(event(), settings, soon())
    assert found.problem == "rejected"
    # The beacon, the look, and the alert itself: each once.
    assert [head.split()[0] for head in asked] == ["POST", "GET", "POST"]
    assert "a dead letter" in found.detail
    assert waiting(settings) == []
    (letter,) = dead(settings)
    assert '"problem": "http://127.0.0.1:' in letter


def test_one_that_refuses_and_one_that_is_away_is_not_the_end(to_alertmanager, event, soon, hostile):
    settings = to_alertmanager(hostile("answering 400"), GONE)
    assert deliver(event(), settings, soon(3)).problem == "unreachable"
    assert (len(waiting(settings)), dead(settings)) == (1, [])


def test_a_missing_credential_keeps_it_for_when_there_is_one(alertmanager, event, soon, tmp_path, monkeypatch):
    settings = Settings.model_validate(
        {
            "alertmanager": {"urls": [alertmanager.url], "http": {"bearer": "${AM_TOKEN}"}},
            "callbacks": {"spool": {"dir": str(tmp_path / "spool")}},
        }
    )
    found = deliver(event(), settings, soon())
    assert found.problem == "settings"
    assert "AM_TOKEN" in found.detail
    assert flush(settings, soon()).waiting == 1
    monkeypatch.setenv("AM_TOKEN", "x")
    assert flush(settings, soon()).delivered == 1


def test_an_end_waits_for_its_credential_too(to_alertmanager, alertmanager, event, soon, tmp_path, monkeypatch):
    deliver(event(), to_alertmanager(), soon())
    settings = Settings.model_validate(
        {
            "alertmanager": {"urls": [alertmanager.url], "http": {"bearer": "${AM_TOKEN}"}},
            "callbacks": {"spool": {"dir": str(tmp_path / "spool")}},
        }
    )
    found = resolve(event(), settings, soon())
    assert found.problem == "settings"
    assert "AM_TOKEN is not set; alertmanager.http.bearer names it; kept in the spool" in found.detail
    monkeypatch.setenv("AM_TOKEN", "x")
    assert flush(settings, soon()).delivered == 1
    assert failures(alertmanager) == []


# what is over must not page again


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"alertname": "AirflowDagRunFailed", "task_id": None},
        {"alertname": "AirflowDeadlineMissed", "task_id": None, "deadline": "0199-id"},
    ],
    ids=["task", "run", "deadline"],
)
def test_a_reconciler_answers_for_it_so_a_replay_is_dropped(
    to_alertmanager, event, soon, alertmanager, reconciler, age, given
):
    deliver(event(**given), to_alertmanager(GONE), soon(3))
    reconciler(datetime.now(timezone.utc) - timedelta(hours=1))
    found = flush(to_alertmanager(), soon())
    assert (found.superseded, found.waiting) == (0, 1), "the reconciler may yet tell of it, without the exception"
    age(121)
    found = flush(to_alertmanager(), soon())
    assert (found.superseded, found.waiting) == (1, 0)
    assert failures(alertmanager) == []


@pytest.mark.parametrize(
    "given",
    [
        {"alertname": "AirflowTaskRetrying"},
        {"alertname": "AirflowTaskSkipped"},
        {"alertname": "AirflowDataCheckFailed", "run_id": "", "check": "rows"},
        {"alertname": "AirflowDeadlineMissed", "task_id": None, "deadline": "sla"},
    ],
    ids=["retry", "skip", "check", "SLA"],
)
def test_what_no_reconciler_finds_is_told(to_alertmanager, event, soon, alertmanager, reconciler, age, given):
    deliver(event(**given), to_alertmanager(GONE), soon(3))
    reconciler(datetime.now(timezone.utc) - timedelta(hours=1))
    age(121)
    assert flush(to_alertmanager(), soon()).delivered == 1
    assert len(failures(alertmanager)) == 1


def test_a_replay_makes_the_reconcilers_alert_richer(to_alertmanager, event, soon, alertmanager, reconciler):
    deliver(event(), to_alertmanager(GONE), soon(3))
    reconciler(datetime.now(timezone.utc) - timedelta(hours=1))
    now = datetime.now(timezone.utc)
    poorer = {**event().alert(now), "annotations": {"summary": "orders: load failed"}}
    poorer["labels"] = {**poorer["labels"], "team": "other", "severity": "critical"}
    alertmanager.post(poorer)

    assert flush(to_alertmanager(), soon()).delivered == 1
    (alert,) = failures(alertmanager)
    assert alert["annotations"]["exception"] == "ValueError: no rows"
    assert alert["labels"] == poorer["labels"]


def test_what_is_older_than_the_reconciler_is_told(to_alertmanager, event, soon, alertmanager, reconciler):
    deliver(event(), to_alertmanager(GONE), soon(3))
    reconciler(datetime.now(timezone.utc) + timedelta(hours=1))
    assert flush(to_alertmanager(), soon()).delivered == 1
    assert len(failures(alertmanager)) == 1


def test_another_installations_reconciler_does_not_count(to_alertmanager, event, soon, alertmanager, reconciler):
    deliver(event(), to_alertmanager(GONE), soon(3))
    reconciler(datetime.now(timezone.utc) - timedelta(hours=1), cluster="other")
    assert flush(to_alertmanager(), soon()).delivered == 1


def test_without_a_reconciler_this_hosts_own_marks_say_that_it_is_over(
    to_alertmanager, event, soon, alertmanager, tmp_path
):
    deliver(event(), to_alertmanager(GONE), soon(3))
    recovery.mark_resolved(event())
    found = flush(to_alertmanager(), soon())
    assert (found.delivered, found.superseded) == (0, 1)
    assert failures(alertmanager) == []


@pytest.mark.parametrize(
    ("began", "of", "told"),
    [(60, {}, 0), (-60, {}, 1), (60, {"run_id": "r2"}, 1), (60, {"task_id": "other"}, 1)],
    ids=["cleared", "a try that had begun before", "another run", "another task"],
)
def test_a_run_that_was_cleared_is_not_told_as_failed(to_alertmanager, event, soon, alertmanager, began, of, told):
    run = {"alertname": "AirflowDagRunFailed", "task_id": None, "annotations": {"failed_task": "load"}}
    deliver(event(**run), to_alertmanager(GONE), soon(3))
    started = rfc3339(datetime.now(timezone.utc) + timedelta(seconds=began))
    recovery.mark_resolved(event(annotations={"started_at": started}, **of))
    found = flush(to_alertmanager(), soon())
    assert (found.delivered, found.superseded) == (told, 1 - told)
    assert len(failures(alertmanager)) == told


def test_what_is_late_says_so(to_alertmanager, event, soon, alertmanager, age):
    deliver(event(), to_alertmanager(GONE), soon(3))
    age(3600)
    assert flush(to_alertmanager(), soon()).delivered == 1
    (alert,) = failures(alertmanager)
    assert alert["annotations"]["summary"].startswith("delivered late, 60 minutes after it happened: orders: load")


def test_what_is_too_old_is_a_dead_letter(to_alertmanager, event, soon, alertmanager, age):
    deliver(event(), to_alertmanager(GONE), soon(3))
    age(4 * 86400)
    settings = to_alertmanager()
    assert flush(settings, soon()).dead == 1
    assert failures(alertmanager) == []
    (letter,) = dead(settings)
    assert "not delivered in time; the last problem was: http://127.0.0.1:1: ConnectionRefusedError" in letter


# what kills, and what runs beside


KILLED = """
import sys, time
from windsock import settings
from windsock.callbacks.delivery import deliver
from windsock.events import Event
event = Event("AirflowTaskFailed", "airflow", "orders", "r1", task_id="load", annotations={"summary": "x"})
print("sending", flush=True)
deliver(event, settings.load(cwd=False), time.monotonic() + 120)
"""


def test_kill_9_in_the_middle_of_a_delivery_is_one_alert(configure, silent, alertmanager, soon):
    configure(alertmanager={"urls": [silent.url]})
    sender = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True)
    assert silent.posted.wait(120)
    sender.kill()
    sender.wait(60)
    sender.stdout.close()
    configure(alertmanager={"urls": [alertmanager.url]})
    assert flush(load(cwd=False), soon()).delivered == 1
    assert len(failures(alertmanager)) == 1


FLUSHING = """
import time
from windsock import settings
from windsock.callbacks.delivery import flush
print(flush(settings.load(cwd=False), time.monotonic() + 120, 1000).delivered)
"""


def test_many_processes_flush_the_same_spool(configure, event, alertmanager):
    configure(alertmanager={"urls": [alertmanager.url]})
    settings = load(cwd=False)
    for number in range(60):
        failure = spool.Entry.new("failed", event(run_id=str(number)), PENDING, created=time.time())
        spool.of(settings).put(failure, sync=False).release()
    modules = ("windsock.settings", "windsock.callbacks.delivery.replay", "windsock.callbacks.delivery.alertmanager")
    delivered = [int(line) for line in together(modules, FLUSHING, [()] * 8)]
    assert len(delivered) == 8
    assert sum(delivered) == 60, "each by one process"
    assert len(failures(alertmanager)) == 60
    assert waiting(settings) == []


def test_nonsense_in_the_spool_stops_nothing(to_alertmanager, event, soon, alertmanager):
    settings = to_alertmanager()
    deliver(event(), to_alertmanager(GONE), soon(3))
    (spool.of(settings).queue / "000000000000000-bad.json").write_text("{")
    found = flush(settings, soon())
    assert (found.delivered, found.dead, found.waiting) == (1, 1, 0)


def test_a_full_spool_costs_no_alert_that_arrives(to_alertmanager, event, soon, alertmanager, tmp_path):
    full = to_alertmanager(spool={"dir": str(tmp_path / "s"), "max_files": 0})
    assert deliver(event(), full, soon()).problem == ""
    gone = to_alertmanager(GONE, spool={"dir": str(tmp_path / "s"), "max_files": 0})
    found = deliver(event(), gone, soon(3))
    assert "not kept: callbacks.spool.max_files is 0" in found.detail
    assert not (tmp_path / "s").exists()


def test_a_template_becomes_the_description(to_alertmanager, event, soon, alertmanager):
    deliver(event(), to_alertmanager(), soon(), Choice(template="{{ dag_id }} needs {{ owner }}\n{{ nothing }} here"))
    (alert,) = failures(alertmanager)
    assert alert["annotations"]["description"] == "orders needs ana"


def test_no_channel_and_no_connection_is_touched(configure, alertmanager):
    configure(alertmanager={"urls": [alertmanager.url]})
    script = KILLED + (
        "heavy = ('requests', 'smtplib', 'jinja2', 'apprise', 'airflow', 'windsock.callbacks.channels', "
        "'windsock.callbacks.rendering')\n"
        "print([name for name in heavy if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout == "sending\n[]\n"
