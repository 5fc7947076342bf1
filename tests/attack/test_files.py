"""What DAG code may put where logs should be: FIFOs, links, lines without end. Nobody waits for them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from windsock import regular
from windsock.alertmanager import Alertmanager
from windsock.callbacks import recovery, spool
from windsock.callbacks.commands import notify
from windsock.callbacks.delivery import deliver, flush
from windsock.callbacks.delivery.alertmanager import PENDING
from windsock.callbacks.rendering import sandbox
from windsock.events import Event
from windsock.exporter.database import serialized
from windsock.exporter.plugin.published import Exposition, UnavailableError
from windsock.exporter.reconciler import definitions, logfile
from windsock.exporter.reconciler.details import Instance
from windsock.exporter.reconciler.failure import Key
from windsock.exporter.reconciler.logfile import Tails
from windsock.logging import reader
from windsock.logging.watch import Canary
from windsock.settings import Settings, load

if TYPE_CHECKING:
    from collections.abc import Callable

KEY = Key("AirflowTaskFailed", "d", "r", "t")
LOG = "dag_id=d/run_id=r/task_id=t/attempt=1.log"
BOUND = 20.0
"""Seconds within which everything here is done on a busy machine; an open that waits is never done."""


def bounded(work: Callable[[], Any]) -> Any:
    """What it returns or raises; it fails where it waits, and the test goes on."""
    found: list[Any] = []

    def target() -> None:
        try:
            found.append(work())
        except Exception as error:  # noqa: BLE001  told to the test
            found.append(error)

    thread = threading.Thread(target=target, daemon=True)
    thread.start()
    thread.join(BOUND)
    assert found, "it waits"
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


@pytest.fixture
def place(tmp_path) -> Path:
    """Where the log of a try should be."""
    path: Path = tmp_path / LOG
    path.parent.mkdir(parents=True)
    return path


@pytest.fixture
def instance() -> Instance:
    return Instance(-1, 1, 1, None, None, None, "", "")


def test_a_fifo_where_a_log_should_be_costs_nobody_anything(tmp_path, place, instance):
    os.mkfifo(place)
    tails = Tails(tmp_path)
    tails.begin()
    assert bounded(lambda: logfile.tail(tmp_path, KEY, instance)) == ""
    assert bounded(lambda: reader.lines(tmp_path, LOG)) == 0
    place.unlink()
    place.write_text("Traceback\nValueError: no price\n")
    assert "no price" in tails.read(KEY, instance)


def test_a_link_where_a_log_should_be_shows_no_other_file(tmp_path, place, instance):
    other = tmp_path.parent / f"{tmp_path.name}-other"
    other.write_text("not for everybody\n")
    place.symlink_to(other)
    assert logfile.tail(tmp_path, KEY, instance) == ""
    assert reader.lines(tmp_path, LOG) == 0


def test_a_file_system_that_hangs_holds_up_one_pass_for_two_seconds_and_the_next_ones_for_none(
    tmp_path, instance, monkeypatch, caplog
):
    released = threading.Event()
    monkeypatch.setattr(logfile, "_PATIENCE", 0.2)
    monkeypatch.setattr(logfile, "tail", lambda *_: released.wait(BOUND) and "late")
    tails = Tails(tmp_path)
    begun = time.monotonic()
    for _ in range(50):
        tails.begin()
        assert tails.read(KEY, instance) == ""
    assert time.monotonic() - begun < BOUND / 4
    assert len(caplog.messages) == 1
    released.set()
    tails._thread.join(BOUND)
    monkeypatch.setattr(logfile, "tail", lambda *_: "again")
    tails.begin()
    assert tails.read(KEY, instance) == "again"


def test_a_line_that_nests_deeply_is_text(tmp_path, place, instance):
    place.write_text('{"event":' * 3000 + "1" + "}" * 3000 + "\nthe end\n")
    assert logfile.tail(tmp_path, KEY, instance).endswith("the end")
    assert reader.text('{"event":' * 100_000).startswith("{")


def test_a_line_without_end_is_counted_once_in_little_memory(place, tmp_path, monkeypatch):
    monkeypatch.setattr(reader, "PIECE", 64)
    place.write_bytes(b"[2026 begins\n" + b"{" * 1000 + b"\n[2026 ends\nand goes on\n")
    assert reader.lines(tmp_path, LOG) == 3


@pytest.mark.parametrize("put", ["fifo", "link"])
def test_a_canary_is_written_to_no_other_file(tmp_path, put, caplog):
    other = tmp_path / "other"
    other.write_text("")
    (tmp_path / "windsock").mkdir()
    file = tmp_path / "windsock" / "canary.log"
    if put == "fifo":
        os.mkfifo(file)
    else:
        file.symlink_to(other)
    canary = Canary(Settings.model_validate({"logs": {"folder": str(tmp_path)}}))
    stopped = threading.Event()
    threading.Thread(target=lambda: canary.run(stopped), daemon=True).start()
    end = time.monotonic() + BOUND
    while not (canary.outcomes["unwritten"] and "no canary can be written" in caplog.text):
        assert time.monotonic() < end, "it waits"
        time.sleep(0.01)
    stopped.set()
    assert other.read_text() == ""


@pytest.mark.parametrize("suffix", ["prom", "lock"])
def test_a_fifo_where_the_plugin_keeps_its_exposition(tmp_path, monkeypatch, suffix):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr("tempfile.tempdir", None)
    exposition = Exposition(Settings(), "sqlite:////nowhere/at/all.db")
    assert b"airflow_db_up 0" in bounded(exposition.read)  # makes the folder, and the names
    exposition._publisher.stop()
    (lock,) = tmp_path.glob("windsock-*/*.lock")
    lock.unlink()
    lock.with_suffix(".prom").unlink()
    os.mkfifo(lock.with_suffix(f".{suffix}"))
    if suffix == "prom":
        monkeypatch.setattr(Exposition, "_collect", lambda *_: None)
    with pytest.raises(UnavailableError, match=r"not a regular file|No such device"):
        bounded(Exposition(Settings(), "sqlite:////nowhere/at/all.db").read)


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir, lambda file: file.symlink_to("/etc/passwd")])
def test_what_is_no_file_where_callbacks_keep_theirs(tmp_path, monkeypatch, put):
    """A task's code runs as the same user. Each costs what it is about; the failures of others are told."""
    monkeypatch.setenv("WINDSOCK__CALLBACKS__SPOOL__DIR", str(tmp_path))
    monkeypatch.setenv("WINDSOCK_CONFIG", str(tmp_path / "windsock.yaml"))
    taken: list[str] = []
    monkeypatch.setattr(Alertmanager, "post", lambda *given: taken.append(str(given[1])) or [("", None)])
    monkeypatch.setattr(Alertmanager, "find", lambda *_: [])
    monkeypatch.setattr(Alertmanager, "match", lambda *_: [])
    (tmp_path / "windsock.yaml").write_text('{"alertmanager": {"urls": ["http://127.0.0.1:1"]}}')
    settings = load()
    event = Event("AirflowTaskFailed", "airflow", "orders", "r1", task_id="load")
    store = spool.of(settings)
    recovery.mark_failed(event)
    spool.private(store.dead)
    for folder in (store.queue, store.dead, store.runs):
        spool.private(folder)
        put(folder / "0-0.json")
    (mark,) = (store.folder / "marks").iterdir()
    mark.unlink()
    put(mark)
    store.put(spool.Entry.new("failed", event, PENDING, created=time.time()), sync=False).release()
    assert bounded(lambda: flush(settings, time.monotonic() + 10, 100)).delivered == 1
    assert "orders" in taken[0]
    bounded(lambda: deliver(event, settings, time.monotonic() + 10))
    bounded(lambda: recovery.mark_failed(event))
    for command in ("spool", "dead", "flush"):
        result = bounded(lambda command=command: CliRunner().invoke(notify, [command]))
        assert result.exit_code == 0 or "can't be read" in str(result.exception)
    assert list(store.runs.glob("0-0.json")), "nobody's business"


