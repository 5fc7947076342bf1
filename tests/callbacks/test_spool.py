"""The spool as its users meet it: many processes, kill -9, a full disk, a folder of somebody else's, nonsense."""

import contextlib
import json
import multiprocessing
import os
import signal
import stat
import subprocess
import sys
import time

import pytest
from real.waiting import until

from windsock.callbacks import spool as spools
from windsock.callbacks.spool import Entry, Spool, SpoolFullError
from windsock.settings import Settings

PENDING = (("slack", "#pay"),)


@pytest.fixture
def store(tmp_path):
    return Spool(tmp_path / "state" / "cluster-airflow", 100, 1 << 20)


@pytest.fixture
def entry(event):
    def make(created=None, **changes):
        return Entry.new("failed", event(**changes), PENDING, created=created or time.time())

    return make


def test_an_entry_comes_back_as_it_was(store, entry):
    put = entry(annotations={"exception": 'quote " newline \n emoji 🛬 surrogate \ud800'})
    store.put(put, sync=True).release()
    (name,) = store.names()
    assert store.claim(name).entry == put


def test_the_oldest_comes_first(store, entry):
    for age in (5, 300, 60):
        store.put(entry(created=time.time() - age, run_id=str(age)), sync=False).release()
    assert [store.claim(name).entry.event.run_id for name in store.names()] == ["300", "60", "5"]


def test_what_one_works_on_no_other_gets(store, entry):
    mine = store.put(entry(), sync=False)
    (name,) = store.names()
    assert store.claim(name) is None
    mine.update(attempts=1)
    assert store.claim(name) is None, "a change does not let go of it"
    mine.release()
    assert store.claim(name).entry.attempts == 1


def test_what_was_delivered_is_gone(store, entry):
    store.put(entry(), sync=False).remove()
    assert store.names() == []


def test_only_its_user_can_read_it(store, entry, tmp_path):
    old = os.umask(0)
    try:
        claim = store.put(entry(), sync=False)
    finally:
        os.umask(old)
    assert stat.S_IMODE(claim.path.stat().st_mode) == 0o600
    for folder in (store.queue, store.folder, tmp_path / "state"):
        assert stat.S_IMODE(folder.stat().st_mode) & 0o077 == 0


@pytest.mark.parametrize("bad", ["writable", "link", "file"])
def test_a_folder_that_others_may_write_to_is_not_used(store, entry, bad, tmp_path):
    store.folder.parent.mkdir()
    if bad == "writable":
        store.folder.mkdir()
        store.folder.chmod(0o777)
    elif bad == "link":
        (tmp_path / "elsewhere").mkdir()
        store.folder.symlink_to(tmp_path / "elsewhere")
    else:
        store.folder.write_text("")
    with pytest.raises(OSError):
        store.put(entry(), sync=False)
    assert not list((tmp_path / "elsewhere").glob("*")) if bad == "link" else True


def test_it_is_bounded_in_files(tmp_path, entry):
    store = Spool(tmp_path / "s" / "c", 3, 1 << 20)
    for _ in range(3):
        store.put(entry(), sync=False).release()
    with pytest.raises(SpoolFullError, match="3 files"):
        store.put(entry(), sync=False)


def test_it_is_bounded_in_bytes(tmp_path, entry):
    store = Spool(tmp_path / "s" / "c", 100, 3000)
    for _ in range(10):
        with contextlib.suppress(SpoolFullError):
            store.put(entry(), sync=False).release()
    assert 0 < len(store.names()) < 10
    assert sum(file.stat().st_size for file in store.queue.iterdir()) <= 3000


def test_dead_letters_are_bounded_and_the_newest_stay(tmp_path, entry):
    store = Spool(tmp_path / "s" / "c", 3, 1 << 20)
    for number in range(5):
        store.bury(entry(created=1000.0 + number, run_id=str(number)), "HTTP 400: no")
    kept = [json.loads((store.dead / name).read_text()) for name in store.dead_names()]
    assert [letter["event"]["run_id"] for letter in kept] == ["2", "3", "4"]
    assert kept[0]["problem"] == "HTTP 400: no"


def test_a_dead_letter_can_be_tried_again(store, entry):
    store.bury(entry(created=1000.0), "HTTP 400: no")
    (name,) = store.dead_names()
    assert store.revive(name)
    assert store.dead_names() == []
    (waiting,) = store.names()
    assert store.claim(waiting).entry.created > 1000.0, "it does not expire at once"


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"event": 1}', "\x00" * 100, '{"pending": [], "begun": []}'])
def test_a_file_that_is_no_entry(store, entry, content):
    store.put(entry(), sync=False).remove()
    (store.queue / "000-bad.json").write_text(content)
    with pytest.raises(ValueError):
        store.claim("000-bad.json")
    assert store.names() == ["000-bad.json"]
    store.bury_file("000-bad.json")
    assert store.names() == []


