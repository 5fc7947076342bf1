"""The folder: one stack at a time, nobody's files deleted."""

import os
import subprocess
import sys

import pytest

from windsock.airflow.versions import NEWEST
from windsock.demo.stack.folder import Folder
from windsock.exceptions import StackError


def test_a_second_stack_is_told_who_runs(tmp_path):
    home = tmp_path / "home"
    with Folder(home).locked(4711):
        code = (
            "import pathlib, sys; from windsock.demo.stack.folder import Folder\n"
            "with Folder(pathlib.Path(sys.argv[1])).locked(1): print('held')"
        )
        second = subprocess.run(
            [sys.executable, "-c", code, str(home)], cwd=tmp_path, capture_output=True, text=True, check=False
        )
    assert second.returncode == 1
    assert "runs already (`windsock up`, pid 4711): end that one with Ctrl-C" in second.stderr
    assert "held" not in second.stdout
    with Folder(home).locked(4712):
        assert (home / "lock").read_text() == "4712\n"


def test_the_lock_lasts_as_long_as_a_forked_child_does(tmp_path):
    folder = Folder(tmp_path / "home")
    reading, writing = os.pipe()
    with folder.locked(os.getpid()):
        child = os.fork()
        if child == 0:
            os.close(writing)
            os.read(reading, 1)
            os._exit(0)
    os.close(reading)
    with pytest.raises(StackError, match="runs already"), folder.locked(1):
        pass
    os.close(writing)
    os.waitpid(child, 0)
    with folder.locked(1):
        pass


def test_a_folder_with_other_files_is_left_alone(tmp_path):
    (tmp_path / "thesis.tex").write_text("years of work")
    (tmp_path / "run").mkdir()
    expected = "is no folder of `windsock up`: name an empty or a new one with --home"
    with pytest.raises(StackError, match=expected), Folder(tmp_path).locked(1):
        pass
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "thesis.tex"]


def test_the_folder_of_this_name_may_hold_more(tmp_path):
    (tmp_path / ".windsock" / "tools").mkdir(parents=True)
    with Folder(tmp_path / ".windsock").locked(1):
        assert (tmp_path / ".windsock" / "tools").is_dir()


def test_a_file_in_the_place_of_the_folder_is_an_error(tmp_path):
    (tmp_path / "home").write_text("")
    with pytest.raises(StackError, match="--home"), Folder(tmp_path / "home").locked(1):
        pass
    below = Folder(tmp_path / "home" / "below")
    with pytest.raises(StackError, match="can't be written: Not a directory"), below.locked(1):
        pass


def test_a_run_begins_with_nothing_of_the_last_one(folder):
    (folder.logs / "exporter.log").write_text("old")
    (folder.home / f"airflow-{NEWEST}").mkdir()
    folder.renew()
    assert not (folder.logs / "exporter.log").exists()
    assert (folder.home / f"airflow-{NEWEST}").is_dir()
    assert (folder.home / ".gitignore").read_text() == "*\n"
    assert folder.secrets.stat().st_mode & 0o777 == 0o700
