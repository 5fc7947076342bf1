"""What goes wrong with a database: each query fails for itself, is named, and a scrape never waits."""

from __future__ import annotations

import logging
import socket
import threading
import time
import uuid
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from real.waiting import until

from windsock.airflow.versions import NEWEST, OLDEST
from windsock.exporter.database.collector import KEPT_INTERVALS, Collector
from windsock.exporter.parts import Parts
from windsock.exporter.service import Service
from windsock.settings import Settings

FAST = {"interval": 1, "timeout": 1}
ERRORS = "windsock_metadata_query_errors_total"
BEFORE_ALL = ("connection", "schema")
HANGS = {
    "postgresql": "CREATE VIEW slot_pool AS SELECT h.* FROM hidden h, pg_sleep(60)",
    "mysql": "CREATE VIEW slot_pool AS SELECT h.* FROM hidden h WHERE SLEEP(60) = 0",
    "sqlite": "CREATE VIEW slot_pool AS WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) "
    "SELECT h.* FROM hidden h WHERE (SELECT count(*) FROM n) = 0",
}


@pytest.fixture
def own_database(server, make_database) -> Any:
    """A database whose tables may be changed."""
    made = make_database(server, NEWEST)
    made.dag("d")
    made.insert("slot_pool", {"pool": "default_pool", "slots": 8, "include_deferred": False})
    return made


def errors(eye: Any) -> dict[str, float]:
    shown = eye.shown(ERRORS)
    return {name.removeprefix(ERRORS): value for name, value in shown.items() if 'reason="depends"' not in name}


def test_a_query_that_hangs_is_ended_and_named_while_the_others_go_on(own_database, look, caplog):
    eye = look(own_database.url, metadata=FAST)
    until(lambda: 'airflow_db_pool_slots{pool_name="default_pool"}' in eye())
    own_database.execute("ALTER TABLE slot_pool RENAME TO hidden")
    own_database.execute(HANGS[own_database.server.name])
    with caplog.at_level(logging.INFO, "windsock"):
        found: dict[str, float] = {}

        def failed(times: int) -> bool:
            begun = time.monotonic()
            found.update(eye())
            assert time.monotonic() - begun < 30
            return errors(eye).get('{query="pools",reason="timeout"}') == times

        for number in (1, 2, 3):
            # On a busy machine a pass may have no time left for it.
            until(lambda times=number: failed(times))
            assert found['airflow_db_pool_slots{pool_name="default_pool"}'] == 8  # from the pass before
            assert found["airflow_db_up"] == 1
            assert found['airflow_db_dag_paused{dag_id="d"}'] == 0
        # Another may take more than its second too, on a busy machine. SQLite's sizes ask the view as well.
        until(lambda: eye() and eye.collector.failing().keys() - {"tables"} == {"pools"})
        assert sum("query pools" in text for text in caplog.messages) == 1
        own_database.execute("DROP VIEW slot_pool")
        own_database.execute("ALTER TABLE hidden RENAME TO slot_pool")
        until(lambda: eye(everything=True) and eye.collector.failing() == {})
    assert any(text.endswith("query pools: works again") for text in caplog.messages)


def test_a_lock_on_task_instance_costs_its_queries_only(pg_database, look):
    eye = look(pg_database.url, metadata=FAST)
    pg_database.dag("d")
    pg_database.run(1, "d", "running", 1000, start_date=1000)
    eye()
    with pg_database.engine.begin() as connection:
        connection.execute(sa.text("LOCK TABLE task_instance IN ACCESS EXCLUSIVE MODE"))
        pg_database.update("dag", {"dag_id": "d"}, is_paused=True)
        until(lambda: eye()['airflow_db_dag_paused{dag_id="d"}'] == 1)

        def only_its_own() -> bool:
            eye()
            named = eye.collector.failing().keys() - {"triggers", "tables", "pools"}  # they read it too
            return named == {"finished", "task_instances"}

        until(only_its_own)
        assert eye()['airflow_db_dag_runs{dag_id="d",state="running"}'] == 1
    until(lambda: eye(everything=True) and eye.collector.failing() == {})


def test_a_missing_grant_is_named(pg_database, postgres, look):
    pg_database.dag("d")
    role = f"poor_{pg_database.name}"
    pg_database.execute(f"CREATE ROLE {role} LOGIN")
    pg_database.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    pg_database.execute(f"REVOKE SELECT ON job FROM {role}")
    eye = look(postgres.url(pg_database.name, role))
    found = eye(everything=True)
    assert eye.collector.failing().keys() == {"components", "oldest_rows"}
    assert eye.collector.failing()["components"] == "permission: permission denied for table job"
    assert errors(eye)['{query="components",reason="permission"}'] == 1
    assert found['airflow_db_dag_paused{dag_id="d"}'] == 0


