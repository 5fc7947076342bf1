"""Listeners never wait, never raise, never ask the database; what they can't send is counted."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from types import SimpleNamespace

import pluggy
import pytest
from real.waiting import until

from windsock.airflow import compat
from windsock.exporter.plugin import hooks, outbox


class Wire:
    """Where lines arrive; `open` lets them through."""

    def __init__(self) -> None:
        self.lines: list[tuple[str, float, dict[str, str]]] = []
        self.open = threading.Event()
        self.open.set()

    def send(self, kind, name, value, tags, *, core):
        assert (kind, core) == ("count", True)
        self.open.wait(120)
        self.lines.append((name, value, dict(tags)))


@pytest.fixture
def wire(monkeypatch, tmp_path):
    wire = Wire()
    monkeypatch.setattr(compat, "send", wire.send)
    monkeypatch.setattr(compat, "statsd_off", lambda **_: "")
    monkeypatch.delenv("WINDSOCK_CONFIG", raising=False)
    monkeypatch.setattr(hooks, "outbox", outbox.Outbox())
    yield wire
    wire.open.set()


@pytest.fixture
def hook():
    """Airflow's own way to call listeners: pluggy, with the specifications of the newest and those of the oldest."""
    spec = pluggy.HookspecMarker("airflow")

    class Specs:
        @spec
        def on_dag_run_running(self, dag_run, msg): ...
        @spec
        def on_dag_run_success(self, dag_run, msg): ...
        @spec
        def on_dag_run_failed(self, dag_run, msg): ...
        @spec
        def on_new_dag_import_error(self, filename, stacktrace): ...
        @spec
        def on_existing_dag_import_error(self, filename, stacktrace): ...
        @spec
        def on_asset_changed(self, asset): ...
        @spec
        def on_dataset_changed(self, dataset): ...

    manager = pluggy.PluginManager("airflow")
    manager.add_hookspecs(Specs)
    manager.register(hooks)
    manager.check_pending()
    return manager.hook


def test_what_each_hook_says(wire, hook):
    run = SimpleNamespace(dag_id="team.orders")
    hook.on_dag_run_running(dag_run=run, msg="")
    hook.on_dag_run_success(dag_run=run, msg="")
    hook.on_dag_run_failed(dag_run=run, msg="")
    hook.on_new_dag_import_error(filename="/dags/a b.py", stacktrace="secret")
    hook.on_existing_dag_import_error(filename="/dags/a b.py", stacktrace="secret")
    hook.on_asset_changed(asset=SimpleNamespace(uri="s3://lake/orders"))
    hook.on_dataset_changed(dataset=SimpleNamespace(uri="s3://lake/" + "x" * 500))
    until(lambda: len(wire.lines) == 7)
    assert [(name.removeprefix("windsock.listener."), *tags.values()) for name, _, tags in wire.lines] == [
        ("dag_runs", "running", "team.orders"),
        ("dag_runs", "success", "team.orders"),
        ("dag_runs", "failed", "team.orders"),
        ("import_errors", "new", "/dags/a_b.py"),
        ("import_errors", "existing", "/dags/a_b.py"),
        ("asset_events", "s3_//lake/orders"),
        ("asset_events", "x" * 120),
    ]


class Hostile:
    """An object of Airflow's that has lost its session, or worse."""

    def __getattribute__(self, name):
        raise RuntimeError("detached")

    def __str__(self):
        raise RuntimeError("no text")


def test_nothing_is_raised_whatever_the_objects_are(wire, hook):
    for thing in (None, 7, Hostile(), SimpleNamespace(), object):
        hook.on_dag_run_failed(dag_run=thing, msg="")
        hook.on_asset_changed(asset=thing)
    hook.on_new_dag_import_error(filename=Hostile(), stacktrace="")
    assert hooks.outbox.dropped == 11


def test_an_attribute_that_is_not_loaded_is_not_asked_for(wire, hook):
    class Row:
        asked = False

        @property
        def dag_id(self):
            Row.asked = True  # SQLAlchemy would read it from the database here
            return "d"

    hook.on_dag_run_failed(dag_run=Row(), msg="")
    assert not Row.asked


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt, MemoryError, ValueError])
def test_what_is_raised_ends_no_thread_and_is_counted(wire, hook, monkeypatch, error):
    def send(*_, **__):
        monkeypatch.setattr(compat, "send", wire.send)
        raise error

    monkeypatch.setattr(compat, "send", send)
    for _ in range(2):
        hook.on_dag_run_running(dag_run=SimpleNamespace(dag_id="d"), msg="")
    until(lambda: [(name, value) for name, value, _ in wire.lines][:1] == [(outbox.DROPPED, 1)])
    until(lambda: len(wire.lines) == 2)


def test_bounded_and_what_is_dropped_is_counted(wire, hook):
    wire.open.clear()
    run = SimpleNamespace(dag_id="d")
    begun = time.monotonic()
    for _ in range(2500):
        hook.on_dag_run_running(dag_run=run, msg="")
    assert time.monotonic() - begun < 60, "a hook waited for the wire"
    wire.open.set()
    until(lambda: sum(value for _, value, _ in wire.lines) >= 2500)
    dropped = [value for name, value, _ in wire.lines if name == outbox.DROPPED]
    assert len([1 for name, *_ in wire.lines if name.endswith("dag_runs")]) + sum(dropped) == 2500
    assert sum(dropped) >= 1000


def test_a_client_that_fails_loses_lines_and_counts_them(wire, hook, monkeypatch):
    def fail(*_, **__):
        raise OSError("no route to host")

    monkeypatch.setattr(compat, "send", fail)
    for _ in range(3):
        hook.on_dag_run_running(dag_run=SimpleNamespace(dag_id="d"), msg="")
    until(lambda: hooks.outbox.dropped == 3)
    monkeypatch.setattr(compat, "send", wire.send)
    hook.on_dag_run_running(dag_run=SimpleNamespace(dag_id="d"), msg="")
    until(lambda: (outbox.DROPPED, 3, {}) in wire.lines)


@pytest.mark.parametrize("how", ["settings", "statsd"])
def test_switched_off(wire, hook, monkeypatch, how):
    if how == "settings":
        monkeypatch.setenv("WINDSOCK__PLUGIN__LISTENERS", "false")
    else:
        monkeypatch.setattr(compat, "statsd_off", lambda **_: "Airflow's [metrics] statsd_on is off")
    for _ in range(3):
        hook.on_dag_run_running(dag_run=SimpleNamespace(dag_id="d"), msg="")
    until(lambda: hooks.outbox._closed)
    assert wire.lines == []


def test_without_airflow_it_gives_up_quietly(wire, hook, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(hooks, "outbox", outbox.Outbox())
    hook.on_dag_run_running(dag_run=SimpleNamespace(dag_id="d"), msg="")
    until(lambda: hooks.outbox._closed)


def test_a_forked_child_sends_for_itself(wire, hook):
    run = SimpleNamespace(dag_id="d")
    hook.on_dag_run_running(dag_run=run, msg="")
    until(lambda: wire.lines)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        wire.lines.clear()
        hook.on_dag_run_failed(dag_run=run, msg="")
        with contextlib.suppress(pytest.fail.Exception):
            until(lambda: wire.lines)
        os.write(writer, str([tags["state"] for _, _, tags in wire.lines]).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 100) == b"['failed']"
    os.close(reader)
    os.close(writer)
