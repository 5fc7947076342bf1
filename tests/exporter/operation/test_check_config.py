"""`windsock exporter --check-config`: everything that a start would read, and nothing that it would open."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.fixture
def check(tmp_path):
    """Run it; returns the exit code, what it prints and what it complains about."""

    def run(*arguments: str, **environ: str) -> tuple[int, str, str]:
        found = subprocess.run(
            [sys.executable, "-m", "windsock", "exporter", "--check-config", *arguments],
            capture_output=True,
            text=True,
            cwd=tmp_path,
            check=False,
            timeout=30,
            env={**{k: v for k, v in os.environ.items() if not k.startswith("WINDSOCK")}, **environ},
        )
        return found.returncode, found.stdout, found.stderr

    return run


def test_without_a_file_the_defaults_are_good(check):
    assert check() == (0, "defaults: good\n", "")


def test_every_origin_and_every_file_is_named(check, tmp_path, web_file, pair, hashed):
    web = web_file(
        f"tls_server_config: {{cert_file: {pair[0]}, key_file: {pair[1]}}}\n"
        f"basic_auth_users: {{alice: {hashed('a')}, bob: {hashed('b')}}}\n"
    )
    (tmp_path / "mapping.yml").write_text("mappings:\n- {match: 'a.*', name: a, labels: {b: $1}}\n")
    (tmp_path / "windsock.yaml").write_text(
        f"exporter:\n  web: {{config_file: {web}}}\n  mapping_config: mapping.yml\n"
    )
    code, said, wrong = check("--read-buffer", "1MiB", WINDSOCK__EXPORTER__STATSD__PREFIX="af")
    assert (code, wrong) == (0, "")
    assert said.splitlines() == [
        "windsock.yaml, $WINDSOCK__EXPORTER__STATSD__PREFIX, --read-buffer: good",
        f"{web}: good: TLS, 2 users",
        "mapping.yml: good: mappings: 1",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("exporter: {statsd: {allow: [x]}}", "windsock.yaml:1: exporter.statsd.allow[0]: expected a network such as"),
        ("exporter: {web: {config_file: web.yml}}", "web.yml:1: tls_server_config.key_file: is missing"),
        ("exporter: {web: {config_file: no.yml}}", "no.yml: no such file (exporter.web.config_file)"),
        ("exporter: {mapping_config: mapping.yml}", "mapping.yml:2"),
        ("exporter: {gauges: {airflow_nothing: max}}", "exporter.gauges.airflow_nothing: no gauge has this name"),
    ],
)
def test_what_is_wrong_ends_with_2(text, problem, check, tmp_path):
    (tmp_path / "web.yml").write_text("tls_server_config:\n  cert_file: a\n")
    (tmp_path / "mapping.yml").write_text("mappings:\n- {match: 'a.*', nam: a}\n")
    (tmp_path / "windsock.yaml").write_text(text)
    code, _, wrong = check()
    assert code == 2
    assert problem in wrong
    assert "Traceback" not in wrong


def test_no_socket_is_opened(check):
    assert check("--statsd-listen", "udp://192.0.2.1:9125", "--web-listen", "192.0.2.1:80")[0] == 0