def test_a_definition_that_is_small_only_while_it_is_packed_is_none(monkeypatch):
    monkeypatch.setattr(serialized, "_LARGEST", 1000)
    assert serialized.content(None, zlib.compress(b'"' + b"x" * 998 + b'"')) == "x" * 998
    for packed in (zlib.compress(b'"' + b"x" * 999 + b'"'), zlib.compress(b'"x"')[:-5]):
        with pytest.raises(ValueError, match="1000 bytes"):
            serialized.content(None, packed)
    assert definitions._definition(None, zlib.compress(b"x" * 1001)) == definitions.Definition()
    assert definitions._definition("[" * 100_000, None) == definitions.Definition()


def test_a_regular_file_is_read_and_written(tmp_path):
    with regular.appending(tmp_path / "a") as file:
        file.write(b"one")
    with regular.appending(tmp_path / "a") as file:
        file.write(b"two")
    with regular.reading(tmp_path / "a") as file:
        assert file.read() == b"onetwo"
    for bad in (tmp_path, tmp_path / "none"):
        with pytest.raises(OSError):
            regular.reading(bad)


def test_what_renders_a_template_ends_where_nobody_waits_for_it_any_more():
    """Its task was killed, and the machine leaves it no time of the processor. Whatever it was told of the signal."""
    script = Path(sandbox.__file__).read_text().replace("_PATIENCE = 20", "_PATIENCE = 1")
    before = signal.signal(signal.SIGALRM, signal.SIG_IGN)
    try:
        process = subprocess.Popen([sys.executable, "-I", "-S", "-c", script], stdin=subprocess.PIPE)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert process.wait(BOUND) == -signal.SIGALRM
    process.stdin.close()
