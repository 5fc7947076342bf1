"""Every Airflow 3 between the oldest and the newest has tables of its own: all of them are read, and failures found."""

from __future__ import annotations

import pytest
from real.databases import SQLiteFolder
from real.failures import fail
from real.tables import Database

from windsock.exporter.database.once import look_once


@pytest.mark.parametrize("version", ["3.0.2", "3.1.3", "3.2.0"])
def test_each_airflow_s_tables_are_read(version, bench, tmp_path):
    database = Database(SQLiteFolder(tmp_path), version)
    fail(database)
    one = bench(database)
    assert look_once(one.settings, database.url).failed == {}
    one.step(2)
    assert [alert[:2] for alert in one.firing()] == [("AirflowDagRunFailed", "d"), ("AirflowTaskFailed", "d")]
