"""No way to end `windsock up` leaves a process behind."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from real.waiting import until

PROGRAM = textwrap.dedent(
    """
    import os, signal, subprocess, sys, time
    from windsock.demo.stack import keeper

    # A daemon as a shell makes one: its parent is gone, its session is its own, and it ignores SIGTERM.
    DAEMON = (
        "import os, signal, time\\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\\n"
        "if os.fork(): os._exit(0)\\n"
        "os.setsid()\\n"
        "time.sleep(300)\\n"
    )
    keeper.GRACE = 0.5
    with keeper.kept():
        try:
            subprocess.Popen([sys.executable, "-c", DAEMON], start_new_session=True)
            subprocess.Popen(["sleep", "300"], start_new_session=True)
            subprocess.Popen(["sh", "-c", "sleep 300 & wait"], start_new_session=True)
            time.sleep(0.5)
            print("up", os.getpid(), flush=True)
            CODE
        except KeyboardInterrupt:
            print("interrupted", flush=True)
    """
)
HEARS_SIGHUP = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL)\n"  # also where tests run under nohup


@pytest.fixture
def start(tmp_path):
    started = []

    def begin(code="time.sleep(300)"):
        process = subprocess.Popen(
            [sys.executable, "-c", HEARS_SIGHUP + PROGRAM.replace("CODE", code)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        word, inner = process.stdout.readline().split()
        assert word == "up"
        return process, int(inner)

    yield begin
    for pid in below(tmp_path):
        os.kill(pid, signal.SIGKILL)
    for process in started:
        process.communicate()


def below(place):
    """The processes that work in `place`."""
    found = []
    for link in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if link.readlink() == place:
                found.append(int(link.parent.name))
        except OSError:
            pass
    return found


def gone(place, within=60.0):
    deadline = time.monotonic() + within
    while below(place) and time.monotonic() < deadline:
        time.sleep(0.05)
    return below(place) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_to_the_pid_that_the_user_sees_ends_everything(start, tmp_path, number):
    process, _ = start()
    until(lambda: len(below(tmp_path)) == 6)
    process.send_signal(number)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (0, "interrupted\n", "")
    assert gone(tmp_path, within=0)


def test_ctrl_c_of_a_terminal_reaches_both_and_is_one(start, tmp_path):
    process, _ = start()
    os.killpg(process.pid, signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (0, "interrupted\n", "")
    assert gone(tmp_path, within=0)


@pytest.mark.parametrize("which", ["the pid that the user sees", "the one that does the work"])
def test_kill_9_leaves_nothing(start, tmp_path, which):
    process, inner = start()
    os.kill(process.pid if which.endswith("sees") else inner, signal.SIGKILL)
    assert gone(tmp_path)
    _, err = process.communicate(timeout=120)
    if which.endswith("sees"):
        assert process.returncode == -signal.SIGKILL
    else:
        assert (process.returncode, err) == (1, "windsock: the stack was ended by SIGKILL\n")


@pytest.mark.parametrize(("code", "expected"), [("sys.exit(7)", 7), ("pass", 0), ("raise ValueError", 1)])
def test_the_exit_code_is_that_of_the_work(start, tmp_path, code, expected):
    process, _ = start(code)
    process.communicate(timeout=120)
    assert process.returncode == expected
    assert gone(tmp_path, within=0)


def test_nohup_is_respected(tmp_path):
    done = subprocess.run(
        ["nohup", sys.executable, "-c", PROGRAM.replace("CODE", "os.kill(os.getpid(), signal.SIGHUP); print('here')")],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0
    assert done.stdout.splitlines()[1:] == ["here"]


def test_a_child_that_a_thread_has_reaped_just_now_is_no_error(start):
    gone = "gone = subprocess.Popen(['true']); gone.wait()"
    process, _ = start(f"{gone}; children = keeper._children; keeper._children = lambda: [gone.pid, *children()]")
    assert process.wait(120) == 0, process.stderr.read()
