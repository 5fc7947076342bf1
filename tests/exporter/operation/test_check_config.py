"""`windsock exporter --check-config`: everything that a start would read, and nothing that it would open."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from real import command


@pytest.fixture
def check(tmp_path):
    """Run it; returns the exit code, what it prints and what it complains about."""

    def run(*arguments: str, **environ: str) -> tuple[int, str, str]:
        given = command.without_settings() | environ
        found = command.windsock("exporter", "--check-config", *arguments, cwd=tmp_path, environ=given)
        return found.returncode, found.stdout, found.stderr

    return run


NOTHING_BESIDE = """\
Metadata database: none: set metadata.url in windsock.yaml, or $AIRFLOW__DATABASE__SQL_ALCHEMY_CONN
Reconciler: off: it needs a metadata database: set metadata.url
Alertmanager: none: set alertmanager.urls in windsock.yaml
"""


def test_without_a_file_the_defaults_are_good_and_what_does_not_run_is_named(check):
    assert check() == (0, f"defaults: good\n{NOTHING_BESIDE}", "")


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
        *NOTHING_BESIDE.splitlines(),
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


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("", "the environment variable THE_DB is not set; metadata.url names it"),
        ("no url", "metadata.url: the metadata database's URL can't be read"),
        ("oracle://u:hunter22@h/d", "metadata.url: no metadata database of Airflow: oracle; expected postgresql"),
        ("sqlite:////nowhere/airflow.db", "metadata.url: /nowhere/airflow.db: no such file"),
        ("postgresql://u:<choose one>@h/d", "metadata.url: the metadata database's URL has a placeholder"),
    ],
)
def test_a_database_that_can_not_be_read_is_not_good(url, problem, check, tmp_path):
    (tmp_path / "windsock.yaml").write_text("metadata: {url: '${THE_DB}'}\n")
    code, _, wrong = check(THE_DB=url)
    assert code == 2
    assert problem in wrong
    assert "hunter22" not in wrong
    assert "Traceback" not in wrong


@pytest.mark.parametrize(("scheme", "driver"), [("postgresql", "psycopg2"), ("mysql", "mysqldb")])
def test_a_driver_that_is_missing_is_not_good(scheme, driver, tmp_path):
    (tmp_path / "windsock.yaml").write_text("metadata: {url: '${THE_DB}'}\n")
    # As in an environment that has SQLAlchemy and none of the drivers.
    code = (
        "import sys; sys.argv = ['windsock', 'exporter', '--check-config'];"
        "import importlib.util as u; real = u.find_spec;"
        "u.find_spec = lambda name, *rest: None if name in {'psycopg2', 'psycopg', 'MySQLdb', 'pymysql', 'mysql'} "
        "else real(name, *rest);"
        "from windsock.cli import main; main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        check=False,
        timeout=120,
        env={**os.environ, "THE_DB": f"{scheme}://u:hunter22@h/d"},
    )
    assert done.returncode == 2
    assert f"metadata.url: no driver for {scheme} is installed; expected one of {driver}" in done.stderr
    assert "hunter22" not in done.stderr


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("reconcile: true", "reconcile.enabled: it needs a metadata database: set metadata.url in windsock.yaml"),
        (
            "{metadata: {url: '${THE_DB}'}, reconcile: true}",
            "reconcile.enabled: it needs an Alertmanager: set alertmanager.urls in windsock.yaml",
        ),
        (
            "{metadata: {url: '${THE_DB}'}, alertmanager: {urls: ['http://am'], http: {bearer: '${THE_TOKEN}'}}}",
            "the environment variable THE_TOKEN is not set; alertmanager.http.bearer names it",
        ),
        (
            "exporter: {state_file: nowhere/state.json}",
            "exporter.state_file: nowhere/state.json: there is no such folder",
        ),
    ],
)
def test_what_a_part_lacks_is_not_good(text, problem, check, tmp_path):
    (tmp_path / "windsock.yaml").write_text(text)
    code, _, wrong = check(THE_DB="postgresql://u@h/d")
    assert code == 2
    assert problem in wrong


def test_what_is_good_is_named_and_what_was_not_asked_too(check, tmp_path):
    (tmp_path / "windsock.yaml").write_text("{metadata: {url: '${THE_DB}'}, alertmanager: {urls: ['http://am:9093']}}")
    code, said, wrong = check(THE_DB="postgresql://u:hunter22@192.0.2.1/d")
    assert (code, wrong) == (0, "")
    assert said.splitlines()[1:] == [
        "Metadata database: postgresql://u:***@192.0.2.1/d, every 15s",
        "Reconciler: on, every 15s",
        "Alertmanager: http://am:9093",
        "No server was asked: `windsock metadata once` reads the database, `windsock notify test` sends an alert",
    ]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("oracle://u:hunter22@h/d", "Metadata database: not read: no metadata database of Airflow: oracle"),
        ("sqlite:////nowhere/airflow.db", "every 15s; /nowhere/airflow.db is not there"),
    ],
)
def test_what_airflow_s_own_variable_happens_to_name_is_no_error_and_not_called_good(url, said, check):
    code, printed, _ = check(AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=url)
    assert code == 0
    assert said in printed
    assert "hunter22" not in printed
