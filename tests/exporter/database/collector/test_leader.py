"""Of several exporters one reads the database: on PostgreSQL, behind a real PgBouncer, on MariaDB."""

from __future__ import annotations

from typing import Any

import pytest
from real.waiting import until

from windsock.airflow.versions import NEWEST

OWN = "windsock_metadata_leader"


@pytest.fixture(params=["postgresql", "pgbouncer", "mysql"])
def shared_url(request, databases) -> str:
    """A database that several may reach, empty; behind PgBouncer each transaction may get another connection."""
    engine = "mysql" if request.param == "mysql" else "postgresql"
    server = request.getfixturevalue("mariadb" if engine == "mysql" else "postgres")
    key = engine, NEWEST
    if key not in databases:
        databases[key] = request.getfixturevalue("make_database")(server, NEWEST)
    databases[key].empty()
    databases[key].dag("d")
    if request.param == "pgbouncer":
        return request.getfixturevalue("pgbouncer").url(databases[key].name)
    return databases[key].url


def taken_over(eye: Any) -> dict[str, float]:
    """What the follower shows as soon as it leads; a server takes a moment to see that a connection has ended."""
    return until(eye, why=lambda: "the lead stays with an exporter that is no more")


def test_one_leads_and_the_others_show_nothing_but_that_they_follow(shared_url, look):
    first, second, third = look(shared_url), look(shared_url), look(shared_url)
    for _ in range(3):
        assert first()["airflow_db_up"] == 1
        assert second() == third() == {}
    assert [one.shown(OWN)[OWN] for one in (first, second, third)] == [1, 0, 0]
    assert second.collector.failing() == {}


def test_another_takes_over_with_its_next_pass_when_the_leader_stops(shared_url, look):
    first, second = look(shared_url), look(shared_url)
    first()
    assert second() == {}
    first.collector.session.close()
    taken_over(second)
    assert first() == {}
    assert [one.shown(OWN)[OWN] for one in (first, second)] == [0, 1]


def test_another_takes_over_from_a_leader_that_hangs_within_two_intervals(shared_url, look):
    first, second = look(shared_url, metadata={"interval": 2}), look(shared_url, metadata={"interval": 2})
    first()
    taken_over(second)
    assert first() == {}  # and it finds out when it wakes


def test_nothing_stays_locked_between_passes(pg_database, look):
    eye = look(pg_database.url)
    eye()
    pg_database.execute("SET lock_timeout = 500")
    pg_database.execute("ALTER TABLE task_instance ADD COLUMN other integer")
    # Only ours: the server's autovacuum locks tables too.
    held = pg_database.execute(
        "SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) "
        "WHERE locktype = 'relation' AND application_name = 'windsock'"
    )
    assert held[0][0] == 0
    assert eye()["airflow_db_up"] == 1


def test_a_new_leader_counts_from_zero(pg_database, look):
    pg_database.dag("d")
    pg_database.run(1, "d", "running", 1000, start_date=1000)
    first, second = look(pg_database.url), look(pg_database.url)
    first()
    second()
    pg_database.update("dag_run", {"id": 1}, state="success", end_date=2000)
    name = 'airflow_db_dag_runs_finished_total{dag_id="d",state="success"}'
    assert first()[name] == 1
    first.collector.session.close()
    assert name not in taken_over(second)
    pg_database.run(2, "d", "success", 3000, start_date=3000, end_date=3001)
    assert second()[name] == 1
    assert name not in first()
