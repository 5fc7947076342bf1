"""The spool under attack: mutated entries, a template without an end, a platform that says "never", clocks, owners."""

import copy
import json
import os
import stat
import time
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from click.testing import CliRunner

from windsock.callbacks import clock as times
from windsock.callbacks import recovery, spool
from windsock.callbacks.commands import notify
from windsock.callbacks.delivery import deliver, flush, resolve
from windsock.demo.inbox import Inbox
from windsock.events import Event
from windsock.exceptions import WindsockError
from windsock.http import Reply
from windsock.settings import Settings

BAD = (None, True, -1, 10**30, 1e15, 1e300, float("nan"), "", "x", "../../../escaped", "\ud800", [], [None], {}, [[1]])
NOT_JSON = (b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b"{}", b'{"pending": [], "begun": [], "event": {}}')


@pytest.fixture
def inbox():
    with Inbox() as running:
        yield running


@pytest.fixture
def settings(inbox, tmp_path, monkeypatch):
    """A team with a Slack channel, a spool of its own, and no Alertmanager."""
    monkeypatch.setenv("TOKEN", "xoxb-test")
    monkeypatch.setenv("WINDSOCK__CALLBACKS__SPOOL__DIR", str(tmp_path / "spool"))
    return build(tmp_path, slack=inbox.addresses["slack_api"])


def build(tmp_path, slack="http://127.0.0.1:1", urls=(), **given):
    return Settings.model_validate(
        {
            "alertmanager": {"urls": urls},
            "channels": {"slack": {"api_url": slack, "token": "${TOKEN}"}},
            "callbacks": {"spool": {"dir": str(tmp_path / "spool"), **given}},
            "teams": {"pay": {"slack": "#pay"}},
        }
    )


def event(run_id="r1", **given):
    said = {"summary": "orders: load failed", "exception": "ValueError", "try": "1 of 1", **given.pop("said", {})}
    facts = {"task_id": "load", "team": "pay", "severity": "warning", **given}
    return Event("AirflowTaskFailed", "airflow", "orders", run_id, annotations=said, **facts)


def soon(seconds=20.0):
    return time.monotonic() + seconds


def entry(run_id="r1", to=("slack", "#pay"), created=None, **given):
    return spool.Entry.new("failed", event(run_id), (to,), created=created or time.time(), **given)


def put(settings, *entries):
    for one in entries:
        spool.of(settings).put(one, sync=False).release()


def mutations(whole):
    """`whole`, JSON's values, with one of its values replaced, taken away or added: some 400."""
    for path in places(whole):
        for bad in BAD:
            yield changed(whole, path, lambda holder, key, bad=bad: holder.__setitem__(key, bad))
        yield changed(whole, path, lambda holder, key: holder.__delitem__(key))
    for path in [(), *(path for path in places(whole) if path == ("event",))]:
        yield changed(whole, (*path, "unknown"), lambda holder, key: holder.__setitem__(key, 1))


def places(value, path=()):
    if path:
        yield path
    keys = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for key in keys:
        yield from places(value[key], (*path, key))


def changed(whole, path, change):
    found = copy.deepcopy(whole)
    holder = found
    for key in path[:-1]:
        holder = holder[key]
    change(holder, path[-1])
    return found