HOLDER = """
import sys, time
from pathlib import Path
from windsock.callbacks.spool import Spool
claim = Spool(Path(sys.argv[1]), 100, 1 << 20).claim(sys.argv[2])
claim.update(begun=claim.entry.pending)
print("claimed", flush=True)
time.sleep(60)
"""


def test_a_claim_ends_with_its_process(store, entry):
    store.put(entry(), sync=True).release()
    (name,) = store.names()
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(store.folder), name], stdout=subprocess.PIPE, text=True
    )
    try:
        assert holder.stdout.readline() == "claimed\n"
        assert store.claim(name) is None
    finally:
        holder.send_signal(signal.SIGKILL)
        holder.wait(60)
        holder.stdout.close()
    assert store.claim(name).entry.begun == PENDING, "who finds it knows that it may have arrived"


WRITER = """
import sys, time
from pathlib import Path
from windsock.callbacks.spool import Entry, Spool
from windsock.events import Event
store = Spool(Path(sys.argv[1]), 100000, 1 << 30)
number = 0
while True:
    event = Event("AirflowTaskFailed", "airflow", "d", str(number), annotations={"exception": "x" * 20000})
    claim = store.put(Entry.new("failed", event, (("slack", "#pay"),), created=time.time()), sync=False)
    claim.update(attempts=1)
    claim.release()
    number += 1
"""


def test_kill_9_at_any_point_leaves_only_whole_entries(store):
    for delay in (0.0, 0.005, 0.01, 0.02, 0.05):
        enough = len(store.names()) + 3
        writer = subprocess.Popen([sys.executable, "-c", WRITER, str(store.folder)])
        until(lambda enough=enough: len(store.names()) >= enough)
        time.sleep(delay)
        writer.kill()
        writer.wait(60)
    for name in store.names():
        assert len(store.claim(name).entry.event.annotations["exception"]) == 20000


def test_what_a_killed_process_left_half_written_is_swept(store, entry):
    store.put(entry(), sync=False).release()
    half = store.queue / ".000-x.json.abcd.tmp"
    half.write_text("{")
    os.utime(half, (1, 1))
    fresh = store.queue / ".000-y.json.abcd.tmp"
    fresh.write_text("{")
    store.sweep()
    assert [half.exists(), fresh.exists(), len(store.names())] == [False, True, 1]


def _take(folder, done):
    store = Spool(folder, 10000, 1 << 30)
    while names := store.names():
        for name in names:
            claim = store.claim(name)
            if claim is not None:
                done.put(claim.entry.event.run_id)
                claim.update(attempts=claim.entry.attempts + 1)
                claim.remove()


def test_sixteen_processes_take_each_entry_once(tmp_path, entry):
    store = Spool(tmp_path / "s" / "c", 10000, 1 << 30)
    for number in range(200):
        store.put(entry(run_id=str(number)), sync=False).release()
    context = multiprocessing.get_context("fork")
    done = context.Queue()
    workers = [context.Process(target=_take, args=(store.folder, done)) for _ in range(16)]
    for worker in workers:
        worker.start()
    taken = [done.get(timeout=180) for _ in range(200)]
    for worker in workers:
        worker.join(180)
    assert [worker.exitcode for worker in workers] == [0] * 16
    assert sorted(taken, key=int) == [str(number) for number in range(200)]
    assert store.names() == []
    assert done.empty()


FULL = """
import resource, signal, sys, time
from pathlib import Path
from windsock.callbacks.spool import Entry, Spool
from windsock.events import Event
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
store = Spool(Path(sys.argv[1]), 100, 1 << 20)
event = Event("AirflowTaskFailed", "airflow", "d", "r", annotations={"exception": "x" * 20000})
try:
    store.put(Entry.new("failed", event, (), created=1.0), sync=True)
except OSError as error:
    print(error.strerror)
print(sorted(file.name for file in store.queue.iterdir()))
"""


def test_a_disk_that_takes_no_more_leaves_nothing_half_done(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "s" / "c")], capture_output=True, text=True, timeout=120, check=True
    )
    assert done.stdout == "File too large\n[]\n"


def test_the_default_folder_is_the_users_own(monkeypatch):
    monkeypatch.delenv("WINDSOCK__CALLBACKS__SPOOL__DIR")
    assert str(spools.folder(Settings())) == f"/var/tmp/windsock-{os.getuid()}/cluster-airflow"
