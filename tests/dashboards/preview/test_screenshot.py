"""`windsock dashboards screenshot` takes pictures of the boards, with a real Chromium."""

from __future__ import annotations

import os
import struct
import subprocess
import sys

import pytest
from real.command import windsock

from windsock.dashboards.preview import screenshot
from windsock.dashboards.preview.screenshot import Shot, take
from windsock.exceptions import MissingProgramError, WindsockError


def size(file):
    """Width and height of a PNG."""
    content = file.read_bytes()
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", content[16:24])


def run(*arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", "windsock", "dashboards", "screenshot", *arguments],
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
        env={**os.environ, **environment},
    )


def test_one_board_at_a_time_and_a_size(prometheus, end, tmp_path):
    times = ["--from", str((end - 900) * 1000), "--to", str(end * 1000), "--var", "dag_id=orders"]
    done = run("--out", str(tmp_path / "shots"), "--board", "windsock-overview", "--prometheus", prometheus, *times)
    assert (done.returncode, done.stderr) == (0, "")
    (file,) = (tmp_path / "shots").iterdir()
    assert done.stdout == f"{file}\n"
    assert file.name == "windsock-overview.png"
    assert size(file) == (1440, 900)


def test_a_whole_board_is_as_high_as_it_is(running, end, tmp_path):
    query = [("from", str((end - 900) * 1000)), ("to", str(end * 1000))]
    (file,) = take(running.url, ["sampler"], tmp_path, Shot((1200, 700), query, full_page=True))
    width, height = size(file)
    # Six rows of panels and the one that is closed.
    assert width == 1200
    assert height > 6 * 8 * 38


def test_a_board_that_never_gets_ready_is_no_picture(door, behind, tmp_path, monkeypatch):
    monkeypatch.setattr(screenshot, "PATIENCE", 2.0)
    door.answer = lambda _: None
    with pytest.raises(WindsockError, match="sampler: not drawn within 2 s"):
        list(take(behind.url, ["sampler"], tmp_path, Shot((800, 600))))
    assert not list(tmp_path.iterdir())


def test_without_chromium_the_message_says_how_to_get_it(running, tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(
        MissingProgramError, match="chromium is not installed: put chromium or google-chrome on the PATH"
    ):
        list(take(running.url, ["sampler"], tmp_path / "out", Shot((800, 600))))
    (tmp_path / "apt-get").write_text("#!/bin/sh\n")
    (tmp_path / "apt-get").chmod(0o755)
    with pytest.raises(MissingProgramError, match="chromium is not installed: apt-get install chromium"):
        list(take(running.url, ["sampler"], tmp_path / "out", Shot((800, 600))))


def test_a_chromium_that_does_not_start_is_named(running, tmp_path, monkeypatch):
    (tmp_path / "chromium").write_text("#!/bin/sh\nexit 3\n")
    (tmp_path / "chromium").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(WindsockError, match=f"chromium ended at Target.getTargets; does `{tmp_path}/chromium"):
        list(take(running.url, ["sampler"], tmp_path / "out", Shot((800, 600))))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--board", "nothing"], "windsock: --board nothing: expected one of windsock-overview, "),
        (["--var", "dag_id"], "windsock: --var dag_id: expected NAME=VALUE"),
    ],
)
def test_wrong_usage(prometheus, tmp_path, arguments, said):
    words = ("dashboards", "screenshot", "--out", tmp_path, "--prometheus", prometheus, *arguments)
    done = windsock(*words, cwd=tmp_path, environ=os.environ)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(said)
    assert not list(tmp_path.iterdir())
