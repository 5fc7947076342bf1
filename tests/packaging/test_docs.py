"""`windsock docs`, from a wheel that was built after `make docs`: the site of that version, without a network."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
import requests

from windsock.exceptions import WindsockError
from windsock.manual.site import FILE, Site

PACKED = "windsock/manual/site.zip"
LARGEST = 2 << 20
"""Bytes by which a wheel may grow for it."""


@pytest.fixture(scope="module")
def tree(sdist, tmp_path_factory) -> Path:
    """A checkout in which `make docs` was run, where a link that leads nowhere would have been an error."""
    place = tmp_path_factory.mktemp("checkout")
    with tarfile.open(sdist) as archive:
        archive.extractall(place, filter="data")
    (found,) = place.iterdir()
    (found / PACKED).unlink(missing_ok=True)
    program = Path(sys.executable).with_name("mkdocs")
    done = subprocess.run(
        [program, "build", "--quiet"],
        capture_output=True,
        text=True,
        check=False,
        cwd=found,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        timeout=600,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return found


@pytest.fixture(scope="module")
def unpacked(tree, make, tmp_path_factory) -> Path:
    with zipfile.ZipFile(make("wheel", tree, tmp_path_factory.mktemp("wheel-with-docs"))) as archive:
        assert archive.getinfo(PACKED).compress_size < LARGEST
        place = tmp_path_factory.mktemp("installed")
        archive.extractall(place)
    return place


@pytest.fixture
def address(unpacked):
    process = subprocess.Popen(
        [sys.executable, "-m", "windsock", "docs", "--listen", "127.0.0.1:0"],
        env={**os.environ, "PYTHONPATH": str(unpacked)},
        cwd=unpacked,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield re.fullmatch(r"documentation: (http://127\.0\.0\.1:\d+)/\n", process.stdout.readline())[1]
    process.send_signal(signal.SIGTERM)
    assert process.wait(180) == 0


def test_a_wheel_serves_its_pages_and_what_they_need(address):
    start = requests.get(f"{address}/start", timeout=60)  # led to its folder, to which its links are relative
    assert start.url == f"{address}/start/"
    assert "<h1" in start.text
    assert "Start here" in start.text
    wanted = re.findall(r'(?:src|href)="(\.\./[^"#?]*)"', start.text)
    assert len(wanted) > 40
    answers = {one: requests.get(f"{address}/start/{one}", timeout=60).status_code for one in set(wanted)}
    assert {one: status for one, status in answers.items() if status != 200} == {}
    # Nothing is fetched from elsewhere.
    assert re.findall(r'<(?:script|img|link rel="stylesheet")[^>]*(?:src|href)="https?:[^"]*"', start.text) == []
    assert "statsd.silent" in requests.get(f"{address}/search/search_index.json", timeout=60).text
    missing = requests.get(f"{address}/no-such-page", timeout=60)
    assert (missing.status_code, "404" in missing.text) == (404, True)


def test_what_was_built_without_it_says_how_it_is_made(tmp_path):
    with pytest.raises(WindsockError, match="`make docs` in a checkout makes it"):
        Site(tmp_path / FILE.name)
    (tmp_path / FILE.name).write_bytes(b"half of it")
    with pytest.raises(WindsockError, match="install windsock again"):
        Site(tmp_path / FILE.name)
