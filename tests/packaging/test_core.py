"""An environment with the wheel and what it needs, without any extra: what the README's own install makes."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def plain(uv, wheel, tmp_path_factory) -> Path:
    """Its folder of programs."""
    place = tmp_path_factory.mktemp("plain") / "venv"
    for command in (
        [uv, "venv", "--quiet", "--python", sys.executable, place],
        [uv, "pip", "install", "--quiet", "--python", place, wheel],
    ):
        done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False, cwd=place.parent)
        assert done.returncode == 0, done.stderr
    return place / "bin"


def test_every_command_has_help(plain, helps):
    shown = helps(plain / "python")
    assert {"up", "inbox", "dashboards build", "metadata once", "exporter import-mapping"} <= shown.keys()
    for path, text in shown.items():
        assert text.startswith(f"Usage: windsock {path}")


@pytest.mark.parametrize(
    ("words", "package", "extra"),
    [
        ("up", "aiosmtpd", "demo"),
        ("inbox --listen 127.0.0.1:0 --smtp-listen 127.0.0.1:0", "aiosmtpd", "demo"),
        ("dashboards build --out made", "grafanalib", "dashboards"),
        ("dashboards list", "grafanalib", "dashboards"),
        ("dashboards preview --prometheus http://127.0.0.1:1", "grafanalib", "dashboards"),
        ("dashboards screenshot --out made --prometheus http://127.0.0.1:1", "grafanalib", "dashboards"),
        ("metadata once --url sqlite:////nowhere.db", "sqlalchemy", "exporter"),
        ("metadata grants --url sqlite:////nowhere.db", "sqlalchemy", "exporter"),
        ("reconcile --once --url sqlite:////nowhere.db", "sqlalchemy", "exporter"),
    ],
)
def test_a_missing_extra_is_one_message_with_the_command_that_brings_it(words, package, extra, plain, tmp_path):
    done = subprocess.run(
        [plain / "windsock", *words.split()],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env={"WINDSOCK__ALERTMANAGER__URLS": "http://127.0.0.1:1", "HOME": str(tmp_path)},
    )
    said = f"`windsock {words.split()[0]}` needs the package {package}: pip install 'windsock[{extra}]' brings it"
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"windsock: {said}\n")


@pytest.mark.parametrize("words", ["alerts build --out made", "logs build --out made", "config show", "notify spool"])
def test_what_needs_no_extra_works(words, plain, tmp_path):
    done = subprocess.run(
        [plain / "windsock", *words.split()], capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr


def test_a_database_without_its_extra_is_no_good_configuration(plain, tmp_path):
    (tmp_path / "windsock.yaml").write_text("metadata: {url: '${THE_DB}'}\n")
    done = subprocess.run(
        [plain / "windsock", "exporter", "--check-config"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
        env={"THE_DB": "postgresql://u@h/d", "HOME": str(tmp_path)},
    )
    assert done.returncode == 2
    assert done.stderr == (
        "windsock: metadata.url: the metadata database needs the package sqlalchemy: "
        "pip install 'windsock[exporter]' brings it\n"
    )


def test_a_mapping_file_without_its_extra_says_which_line_needs_it(plain, tmp_path):
    (tmp_path / "m.yml").write_text("mappings:\n- {match: a.*, name: a}\n- {match: b, match_type: regex, name: b}\n")
    done = subprocess.run(
        [plain / "windsock", "exporter", "--check-config", "--mapping-config", "m.yml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=tmp_path,
    )
    assert done.returncode == 2
    assert done.stderr == (
        "windsock: m.yml:3: mappings[1].match: a regular expression of a mapping file needs the package re2: "
        "pip install 'windsock[mappings]' brings it\n"
    )