def files(folder):
    return {path for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def alertmanager():
    """A server that takes all alerts and says that none fires."""
    taken = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self._answer(b"[]")

        def do_POST(self):
            taken.extend(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self._answer(b"")

        def _answer(self, body):
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.taken = taken
    server.url = f"http://127.0.0.1:{server.server_address[1]}"
    Thread(target=server.serve_forever, daemon=True).start()
    yield server
    server.shutdown()
    server.server_close()


# One bad entry costs itself.


@pytest.mark.parametrize("to", [("slack", "#pay"), ("alertmanager", "")], ids=["direct", "Alertmanager"])
def test_a_mutated_entry_costs_itself(settings, tmp_path, inbox, alertmanager, to, monkeypatch):
    central = to[0] == "alertmanager"
    config = build(tmp_path, urls=[alertmanager.url]) if central else settings
    store = spool.of(config)
    put(config, entry("good", to))
    (good,) = store.names()
    (store.queue / good).rename(store.queue / "999-good.json")
    whole = json.loads(entry("bad", to).text())
    bad = [json.dumps(values).encode() for values in mutations(whole)] + list(NOT_JSON)
    assert len(bad) > 149
    for number, content in enumerate(bad):
        (store.queue / f"{number:03}-bad.json").write_bytes(content)
    around = files(tmp_path) - files(store.folder)
    found = flush(config, soon(60), limit=1000)
    assert found.dead > 149
    assert "999-good.json" not in store.names()
    assert (
        [alert for alert in alertmanager.taken if alert["labels"].get("run_id") == "good"]
        if central
        else [message for message in inbox.messages() if "in good," in message.text]
    )
    assert files(tmp_path) - files(store.folder) == around, "nothing lands beside the spool"
    assert flush(config, soon(), limit=1000).dead == 0, "what waits on is an entry"
    monkeypatch.setenv("WINDSOCK_CONFIG", str(tmp_path / "none.yaml"))
    (tmp_path / "none.yaml").write_text("{}")
    for command in ("spool", "dead"):
        for form in ([], ["--json"]):
            assert CliRunner().invoke(notify, [command, *form]).exit_code == 0


@pytest.mark.parametrize("answer", [b'{"a": 1}', b"[1]", b'[{"labels": 1}]', b"null"])
def test_nonsense_from_a_peer_costs_its_entries_only(settings, tmp_path, alertmanager, inbox, answer):
    alertmanager.RequestHandlerClass.do_GET = lambda handler: handler._answer(answer)
    config = build(tmp_path, inbox.addresses["slack_api"], urls=[alertmanager.url])
    put(config, entry("central", ("alertmanager", ""), time.time() - 5), entry("direct"))
    found = flush(config, soon())
    assert found.delivered >= 1
    assert [message for message in inbox.messages() if "direct" in message.text]


def test_a_mutated_run_file_costs_no_alert(settings, inbox):
    deliver(event(), settings, soon())
    deliver(event(task_id="check"), settings, soon())
    resolve(event(task_id="other"), settings, soon())
    store = spool.of(settings)
    (file,) = store.runs.glob("*.json")
    whole = json.loads(file.read_text())
    assert whole["told"]["slack #pay"]["latest"]
    for values in list(mutations(whole))[::11]:
        file.write_text(json.dumps(values))
        for told in (deliver(event(), settings, soon()), resolve(event(run_id="r0"), settings, soon())):
            assert told.problem in ("", "rejected")
        flush(settings, soon())
        for waiting in store.names():
            (store.queue / waiting).unlink()
    assert inbox.messages()


def test_a_mutated_mark_costs_no_alert(settings):
    recovery.mark_failed(event())
    recovery.mark_resolved(event(said={"due_at": "2026-11-22T10:00:00Z", "started_at": "2026-11-22T10:00:00Z"}))
    (file,) = (spool.folder(settings) / "marks").iterdir()
    for values in list(mutations(json.loads(file.read_text())))[::3]:
        file.write_text(json.dumps(values))
        recovery.last(event())
        recovery.ended(event(run_id="other", said={"due_at": "2026-11-22T10:00:00Z"}), 1.0)
        recovery.mark_failed(event())
        recovery.mark_resolved(event())


# A template without an end, a disk that is somebody else's, a platform that says "never".

ENDLESS = {
    "loops": "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}",
    "a power": "{{ 9 ** (9 ** 9) }}",
    "memory": "{{ ('x' * 10 ** 9) | length }}" * 9,
    "doubling": "{% set n = namespace(x='x') %}{% for i in range(99) %}{% set n.x = n.x ~ n.x %}{% endfor %}",
}


@pytest.mark.parametrize("template", ENDLESS.values(), ids=ENDLESS)
def test_a_template_without_an_end_costs_its_words_only(settings, inbox, template):
    made = time.time()
    put(settings, entry("endless", template=template, created=made - 9))
    put(settings, *(entry(str(number), created=made) for number in range(3)))
    started = time.monotonic()
    found = flush(settings, soon(15))
    assert time.monotonic() - started < 15
    assert found.delivered == 4
    told = next(message.text for message in inbox.messages() if "in endless," in message.text)
    assert "(the template failed: " in told
    assert "ValueError" in told


def test_a_template_that_took_too_long_is_not_tried_for_each_message(settings, inbox):
    template = ENDLESS["loops"] + " once"
    put(settings, *(entry(str(number), template=template) for number in range(5)))
    started = time.monotonic()
    assert flush(settings, soon(15)).delivered == 5
    assert time.monotonic() - started < 8
    assert len(inbox.messages()) == 5


def test_an_alertmanager_that_drips_leaves_time_for_other_destinations(tmp_path, settings, inbox, alertmanager):
    def drip(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            time.sleep(0.1)
            handler.wfile.write(b" ")

    alertmanager.RequestHandlerClass.do_GET = drip
    config = build(tmp_path, inbox.addresses["slack_api"], urls=[alertmanager.url])
    put(config, entry("central", ("alertmanager", ""), time.time() - 5), entry("direct"))
    started = time.monotonic()
    assert flush(config, soon(4)).delivered == 1
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("asked", ["999999999", "Fri, 31 Dec 9999 23:59:59 GMT", "9" * 4000])
def test_a_platform_that_wants_to_be_left_alone_for_ever_is_asked_again(settings, inbox, asked, monkeypatch):
    monkeypatch.setattr("windsock.callbacks.channels.web.Client.request", refusing(asked))
    deliver(event(), settings, soon(2))
    (waiting,) = spool.of(settings).names()
    expires = time.time() + settings.callbacks.spool.expire
    assert time.time() < spool.of(settings).claim(waiting).entry.not_before < expires - 3600


def refusing(retry_after):
    return lambda *_: Reply(503, {"retry-after": retry_after}, b"")


def test_what_waits_longer_than_it_lives_is_given_up(settings):
    put(settings, entry(created=time.time() - 4 * 86400, not_before=time.time() + 10**9))
    assert flush(settings, soon()).dead == 1


# The clock.


@pytest.fixture
def clock(monkeypatch):
    """Moves the time of day; files have the real one."""
    ahead, real = [0.0], time.time
    monkeypatch.setattr(time, "time", lambda: real() + ahead[0])
    return lambda seconds: ahead.__setitem__(0, seconds)


def test_six_hours_back_hold_no_message_up(settings, inbox, clock, caplog):
    deliver(event(), settings, soon())
    clock(-6 * 3600)
    assert deliver(event(task_id="check"), settings, soon()).detail == "slack #pay"
    assert len(inbox.messages()) == 2
    assert "what this host remembers of orders r1 is dated 360 minutes ahead: the clock was set back" in caplog.text


def test_six_hours_back_hold_nothing_up_that_waits(settings, inbox, clock, caplog):
    put(settings, entry(not_before=time.time() + 600))
    clock(-6 * 3600)
    assert flush(settings, soon()).delivered == 1
    assert "which waits to be delivered, is dated 360 minutes ahead" in caplog.text


def test_a_clock_that_is_ahead_makes_nothing_old(settings, inbox, clock):
    """30 days ahead for a flush: what waits is delivered, or goes on waiting, and is not called late."""
    put(settings, entry(), entry("r2", to=("slack", "#nobody"), not_before=time.time() + 10**7))
    clock(30 * 86400)
    flushed = flush(settings, soon())
    assert (flushed.delivered, flushed.dead, flushed.waiting) == (1, 0, 1)
    assert "late" not in str(inbox.messages())


def test_what_is_old_by_the_kernels_count_is(settings, clock, monkeypatch):
    """And by the clock's, where the machine was started since."""
    for started_again in (False, True):
        put(settings, entry(created=time.time() - 4 * 86400))
        with monkeypatch.context() as patch:
            if started_again:
                patch.setattr(times, "boot", lambda: times.Boot("another", time.time()))
            assert flush(settings, soon()).dead == 1


def test_a_clock_that_is_ahead_forgets_no_run(settings, inbox, tmp_path, clock):
    """Whoever was told of its failure is told of its end."""
    deliver(event(), settings, soon())
    clock(30 * 86400)
    deliver(event("r2"), settings, soon())
    clock(0)
    assert resolve(event(), settings, soon()).detail == "slack #pay: it is over"


def test_a_success_of_before_the_step_ends_nothing_that_fails_after_it(settings, inbox, clock, tmp_path):
    deliver(event(), settings, soon())
    resolve(event(), settings, soon())
    recovery.mark_resolved(event())
    clock(-6 * 3600)
    deliver(event(said={"try": "2 of 2"}), build(tmp_path), soon(3))
    clock(-6 * 3600 + 61)
    assert flush(settings, soon()).delivered == 1


def test_marks_of_before_the_step_withhold_nothing(settings, clock, caplog):
    recovery.mark_failed(event())
    clock(-6 * 3600)
    assert recovery.last(event()).told == 0, "no throttle counts from it"
    assert recovery.failed_before("airflow", "orders", "load"), "a success has somebody to tell"
    recovery.mark_resolved(event())
    assert not recovery.failed_before("airflow", "orders", "load")
    recovery.mark_failed(event(run_id="r2"))
    assert recovery.failed_before("airflow", "orders", "load")
    assert "is dated 360 minutes ahead" in caplog.text


def test_an_alert_of_before_the_step_is_ended(settings, tmp_path, alertmanager, clock):
    began = datetime.now(timezone.utc)
    alertmanager.RequestHandlerClass.do_GET = lambda handler: handler._answer(
        json.dumps([] if "Reconciling" in handler.path else [event().alert(began)]).encode()
    )
    clock(-6 * 3600)
    assert "1 alerts ended" in resolve(event(), build(tmp_path, urls=[alertmanager.url]), soon()).detail


# Whose files they are, and who may read them.


def test_nobody_else_may_read_what_is_kept(settings, tmp_path):
    before = os.umask(0)
    try:
        recovery.mark_failed(event())
        deliver(event(), build(tmp_path), soon(3))
        spool.of(settings).bury(entry(), "no")
    finally:
        os.umask(before)
    kept = [path for path in (tmp_path / "spool").rglob("*") if path.is_file()]
    assert {path.parent.name for path in kept} == {"marks", "queue", "runs", "dead"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}


@pytest.fixture
def foreign(settings, monkeypatch):
    """The settings, and a process of another user than the spool's."""
    put(settings, entry())
    monkeypatch.setattr(os, "getuid", lambda: 64321)
    return settings


def test_a_spool_of_somebody_elses_is_said(foreign, tmp_path, inbox):
    said = f"{tmp_path}/spool/cluster-airflow belongs to user "
    for config in (build(tmp_path), build(tmp_path, urls=["http://127.0.0.1:1"])):
        told = deliver(event("r2"), config, soon(3))
        assert told.problem == "unreachable"
        assert said in told.detail
        assert "this process runs as user 64321" in told.detail


@pytest.mark.parametrize("command", ["spool", "flush", "dead"])
def test_the_commands_say_it_too(foreign, tmp_path, command, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(notify, [command])
    assert isinstance(result.exception, WindsockError)
    assert "spool/cluster-airflow belongs to user " in str(result.exception)
