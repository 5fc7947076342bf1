"""`windsock inbox` as a person or `windsock up` starts it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests
from real.command import windsock

COMMAND = [sys.executable, "-m", "windsock", "inbox"]
ANY = ["--listen", "127.0.0.1:0", "--smtp-listen", "127.0.0.1:0"]


@contextlib.contextmanager
def _running(*options):
    with subprocess.Popen([*COMMAND, *options], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process, process.stdout.readline()
        finally:
            process.kill()


def _fails(*options):
    done = windsock("inbox", *options, cwd=Path.cwd(), environ=os.environ)
    assert "Traceback" not in done.stderr
    return done.returncode, done.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_is_and_ends_cleanly(number):
    with _running(*ANY, "--json") as (process, line):
        at = json.loads(line)
        assert set(at) == {"url", "slack_webhook", "slack_api", "msteams", "pagerduty", "smtp"}
        assert requests.post(at["slack_webhook"], json={"text": "Hello"}, timeout=60).text == "ok"
        assert "Hello" in requests.get(at["url"], timeout=60).text
        # Someone looks at the page, and someone hangs: neither holds it up.
        with requests.get(f"{at['url']}/api/stream", stream=True, timeout=60) as stream:
            next(stream.iter_lines(chunk_size=1))
            process.send_signal(number)
            assert process.wait(120) == 0
        assert process.stdout.read() == ""
        assert process.stderr.read() == ""


def test_it_prints_one_line_for_people():
    with _running(*ANY) as (process, line):
        assert line.startswith("inbox: http://127.0.0.1:")
        for word in ("slack_webhook=http://", "slack_api=http://", "pagerduty=http://", "smtp=127.0.0.1:"):
            assert word in line
        process.terminate()
        assert process.wait(120) == 0
        assert process.stdout.read() == ""


@pytest.mark.parametrize("option", ["--listen", "--smtp-listen"])
def test_a_port_in_use_is_one_clear_message(option):
    other = "--smtp-listen" if option == "--listen" else "--listen"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, error = _fails(option, f"127.0.0.1:{port}", other, "127.0.0.1:0")
    assert code == 1
    assert error == (
        f"windsock: the inbox can't listen on 127.0.0.1:{port}: Address already in use; "
        f"choose another port with {option} 127.0.0.1:0\n"
    )


@pytest.mark.parametrize("address", ["0.0.0.0:8025", "10.0.0.1:0", "[::]:0", "example.org:0", ":8025"])
def test_it_listens_on_loopback_only(address):
    for option in ("--listen", "--smtp-listen"):
        code, error = _fails(*ANY, option, address)
        assert code == 2
        assert f"{option} {address}" in error
        assert "loopback only" in error


@pytest.mark.parametrize("address", ["127.0.0.1", "127.0.0.1:x", "127.0.0.1:65536", ""])
def test_an_address_needs_a_port(address):
    code, error = _fails("--listen", address)
    assert code == 2
    assert "expected HOST:PORT" in error


def test_ipv6_and_localhost_are_loopback():
    with _running("--listen", "[::1]:0", "--smtp-listen", "localhost:0", "--json") as (process, line):
        at = json.loads(line)
        assert at["url"].startswith("http://[::1]:")
        assert requests.get(f"{at['url']}/healthz", timeout=60).text == "ok\n"
        process.terminate()
        assert process.wait(120) == 0


def test_help_has_an_example():
    done = subprocess.run([*COMMAND, "--help"], capture_output=True, text=True, timeout=120, check=True)
    assert "Example: windsock inbox" in done.stdout