def test_a_role_that_may_read_nothing_is_no_database_that_is_up(pg_database, postgres, look):
    role = f"none_{pg_database.name}"
    pg_database.execute(f"CREATE ROLE {role} LOGIN")
    eye = look(postgres.url(pg_database.name, role))
    assert eye()["airflow_db_up"] == 0
    pg_database.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {role}")
    assert eye()["airflow_db_up"] == 1


def test_a_database_that_is_no_airflow_s_is_not_up_until_it_is_one(server, make_empty, look, caplog):
    url = make_empty(server)
    eye = look(url)
    for _ in range(2):
        assert eye() == {"airflow_db_up": 0}
    assert sum("none of Airflow's tables" in text for text in caplog.messages) == 1
    assert errors(eye) == {'{query="schema",reason="schema"}': 2}
    made = server.admin(sa.engine.make_url(url).database if server.name != "sqlite" else url.split("/")[-1][:-3])
    with made.begin() as connection:
        for table in ("dag", "dag_run", "task_instance"):
            connection.execute(sa.text(f"CREATE TABLE {table} (id integer)"))
    made.dispose()
    eye()
    assert "schema" not in eye.collector.failing(), "airflow db migrate was run"


def test_a_schema_of_an_unknown_airflow(own_database, look, caplog):
    for change in (
        "ALTER TABLE dag_tag RENAME TO label",
        "ALTER TABLE slot_pool RENAME COLUMN slots TO places",
        "ALTER TABLE job RENAME COLUMN latest_heartbeat TO pulse",
    ):
        own_database.execute(change)
    eye = look(own_database.url)
    for _ in range(3):
        found = eye(everything=True)
    assert found['airflow_db_dag_paused{dag_id="d"}'] == 0
    supported = eye.shown("windsock_metadata_query_supported")
    assert {name.split('"')[1] for name, value in supported.items() if value == 0} == {"tags", "pools", "components"}
    assert eye.collector.failing().keys() == {"tags", "pools", "components"}
    assert sum("slot_pool has no column slots" in text for text in caplog.messages) == 1
    assert errors(eye) == {}


def test_tables_that_an_airflow_never_had_are_no_fault(databases, make_database, postgres, look, caplog):
    older = make_database(postgres, OLDEST)
    eye = look(older.url)
    eye(everything=True)
    assert eye.shown("windsock_metadata_query_supported")['windsock_metadata_query_supported{query="deadlines"}'] == 0
    assert eye.collector.failing() == {}
    assert caplog.messages == []


def test_deadlines_of_airflow_3_1_have_what_their_callback_does_in_place_of_missed(own_database, look):
    own_database.execute("ALTER TABLE deadline RENAME COLUMN missed TO was_missed")
    own_database.execute("ALTER TABLE deadline ADD COLUMN callback_state VARCHAR(20)")
    own_database.run(1, "d", "running", due=time.time())
    times = dict.fromkeys(("created_at", "last_updated_at", "deadline_time"), time.time())
    for state in (None, "queued", "success"):
        identity = {one: uuid.uuid4().hex for one in ("id", "callback_id")}
        row = {"dagrun_id": 1, "was_missed": False, "callback_state": state}
        own_database.insert("deadline", identity | times | row)
    eye = look(own_database.url)
    found = eye(everything=True)
    assert found['airflow_db_deadlines{dag_id="d",state="pending"}'] == 1
    assert found['airflow_db_deadlines{dag_id="d",state="missed"}'] == 2
    assert eye.collector.failing() == {}


def test_an_upgrade_of_airflow_while_the_exporter_runs(own_database, look):
    own_database.execute("ALTER TABLE dag RENAME COLUMN timetable_summary TO text")
    eye = look(own_database.url)
    eye()
    assert eye.collector.failing().keys() >= {"dags"}
    own_database.execute("ALTER TABLE dag RENAME COLUMN text TO timetable_summary")
    assert eye()['airflow_db_dag_paused{dag_id="d"}'] == 0, "not a pass later: a migration may have been at it"
    assert eye.collector.failing() == {}


