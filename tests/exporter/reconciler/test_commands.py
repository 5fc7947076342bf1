"""`windsock reconcile`, and the reconciler inside `windsock exporter`, as programs."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests
import yaml
from real import command
from real.failures import fail
from real.server import free_port
from real.waiting import until

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator


def windsock(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return command.windsock(*arguments, cwd=Path.cwd(), environ=command.without_settings() | variables)


@pytest.fixture
def config(tmp_path, alertmanager, cluster) -> Any:
    """Write windsock.yaml; returns its path."""

    def write(**settings: Any) -> str:
        given = {"cluster": cluster, "alertmanager": {"urls": [alertmanager.url]}, **settings}
        given.setdefault("reconcile", {"store": str(tmp_path / "store.db")})
        path = tmp_path / "windsock.yaml"
        path.write_text(yaml.safe_dump(given))
        return str(path)

    return write


def test_once_tells_of_what_fails_now_and_prints_it(database, config, alertmanager, cluster):
    fail(database, ended=time.time() - 17)
    done = windsock("reconcile", "--once", "--url", database.url, "--config", config())
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["AirflowDagRunFailed  d run_1", "AirflowTaskFailed    d run_1 t"]
    assert len(alertmanager.alerts(cluster=cluster, dag_id="d")) == 2


def test_once_as_json(database, config):
    fail(database)
    done = windsock("reconcile", "--once", "--json", "--url", database.url, "--config", config())
    found = json.loads(done.stdout)
    assert [one["labels"]["alertname"] for one in found] == ["AirflowDagRunFailed", "AirflowTaskFailed"]
    assert found[1]["annotations"]["try"] == "1 of 1"


def test_once_where_another_acts_fails_and_says_so(database, config, bench):
    bench(database).step()
    done = windsock("reconcile", "--once", "--url", database.url, "--config", config())
    assert done.returncode == 1
    assert "another reconciler acts" in done.stderr


@pytest.mark.parametrize(
    ("settings", "arguments", "says"),
    [
        ({}, [], "which database? give --url"),
        (
            {"alertmanager": {"urls": []}},
            ["--url", "sqlite:////nowhere.db"],
            "which Alertmanager? set alertmanager.urls",
        ),
        ({}, ["--url", "oracle://x/y"], "no metadata database of Airflow"),
        ({"reconcile": {"windoww": "1h"}}, ["--url", "sqlite:////nowhere.db"], "windoww"),
        ({"reconcile": {"resolve": ["never"]}}, ["--url", "sqlite:////nowhere.db"], "reconcile.resolve"),
        ({"reconcile": "sometimes"}, ["--url", "sqlite:////nowhere.db"], "reconcile"),
    ],
)
def test_what_can_not_work_is_said_at_once(config, settings, arguments, says):
    done = windsock("reconcile", "--config", config(**settings), *arguments)
    assert done.returncode == 2
    assert says in done.stderr


def test_a_database_that_is_not_there_is_named_without_its_password(config):
    url = f"postgresql://bob:hunter22@127.0.0.1:{free_port()}/airflow"
    done = windsock("reconcile", "--once", "--url", url, "--config", config())
    assert done.returncode == 1
    assert "database" in done.stderr
    assert "hunter22" not in done.stderr + done.stdout


@contextlib.contextmanager
def exporter(path: str, **variables: str) -> Iterator[str]:
    """A running exporter; its address."""
    environ = command.without_settings() | variables
    web = f"127.0.0.1:{free_port()}"
    listen = ["--web-listen", web, "--statsd-listen", f"udp://127.0.0.1:{free_port()}"]
    log = Path(path).with_name("exporter.log")
    process = command.Running("exporter", "--config", path, *listen, cwd=Path.cwd(), environ=environ, log=log)
    try:
        until(lambda: requests.get(f"http://{web}/-/healthy", timeout=60) is not None)
        yield web
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(60)
        process.stdout.close()


def scraped(web: str, start: str) -> list[str]:
    text = requests.get(f"http://{web}/metrics", timeout=60).text
    return [line for line in text.splitlines() if line.startswith(start)]


def test_the_exporter_reconciles_where_it_knows_both(database, config, alertmanager, cluster):
    fail(database)
    path = config(metadata={"interval": "1s"})
    with exporter(path, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=database.url) as web:
        until(lambda: len(alertmanager.alerts(cluster=cluster, dag_id="d")) == 2)
        wanted = 'windsock_silent_failures_total{dag_id="d"} 1'
        until(lambda: wanted in scraped(web, "windsock_silent_failures_total"))
        assert "windsock_reconcile_leader 1" in scraped(web, "windsock_reconcile_leader")
        assert "windsock_reconcile_expected 1" in scraped(web, "windsock_reconcile_expected")
        assert "airflow_db_up 1" in scraped(web, "airflow_db_up")


@pytest.mark.parametrize("settings", [{"reconcile": False}, {"alertmanager": {"urls": []}}])
def test_it_does_not_where_that_is_switched_off_or_nobody_could_be_told(database, config, settings):
    with exporter(config(**settings), AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=database.url) as web:
        assert scraped(web, "windsock_reconcile") == []


def test_the_role_may_read_what_the_reconciler_reads(database):
    done = windsock("metadata", "grants", "--url", database.url)
    for table in ("log", "serialized_dag", "dag_schedule_asset_reference", "task_outlet_asset_reference", "deadline"):
        assert f'."{table}" TO ' in done.stdout
