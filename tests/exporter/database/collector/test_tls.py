"""A database whose certificate is checked, by the words of its URL."""

from __future__ import annotations

import shutil

import pytest
from real.certificates import Authority

from windsock.airflow.versions import NEWEST
from windsock.exporter.database.collector import Collector
from windsock.exporter.series.exposition import TEXT, render
from windsock.settings import Settings


@pytest.fixture
def ours(tmp_path):
    return Authority(tmp_path, "ours")


@pytest.fixture
def guarded(own_postgres, ours, make_database):
    """The URL of a database of Airflow's, on a PostgreSQL with a certificate."""
    for file, name in zip(ours.sign("database"), ("server.crt", "server.key"), strict=True):
        place = own_postgres.folder / "data" / name
        shutil.copy(file, place)
        place.chmod(0o600)
        if own_postgres.user:
            shutil.chown(place, own_postgres.user)
    with own_postgres.admin("postgres").connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("ALTER SYSTEM SET ssl = on")
        connection.exec_driver_sql("SELECT pg_reload_conf()")
    return make_database(own_postgres, NEWEST).url


def look(url):
    """What a pass reads, what failed in it, and the collector."""
    collector = Collector(Settings(), url)
    collector.look()
    return render(list(collector.stores()), TEXT).decode(), collector.failing(), collector


def test_a_database_is_read_by_who_trusts_its_certificate(guarded, ours):
    text, failed, collector = look(f"{guarded}?sslmode=verify-full&sslrootcert={ours.certificate}")
    assert not failed
    assert "airflow_db_up 1\n" in text
    with collector.session.engine.connect() as connection:
        assert connection.exec_driver_sql("SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()").scalar()
    collector.session.close()


def test_a_database_of_a_strangers_is_not_read(guarded, tmp_path, caplog):
    stranger = Authority(tmp_path, "stranger")
    text, failed, collector = look(f"{guarded}?sslmode=verify-full&sslrootcert={stranger.certificate}")
    assert failed
    assert "airflow_db_up 0\n" in text
    assert "certificate verify failed" in caplog.text
    collector.session.close()