@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
def test_a_database_that_is_away_and_comes_back(engine, request, make_database, look, clock, caplog):
    server = request.getfixturevalue(f"own_{engine}")
    database = make_database(server, NEWEST)
    database.dag("d")
    clock(1000)
    eye = look(database.url, metadata={"interval": 1, "timeout": 30})
    assert eye()["airflow_db_up"] == 1
    database.engine.dispose()
    server.stop()
    clock(1001)
    for _ in range(2):
        found = eye()
        assert found["airflow_db_up"] == 0
        assert found['airflow_db_dag_paused{dag_id="d"}'] == 0  # as it was
    clock(1001 + KEPT_INTERVALS + 1)
    assert eye() == {"airflow_db_up": 0}  # too old to be shown
    assert [text.split(": ")[1] for text in caplog.messages] == ["query connection"]
    server.up()
    found = eye()
    assert found["airflow_db_up"] == 1
    assert found['airflow_db_dag_paused{dag_id="d"}'] == 0
    assert eye.collector.failing() == {}
    # WindsockCollectorStale asks it of whatever has failed.
    succeeded = eye.shown("windsock_metadata_last_success_timestamp_seconds")
    assert {
        succeeded[f'windsock_metadata_last_success_timestamp_seconds{{query="{name}"}}'] for name in BEFORE_ALL
    } == {1001 + KEPT_INTERVALS + 1}
    # Restarted between two passes: nothing is lost.
    server.stop()
    server.up()
    before = errors(eye)
    assert eye()["airflow_db_up"] == 1
    assert errors(eye) == before


def test_a_server_that_never_answers(look):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        eye = look(f"postgresql://x@127.0.0.1:{silent.getsockname()[1]}/d", metadata=FAST)
        begun = time.monotonic()
        assert eye() == {"airflow_db_up": 0}
        assert time.monotonic() - begun < 60


def test_a_scrape_does_not_wait_for_the_database(pg_database):
    settings = Settings.model_validate(
        {
            "metadata": {"interval": 1, "timeout": 60},
            "exporter": {"statsd": {"listen": []}, "web": {"listen": "127.0.0.1:0"}},
        }
    )
    pg_database.dag("known.dag")
    collector = Collector(settings, pg_database.url)
    with Service(settings, parts=Parts(collector)) as service:
        until(lambda: "airflow_db_dag_paused" in requests.get(service.web.url, timeout=60).text)
        assert "known.dag" in service.translator.ids.known
        with pg_database.engine.begin() as connection:
            connection.execute(sa.text("LOCK TABLE dag, task_instance, dag_run IN ACCESS EXCLUSIVE MODE"))
            until(lambda: pg_database.execute("SELECT 1 FROM pg_locks WHERE NOT granted"))
            begun = time.monotonic()
            text = requests.get(service.web.url, timeout=60).text
            assert time.monotonic() - begun < 30, "a statement may take a minute"
            assert 'airflow_db_dag_paused{dag_id="known.dag"} 0' in text
    assert not [thread for thread in threading.enumerate() if thread.name == "metadata"]


def test_no_password_in_what_is_said(postgres, look, caplog):
    secret = "s3cr3tpassw0rd"
    for url in (
        f"postgresql://nobody:{secret}@127.0.0.1:{postgres.port}/none",
        f"mysql://nobody:{secret}@127.0.0.1:1/none",
        f"postgresql://nobody:{secret}@host.invalid/none",
    ):
        eye = look(url, metadata=FAST)
        eye()
        assert secret not in str(eye.shown()) + str(eye.collector.failing())
    assert len(caplog.messages) == 3
    assert secret not in caplog.text


def test_one_dag_with_too_long_a_history_does_not_stop_the_others(pg_database, look):
    pg_database.dag("a")
    pg_database.run(100, "a", "success", 1000, start_date=1000, end_date=1010)
    eye = look(pg_database.url, metadata=FAST)
    eye()
    for number, dag_id in enumerate("bcd"):
        pg_database.dag(dag_id)
        pg_database.run(number + 1, dag_id, "success", 1000, start_date=1000, end_date=1010)
    pg_database.execute("ALTER TABLE dag_run RENAME TO real_run")
    pg_database.execute(
        "CREATE VIEW dag_run AS SELECT * FROM real_run "
        "WHERE dag_id <> 'b' OR (SELECT pg_sleep(CASE WHEN dag_id = 'b' THEN 60 ELSE 0 END)) IS NULL"
    )
    # On a busy machine a pass may have no time left for it.
    until(lambda: {name[-4:-2] for name in eye() if "last_success" in name} == {'"a', '"c', '"d'})
    until(lambda: eye() and errors(eye).get('{query="history",reason="timeout"}', 0) >= 2)


def test_a_budget_holds_for_the_database_too(pg_database, look):
    for number in range(20):
        pg_database.dag(f"d{number}")
    eye = look(pg_database.url, exporter={"budgets": {"metric": 5}})
    found = eye()
    assert sum(name.startswith("airflow_db_dag_paused{") for name in found) == 5
    assert eye.shown("windsock_metadata_overflow_total")['windsock_metadata_overflow_total{budget="metric"}'] >= 15
