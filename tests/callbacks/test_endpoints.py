"""Without an Alertmanager, where the channels misbehave, a process is killed, or hundreds of them fail at once."""

import subprocess
import sys
import time
from itertools import pairwise

import pytest
from real.crowd import together
from real.waiting import until

from windsock.callbacks import incidents, spool
from windsock.callbacks.delivery import deliver, flush, resolve
from windsock.settings import load


def by_channel(inbox):
    return sorted((message.platform, message.channel) for message in inbox.messages())


def timed(work):
    started = time.monotonic()
    return work(), time.monotonic() - started


@pytest.mark.parametrize("kind", ["hang", "close"])
def test_nobody_knows_whether_it_arrived_so_it_comes_again_marked(only_slack, event, soon, inbox, clock, kind):
    inbox.fault(platform="slack", kind=kind, count=1, accept=True, seconds=60)
    found, seconds = timed(lambda: deliver(event(), only_slack, soon(2)))
    assert found.problem in ("timeout", "unreachable")
    assert found.detail.endswith("(kept in the spool)")
    assert seconds < 30
    clock(61)
    assert flush(only_slack, soon()).delivered == 1
    first, again = inbox.messages()
    assert "may be a repeat" not in first.text
    assert "This may be a repeat: its first delivery was interrupted." in again.text


def test_what_may_have_arrived_is_marked_also_where_the_next_attempt_surely_did_not(
    only_slack, event, soon, inbox, clock
):
    inbox.fault(platform="slack", kind="hang", count=1, accept=True, seconds=60)
    deliver(event(), only_slack, soon(2))
    inbox.fault(platform="slack", kind="status", status=503)
    clock(61)
    assert flush(only_slack, soon(2)).waiting == 1
    inbox.clear()
    clock(61)
    assert flush(only_slack, soon()).delivered == 1
    assert "This may be a repeat" in inbox.messages()[-1].text


def test_a_look_at_what_waits_puts_it_off_no_further(only_slack, event, soon, inbox, clock):
    inbox.fault(platform="slack", kind="hang", count=1, seconds=30)
    deliver(event(), only_slack, soon(2))
    clock(30)
    assert flush(only_slack, soon()).waiting == 1
    clock(31)
    assert flush(only_slack, soon()).delivered == 1


def test_an_error_of_the_server_is_retried_within_the_budget(only_slack, event, soon, inbox):
    inbox.fault(platform="slack", kind="status", status=500, count=2)
    assert deliver(event(), only_slack, soon()).problem == ""
    (message,) = inbox.messages()
    assert "repeat" not in message.text


def test_a_short_retry_after_is_waited_for(only_slack, event, soon, inbox):
    inbox.fault(platform="slack", kind="status", status=429, retry_after=1, count=1)
    found, seconds = timed(lambda: deliver(event(), only_slack, soon()))
    assert found.problem == ""
    assert 1 <= seconds < 30


def test_a_long_retry_after_is_left_to_the_spool(only_slack, event, soon, inbox, clock):
    inbox.fault(platform="slack", kind="status", status=429, retry_after=3600, count=1)
    found, seconds = timed(lambda: deliver(event(), only_slack, soon()))
    assert found.problem == "throttled"
    assert seconds < 30
    clock(3000)
    assert flush(only_slack, soon()).waiting == 1
    clock(700)
    assert flush(only_slack, soon()).delivered == 1
    (message,) = inbox.messages()
    assert "Delivered late, 62 minutes after it happened." in message.text
    assert "repeat" not in message.text


@pytest.mark.parametrize("where", ["http://127.0.0.1:1", "http://no-such-host.invalid"])
def test_nobody_there(settings, direct, event, soon, where, clock, inbox):
    direct["channels"]["slack"]["api_url"] = where
    found, seconds = timed(lambda: deliver(event(), settings(), soon(3)))
    assert found.problem == "unreachable"
    assert seconds < 30
    assert [message.platform for message in inbox.messages()] == ["mail"], "the others are not held up"
    direct["channels"]["slack"]["api_url"] = inbox.addresses["slack_api"]
    clock(61)
    assert flush(settings(), soon()).delivered == 1
    assert by_channel(inbox) == [("mail", "pay@example.org"), ("slack", "#pay")]


