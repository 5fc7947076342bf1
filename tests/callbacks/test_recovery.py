"""What a host remembers of its failures: small, bounded, whole, and never in the way."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from real.crowd import together

from windsock import events
from windsock.callbacks import recovery
from windsock.events import Event


@pytest.fixture(autouse=True)
def state(monkeypatch, tmp_path):
    folder = tmp_path / "state"
    monkeypatch.setenv("WINDSOCK__CALLBACKS__SPOOL__DIR", str(folder))
    return folder


def failed(task_id="load", run_id="run 1", name=events.TASK_FAILED, **facts):
    return Event(name, "airflow", "orders", run_id, task_id=task_id, **facts)


def marks(state):
    return list(state.glob("cluster-*/marks/*.json"))


def test_a_failure_is_remembered_until_it_is_resolved(state):
    assert not recovery.failed_before("airflow", "orders", "load")
    recovery.mark_failed(failed())
    assert recovery.failed_before("airflow", "orders", "load")
    assert not recovery.failed_before("airflow", "orders", "extract")
    assert not recovery.failed_before("airflow", "orders", None)
    assert not recovery.failed_before("staging", "orders", "load")
    recovery.mark_resolved(failed())
    assert not recovery.failed_before("airflow", "orders", "load")
    recovery.mark_failed(failed(run_id="run 2"))
    assert recovery.failed_before("airflow", "orders", "load")


def test_runs_that_fail_in_a_row_are_counted_until_one_succeeds(state):
    for run_id in ("run 1", "run 1", "run 2", "run 3"):
        recovery.mark_failed(failed(run_id=run_id))
    assert recovery.last(failed()).runs == 3
    recovery.mark_resolved(failed(run_id="run 3"))
    recovery.mark_failed(failed(run_id="run 5"))
    assert recovery.last(failed()).runs == 1


def due(hour):
    return {"due_at": f"2026-11-22T{hour:02}:00:00Z"}


def test_a_success_ends_its_own_run_s_failure_and_those_of_runs_that_were_due_no_later():
    before = time.time()
    recovery.mark_failed(failed(run_id="at six", annotations=due(6)))
    recovery.mark_resolved(failed(run_id="at five", annotations=due(5)))
    assert recovery.failed_before("airflow", "orders", "load")
    assert [recovery.ended(failed(run_id="x", annotations=due(hour)), before) for hour in (4, 5, 6)] == [
        True,
        True,
        False,
    ]
    assert not recovery.ended(failed(run_id="at four", annotations=due(4)), time.time() + 1), "it failed after that"
    recovery.mark_resolved(failed(run_id="at six", annotations=due(6)))
    recovery.mark_resolved(failed(run_id="at five", annotations=due(5)))
    assert not recovery.failed_before("airflow", "orders", "load")
    assert recovery.ended(failed(run_id="at six", annotations=due(6)), before)


def test_where_a_run_does_not_say_when_it_was_due_it_counts_what_failed_before_the_success_started():
    before = time.time()
    recovery.mark_resolved(failed(annotations={"started_at": "2020-01-01T00:00:00Z"}))
    assert not recovery.ended(failed(run_id="run 2", annotations=due(4)), before)
    recovery.mark_resolved(failed(annotations={"started_at": "2099-01-01T00:00:00Z"}))
    assert recovery.ended(failed(run_id="run 2", annotations=due(4)), before)


def test_retries_count_as_failures_and_skips_deadlines_and_checks_are_other_things():
    for name in (events.TASK_SKIPPED, events.DEADLINE_MISSED, events.DATA_CHECK_FAILED):
        recovery.mark_failed(failed(name=name))
    assert not recovery.failed_before("airflow", "orders", "load")
    assert recovery.check_failed_before("airflow", "orders", "load", None)
    assert not recovery.check_failed_before("airflow", "orders", "load", "another")
    recovery.mark_failed(failed(name=events.TASK_RETRYING))
    assert recovery.failed_before("airflow", "orders", "load")


def test_the_tries_that_are_remembered_are_bounded(state):
    for number in range(200):
        recovery.mark_failed(failed(run_id="é" * 250, annotations={"try": f"{number} of 200"}))
    (mark,) = marks(state)
    assert mark.stat().st_size < 30_000
    assert recovery.last(failed()).open
    for said, news in (({"try": "1 of 2"}, [True, False]), ({}, [True, True])):
        one = failed(annotations=said)
        assert [recovery.mark_delivered(one) for _ in range(2)] == news


def test_nobody_else_may_read_it(state):
    recovery.mark_failed(failed())
    (mark,) = marks(state)
    assert stat.S_IMODE(mark.parent.stat().st_mode) == 0o700


def test_the_folder_may_lie_below_one_that_all_may_write_to(monkeypatch, tmp_path):
    """As /var/tmp/windsock-UID does, which is where it lies without configuration."""
    shared = tmp_path / "shared"
    shared.mkdir()
    shared.chmod(0o1777)
    monkeypatch.setenv("WINDSOCK__CALLBACKS__SPOOL__DIR", str(shared / "windsock-0"))
    recovery.mark_failed(failed())
    assert recovery.failed_before("airflow", "orders", "load")
    (mark,) = shared.rglob("*.json")
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in list(mark.parents)[:3]] == [0o700] * 3


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"failed": "x"}', '{"failed": [1]}', "\x00" * 100, "9" * 50_000]
)
def test_a_mark_that_can_not_be_read_is_none(state, text):
    recovery.mark_failed(failed())
    (mark,) = marks(state)
    mark.write_text(text)
    assert not recovery.failed_before("airflow", "orders", "load")
    assert not recovery.ended(failed(), 0.0)
    recovery.mark_failed(failed())
    assert recovery.failed_before("airflow", "orders", "load")


def test_a_folder_that_can_not_be_written_harms_nobody(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("WINDSOCK__CALLBACKS__SPOOL__DIR", str(tmp_path / "file" / "below"))
    recovery.mark_failed(failed())
    recovery.mark_resolved(failed())
    assert not recovery.failed_before("airflow", "orders", "load")


def test_a_full_disk_leaves_what_was_there(state):
    recovery.mark_failed(failed())
    (mark,) = marks(state)
    before = mark.read_text()
    script = (
        "import resource; from windsock.callbacks import recovery; from windsock.events import Event;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (5, 5));"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN);"
        "recovery.mark_failed(Event('AirflowTaskFailed', 'airflow', 'orders', 'run 2', task_id='load'))"
    )
    subprocess.run([sys.executable, "-c", script], check=True, timeout=120)
    assert mark.read_text() == before
    assert [file.name for file in mark.parent.iterdir()] == [mark.name]


def test_many_processes_at_once_leave_whole_marks(state):
    script = (
        "import sys; from windsock.callbacks import recovery; from windsock.events import Event\n"
        "for n in range(100):\n"
        "    event = Event('AirflowTaskFailed', 'airflow', 'orders', f'run {sys.argv[1]}', task_id=f't{n % 5}')\n"
        "    (recovery.mark_failed if n % 3 else recovery.mark_resolved)(event)\n"
        "    recovery.last(event)\n"
    )
    modules = ("windsock.callbacks.recovery", "windsock.events")
    together(modules, script, [(str(number),) for number in range(8)])
    assert len(marks(state)) == 5
    for mark in marks(state):
        assert set(json.loads(mark.read_text())) == set(recovery.Mark._fields)
    assert not list(state.glob("cluster-*/marks/.*"))


def test_it_is_bounded_and_the_oldest_go(state, monkeypatch):
    monkeypatch.setattr(recovery, "_LIMIT", 20)
    for number in range(50):
        recovery.mark_failed(failed(f"task {number}"))
        for mark in marks(state):  # each a second older with every new one
            os.utime(mark, (mark.stat().st_mtime - 1,) * 2)
    assert len(marks(state)) <= 20
    assert recovery.failed_before("airflow", "orders", "task 49")
    assert not recovery.failed_before("airflow", "orders", "task 0")


def test_a_success_reads_the_configuration_without_checking_it(monkeypatch, tmp_path):
    file = tmp_path / "other.yaml"
    file.write_text("cluster: prod\ncallbacks: {spool: {dir: /var/spool/x}, enabled: false}\nnonsense: true\n")
    monkeypatch.delenv("WINDSOCK__CALLBACKS__SPOOL__DIR")
    monkeypatch.setenv("WINDSOCK_CONFIG", str(file))
    assert recovery.here() == recovery.Here("prod", "/var/spool/x", False)
    file.write_text("callbacks: {spool: {dir: /var/spool/x}}\n")
    assert recovery.here() == recovery.Here("airflow", "/var/spool/x", True)
    for text in ("[", "callbacks: 3", "callbacks: {spool: 3}", "cluster: {}"):
        file.write_text(text)
        assert isinstance(recovery.here(), recovery.Here)


def test_ids_of_any_kind_have_a_file():
    for dag_id in ("../../etc/passwd", "\ud800", "a" * 10_000, "\x00", "🛬"):
        event = Event("AirflowTaskFailed", "airflow", dag_id, "r", task_id="t")
        recovery.mark_failed(event)
        assert recovery.failed_before("airflow", dag_id, "t")


def test_where_it_lies_without_configuration(monkeypatch):
    monkeypatch.delenv("WINDSOCK__CALLBACKS__SPOOL__DIR")
    from windsock.callbacks import folder  # noqa: PLC0415

    assert folder.of(None, "airflow") == Path(f"/var/tmp/windsock-{os.getuid()}/cluster-airflow")
    assert folder.of("/srv/windsock", "prod") == Path("/srv/windsock/cluster-prod")
