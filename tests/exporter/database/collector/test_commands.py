"""`windsock metadata once` and `grants`, `windsock exporter` beside a database, and the role that all of it needs."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pymysql
import pytest
import requests
import sqlalchemy as sa
from real import command
from real.server import find
from real.waiting import until

OPENED = {
    "postgresql": "ALTER ROLE {role} PASSWORD 'pw'",
    "mysql": "ALTER USER '{role}'@'%' IDENTIFIED BY 'pw' ACCOUNT UNLOCK",
}


def windsock(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return command.windsock(*arguments, cwd="/", environ=command.without_settings() | environ)


def test_once_prints_the_exposition_and_the_time_of_each_query(database):
    database.dag("d", owners="ann")
    done = windsock("metadata", "once", "--url", database.url)
    assert done.returncode == 0, done.stderr
    assert 'airflow_db_dag_info{dag_id="d",owner="ann",severity="warning",tags="",team="default"} 1' in done.stdout
    assert re.search(r"^ +\d+\.\d ms  task_instances$", done.stderr, re.MULTILINE)
    assert re.search(r"^ +\d+\.\d ms  \d+ statements$", done.stderr, re.MULTILINE)


def test_once_as_json_and_with_the_url_of_airflow_s_own_setting(pg_database):
    url = pg_database.url.replace("postgresql:", "postgresql+asyncpg:")
    done = windsock("metadata", "once", "--json", AIRFLOW__DATABASE__SQL_ALCHEMY_CONN=url)
    found = json.loads(done.stdout)
    assert found["failed"] == {}
    assert found["statements"] <= 20
    assert {"dags", "runs", "finished"} <= found["seconds"].keys()


def test_once_reads_the_url_from_the_variable_that_the_configuration_names(pg_database, tmp_path):
    (tmp_path / "w.yaml").write_text("metadata: {url: '${MY_DB}'}\n")
    config = ("--config", str(tmp_path / "w.yaml"))
    assert windsock("metadata", "once", *config, MY_DB=pg_database.url).returncode == 0
    done = windsock("metadata", "once", *config)
    assert (done.returncode, done.stderr) == (
        2,
        "windsock: the environment variable MY_DB is not set; metadata.url names it\n",
    )


def test_once_reads_beside_an_exporter_that_leads(database, look):
    leader = look(database.url)
    leader()
    done = windsock("metadata", "once", "--url", database.url)
    assert done.returncode == 0, done.stderr
    assert "airflow_db_up 1" in done.stdout
    assert leader()["airflow_db_up"] == 1
    assert leader.collector.session.leads


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_once_of_a_database_that_is_no_airflow_s_fails(extra, server, make_empty):
    done = windsock("metadata", "once", "--url", make_empty(server), *extra)
    assert (done.returncode, done.stdout) == (1, "")
    assert "none of Airflow's tables (dag, dag_run, task_instance) is there" in done.stderr
    assert "Traceback" not in done.stderr


def test_once_without_grants_fails_and_names_each_query(pg_database, postgres):
    pg_database.execute(f"CREATE ROLE poor_{pg_database.name} LOGIN")
    done = windsock("metadata", "once", "--url", postgres.url(pg_database.name, f"poor_{pg_database.name}"))
    assert done.returncode == 1
    assert "permission denied for table dag" in done.stderr
    assert re.search(r"^windsock: of 18 queries these failed: .*\bdags\b.*\bruns\b", done.stderr, re.MULTILINE)
    assert "\nairflow_db_up 0\n" in done.stdout


@pytest.mark.parametrize("extra", [(), ("--json",)])
def test_reconciling_once_prints_nothing_where_nothing_could_be_read(
    extra, server, make_empty, pg_database, postgres, tmp_path
):
    """`[]` would say that nothing fails."""
    away = {"WINDSOCK__ALERTMANAGER__URLS": "http://127.0.0.1:1", "WINDSOCK__RECONCILE__STORE": str(tmp_path / "s")}
    done = windsock("reconcile", "--once", "--url", make_empty(server), *extra, **away)
    assert (done.returncode, done.stdout) == (1, "")
    assert "none of Airflow's tables (dag, dag_run, task_instance) is there" in done.stderr
    if server.name == "postgresql":
        pg_database.execute(f"CREATE ROLE deaf_{pg_database.name} LOGIN")
        url = postgres.url(pg_database.name, f"deaf_{pg_database.name}")
        done = windsock("reconcile", "--once", "--url", url, *extra, **away)
        assert (done.returncode, done.stdout) == (1, "")
        assert "permission denied for table" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "which database? give --url, set metadata.url"),
        (("--url", "oracle://scott:tiger@h/d"), 2, "no metadata database of Airflow: oracle"),
        (("--url", "no url"), 2, "the metadata database's URL can't be read"),
        (("--url", "sqlite:////no/such/file"), 1, "unable to open database file"),
        (("--url", "postgresql://u:tiger@127.0.0.1:1/d"), 1, "Connection refused"),
    ],
)
def test_what_can_t_be_read_is_said_without_a_password(arguments, code, said):
    done = windsock("metadata", "once", *arguments)
    assert done.returncode == code
    assert said in done.stderr
    assert "tiger" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_grants_make_a_role_that_reads_everything_needed_and_nothing_else(databases, database, look):
    server = database.server
    printed = windsock("metadata", "grants", "--url", database.url, "--role", "reader")
    assert printed.returncode == 0, printed.stderr
    if server.name == "sqlite":
        assert "read-only" in printed.stdout
        return
    role = f"r{os.urandom(4).hex()}"
    for statement in printed.stdout.replace("reader", role).splitlines():
        if not statement.startswith("--"):
            database.execute(statement)
    database.execute(OPENED[server.name].format(role=role))
    database.dag("d")
    url = server.url(database.name, f"{role}:pw")
    eye = look(url)
    found = eye(everything=True)
    assert found['airflow_db_dag_paused{dag_id="d"}'] == 0
    assert eye.collector.failing() == {}
    driver = {"postgresql": "postgresql+psycopg2", "mysql": "mysql+pymysql"}[server.name]
    engine = sa.create_engine(url.replace(server.name, driver, 1), poolclass=sa.pool.NullPool, future=True)
    for refused in ("UPDATE dag SET is_paused = NULL", "DELETE FROM job", "SELECT * FROM secret"):
        database.execute("DROP TABLE IF EXISTS secret")
        database.execute("CREATE TABLE secret (x integer)")
        with pytest.raises(sa.exc.DBAPIError), engine.begin() as connection:
            connection.execute(sa.text(refused))
    database.execute("DROP TABLE secret")


def pipe(server: Any, database: str, text: str) -> subprocess.CompletedProcess[str]:
    """What an administrator does with it."""
    if server.name == "postgresql":
        command = [find("psql", "postgresql-client"), "-X", server.url(database)]
    else:
        address = ("--protocol=tcp", "--host=127.0.0.1", f"--port={server.port}", "--user=root")
        command = [find("mariadb", "mariadb-client"), "--no-defaults", *address, database]
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=60, check=False)


def test_a_role_that_was_piped_into_a_client_lets_nobody_in(databases, database):
    """Neither with what stands in the statements, nor without a password."""
    server = database.server
    if server.name == "sqlite":
        return
    role = f"r{os.urandom(4).hex()}"
    printed = windsock("metadata", "grants", "--url", database.url, "--role", role)
    assert "password" in printed.stderr, "who pipes it is told too"
    for _ in ("at first", "after an upgrade of Airflow"):
        done = pipe(server, database.name, printed.stdout)
        assert done.returncode == 0, done.stderr
    if server.name == "postgresql":
        # The server trusts who comes from this machine, so it is asked what it holds: no password is right.
        held = database.execute("SELECT rolpassword FROM pg_authid WHERE rolname = :role", role=role)
        assert [tuple(row) for row in held] == [(None,)]
        return
    for password in ("", "<choose one>"):
        with pytest.raises(pymysql.err.OperationalError, match=r"locked|denied"):
            pymysql.connect(host="127.0.0.1", port=server.port, user=role, password=password)


@pytest.mark.parametrize("command", [("once",), ("grants",)])
@pytest.mark.parametrize("url", ["postgresql://windsock:<choose one>@h/d", "mysql://<user>:pw@h/d"])
def test_a_placeholder_is_refused(command, url):
    done = windsock("metadata", *command, "--url", url)
    assert done.returncode == 2
    assert done.stderr.startswith("windsock: the metadata database's URL has a placeholder (<…>)")


def test_the_collector_itself_can_t_write(database, look):
    eye = look(database.url)
    eye()
    with pytest.raises(sa.exc.DBAPIError):
        eye.collector.session._connection.execute(sa.text("DELETE FROM job"))


def test_the_exporter_reads_the_database_that_airflow_s_own_variable_names(pg_database, tmp_path):
    pg_database.dag("d")
    environ = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("WINDSOCK", "AIRFLOW"))},
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": pg_database.url,
        "WINDSOCK__METADATA__INTERVAL": "1s",
    }
    command = [sys.executable, "-m", "windsock", "exporter", "--statsd-listen", "udp://127.0.0.1:0"]
    process = subprocess.Popen(
        [*command, "--web-listen", "127.0.0.1:0"],
        stdout=subprocess.PIPE,
        stderr=(tmp_path / "log").open("w"),
        text=True,
        env=environ,
        cwd=tmp_path,
        start_new_session=True,
    )
    try:
        url = re.search(r"http://\S+", process.stdout.readline())[0]

        def exposed() -> str:
            return requests.get(url, timeout=60).text

        until(lambda: 'airflow_db_dag_paused{dag_id="d"} 0' in exposed(), why=(tmp_path / "log").read_text)
        text = exposed()
        assert "windsock_metadata_leader 1" in text
        openmetrics = requests.get(url, headers={"Accept": "application/openmetrics-text; version=1.0.0"}, timeout=60)
        assert "# TYPE airflow_db_dag_paused gauge" in openmetrics.text
    finally:
        process.terminate()
        assert process.wait(60) == 0
        process.stdout.close()


def test_an_exporter_without_a_driver_for_airflow_s_database_goes_on(tmp_path):
    command = ["exporter", "--check-config"]
    assert windsock(*command, AIRFLOW__DATABASE__SQL_ALCHEMY_CONN="oracle://u:tiger@h/d").returncode == 0