def test_every_endpoint_hangs_and_nothing_is_lost(settings, event, soon, inbox, clock):
    for platform in ("slack", "pagerduty", "mail"):
        inbox.fault(platform=platform, kind="hang", seconds=60, count=1)
    found, seconds = timed(lambda: deliver(event(severity="critical"), settings(), soon(2)))
    assert found.problem == "timeout"
    assert seconds < 30
    assert inbox.messages() == []
    clock(61)
    assert flush(settings(), soon()).delivered == 1
    assert [platform for platform, _ in by_channel(inbox)] == ["mail", "pagerduty", "slack"]


def test_what_is_refused_is_a_dead_letter_with_the_reason(settings, event, soon, inbox):
    wrong = settings(teams={"pay": {"slack": "#channel_not_found", "email": "pay@example.org"}})
    found = deliver(event(), wrong, soon())
    assert found.problem == "rejected"
    assert "Slack: channel_not_found (a dead letter" in found.detail
    assert len(inbox.attempts("slack")) == 1, "never asked again"
    store = spool.of(wrong)
    (name,) = store.dead_names()
    assert "channel_not_found" in (store.dead / name).read_text()
    assert store.names() == []


def test_an_end_that_nobody_took_is_told_when_it_is_back(only_slack, event, soon, inbox, clock):
    deliver(event(), only_slack, soon())
    inbox.fault(platform="slack", kind="hang", seconds=60, count=1)
    found = resolve(event(), only_slack, soon(1.5))
    assert found.problem == "timeout"
    assert flush(only_slack, soon()).waiting == 1, "not within the minute"
    clock(61)
    assert flush(only_slack, soon()).delivered == 1
    (message,) = inbox.messages()
    assert message.text.startswith("Over: ")


def test_an_end_is_not_told_any_more_once_it_has_failed_again(only_slack, event, soon, inbox, clock):
    deliver(event(), only_slack, soon())
    inbox.fault(platform="slack", kind="status", status=503, count=4)
    resolve(event(), only_slack, soon(3))
    inbox.clear()
    clock(61)
    deliver(event(), only_slack, soon())
    clock(61)
    assert flush(only_slack, soon()).superseded == 1
    assert [m for m in inbox.messages() if "Over: " in m.text] == []


def test_a_dead_letter_that_is_tried_again_is_sent(settings, event, soon, inbox, clock):
    deliver(event(), settings(teams={"pay": {"slack": "#is_archived"}}), soon())
    clock(61)
    right = settings(teams={"pay": {"slack": "#pay"}})
    deliver(event(), right, soon())
    store = spool.of(right)
    (name,) = store.dead_names()
    letter = (store.dead / name).read_text().replace("#is_archived", "#pay")
    (store.dead / name).write_text(letter)
    assert store.revive(name)
    clock(61)
    assert flush(right, soon()).delivered == 1
    assert len(inbox.messages()) == 2


def test_a_missing_credential_costs_that_channel_only(settings, direct, event, soon, inbox, monkeypatch):
    monkeypatch.delenv("SLACK_TOKEN")
    found = deliver(event(), settings(), soon())
    assert found.problem == "settings"
    assert "the environment variable SLACK_TOKEN is not set; channels.slack.token names it" in found.detail
    assert by_channel(inbox) == [("mail", "pay@example.org")]


def test_without_a_disk_it_is_told_all_the_same(settings, direct, event, soon, inbox, tmp_path):
    (tmp_path / "a-file").write_text("")
    broken = settings(callbacks={"spool": {"dir": str(tmp_path / "a-file")}}, teams={"pay": {"slack": "#pay"}})
    assert deliver(event(), broken, soon()).problem == ""
    assert len(inbox.messages()) == 1


