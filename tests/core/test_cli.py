"""The command as a whole: what it loads, what it says, and how it ends."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from windsock.cli import COMMANDS


@pytest.mark.parametrize("arguments", [(), ("--help",), ("-h",)])
def test_help_names_every_command(arguments, command):
    result = command(*arguments)
    text = result.stdout + result.stderr
    for name in COMMANDS:
        assert f"\n  {name} " in text
    assert "Traceback" not in text
    assert result.returncode == (0 if arguments else 2)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name, command):
    result = command(name, "--help")
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith(f"Usage: windsock {name}")


def test_an_unknown_command_names_the_known_ones(command):
    result = command("exportr")
    assert result.returncode == 2
    assert "No such command 'exportr'. There are: init, up, doctor, inbox, exporter" in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("arguments", [("--nonsense",), ("config",), ("config", "nothing"), ("explain", "--nonsense")])
def test_wrong_usage_is_exit_code_2(arguments, command):
    result = command(*arguments)
    assert result.returncode == 2
    assert "Traceback" not in result.stderr


def test_a_wrong_configuration_is_exit_code_2_and_one_message(command, tmp_path):
    for arguments in (("exporter", "--check-config"), ("explain", "x"), ("config", "show")):
        result = command(*arguments, "--config", tmp_path / "nowhere.yaml")
        assert result.returncode == 2
        assert result.stderr == f"windsock: {tmp_path}/nowhere.yaml: no such file (from --config)\n"


def test_one_word_for_a_section_is_the_origin_of_one_key(command, tmp_path):
    file = tmp_path / "windsock.yaml"
    file.write_text("cluster: prod\nreconcile: false\n")
    shown = command("config", "show", "--config", file).stdout
    assert re.search(rf"^reconcile.enabled = false +# {file}:2$", shown, re.MULTILINE)
    assert re.search(r"^reconcile.store = null +# default$", shown, re.MULTILINE)


def test_version(command):
    result = command("--version")
    assert (result.returncode, result.stdout) == (0, "windsock, version 0.1.0\n")


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path):
    result = subprocess.run(
        f"{sys.executable} -m windsock config schema | head -1",
        shell=True,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        check=False,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "{\n", "")


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("dashboards", "--help"), 0, ""),
        (
            ("dashboards", "list"),
            1,
            (
                "windsock: `windsock dashboards` needs the package grafanalib: "
                "pip install 'windsock[dashboards]' brings it\n"
            ),
        ),
    ],
)
def test_a_package_that_is_not_installed_is_named_where_it_is_needed(words, code, said, tmp_path):
    program = (
        "import sys; sys.modules['sqlalchemy'] = sys.modules['aiosmtpd'] = sys.modules['grafanalib'] = None;"
        f"sys.argv = ['windsock', *{words!r}];"
        "from windsock.cli import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False
    )
    assert (result.returncode, result.stderr) == (code, said)


def test_the_help_loads_no_folder(tmp_path):
    code = (
        "import sys; sys.argv = ['windsock', '--help'];"
        "import atexit; atexit.register(lambda: print(*sys.modules, file=sys.stderr));"
        "from windsock.cli import main; main()"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False
    )
    loaded = set(result.stderr.split())
    assert "windsock.cli" in loaded
    folders = ("exporter", "dashboards", "alerts", "logging", "callbacks", "stack", "inbox")
    assert not {name for name in loaded if name.startswith(tuple(f"windsock.{folder}" for folder in folders))}
    assert not loaded & {"requests", "sqlalchemy", "airflow", "grafanalib", "prometheus_client"}