def test_a_run_file_that_is_nonsense_is_as_if_it_were_not_there(only_slack, event, soon, inbox, clock):
    deliver(event(), only_slack, soon())
    for file in spool.of(only_slack).runs.glob("*.json"):
        file.write_text('{"told": [1')
    deliver(event(), only_slack, soon())
    assert len(inbox.messages()) == 2


KILLED = """
import sys, time
from windsock import settings
from windsock.callbacks.delivery import deliver
from windsock.events import Event
event = Event("AirflowTaskFailed", "airflow", "orders", "r1", task_id="load", team="pay", severity="warning",
              annotations={"summary": "orders: load failed"})
print("sending", flush=True)
deliver(event, settings.load(cwd=False), time.monotonic() + 120)
"""


@pytest.mark.parametrize("accept", [False, True])
def test_kill_9_in_the_middle_of_a_delivery(direct, configure, inbox, soon, accept, clock):
    """At least once, marked: whether it had arrived nobody can know."""
    configure(**{**direct, "teams": {"pay": {"slack": "#pay"}}})
    inbox.fault(platform="slack", kind="hang", seconds=60, count=1, accept=accept)
    sender = subprocess.Popen([sys.executable, "-c", KILLED], stdout=subprocess.PIPE, text=True)
    until(lambda: inbox.attempts("slack"))
    sender.kill()
    sender.wait(60)
    sender.stdout.close()
    loaded = load(cwd=False)
    clock(61)
    assert flush(loaded, soon()).delivered == 1
    texts = [message.text for message in inbox.messages()]
    assert len(texts) == 1 + accept
    assert "This may be a repeat" in texts[-1]
    assert flush(loaded, soon()).waiting == 0


FAILING = """
import sys, time
from windsock import settings
from windsock.callbacks.delivery import deliver, flush, resolve
from windsock.events import Event
begun, real = float(sys.argv[3]), time.time
time.time = lambda: begun + (real() - begun) / 100  # the minute must not be over, whatever the machine does
loaded = settings.load(cwd=False)
for index in range(int(sys.argv[1]), int(sys.argv[2])):
    event = Event("AirflowTaskFailed", "airflow", "orders", "r1", task_id="load", team="pay", severity="warning",
                  annotations={"summary": f"orders: load [{index}] failed", "map_index": str(index)})
    found = deliver(event, loaded, time.monotonic() + 200)
    assert not found.problem, found
    flush(loaded, time.monotonic() + 200)
"""


def test_five_hundred_failures_in_sixteen_processes_are_one_message_and_an_update(
    direct, configure, inbox, soon, clock
):
    configure(**{**direct, "teams": {"pay": {"slack": "#pay"}}})
    edges = [round(500 * part / 16) for part in range(17)]
    begun = str(time.time())
    modules = ("windsock.settings", "windsock.callbacks.delivery.direct", "windsock.callbacks.channels.slack")
    together(modules, FAILING, [(str(first), str(last), begun) for first, last in pairwise(edges)])
    assert len(inbox.messages()) == 1

    loaded = load(cwd=False)
    store = spool.of(loaded)
    assert len(store.names()) == 1
    clock(61)
    assert flush(loaded, soon()).delivered == 1
    first, update = inbox.messages()
    assert update.thread == first.id
    assert "500 failures in this run so far, on this host" in update.text
    assert (store.names(), store.dead_names()) == ([], [])
    assert not list(store.queue.glob(".*.tmp"))


def test_old_runs_are_forgotten(only_slack, event, soon, clock):
    deliver(event(), only_slack, soon())
    deliver(event(run_id="r2"), only_slack, soon())
    store = spool.of(only_slack)
    assert incidents.runs_of(store, "orders") == ["r2", "r1"]
    clock(8 * 86400)
    deliver(event(run_id="r3"), only_slack, soon())
    assert incidents.runs_of(store, "orders") == ["r3"]
