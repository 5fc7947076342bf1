"""`windsock init` beside a database with the tables of a real Airflow."""

from __future__ import annotations

from click.testing import CliRunner
from real.databases import SQLiteFolder
from real.tables import Database

from windsock import settings
from windsock.airflow.versions import NEWEST
from windsock.cli import windsock as command


def test_teams_come_from_its_owners_and_what_no_team_has_is_said_later(tmp_path, monkeypatch):
    database = Database(SQLiteFolder(tmp_path), NEWEST)
    database.dag("orders", owners="data, airflow")
    database.dag("invoices", owners="finance")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRFLOW_DB", database.url)
    done = CliRunner().invoke(command, ["init", "--yes", "--for", "cfg"], standalone_mode=False)
    assert done.return_value == 0, done.output
    file = tmp_path / "windsock.yaml"
    assert {name: team.match.owner for name, team in settings.load(file).teams.items()} == {
        "data": ("data",),
        "finance": ("finance",),
    }

    database.dag("calls", owners="support")
    again = CliRunner().invoke(command, ["init", "--yes", "--for", "cfg"], standalone_mode=False).output
    assert '  support: {match: {owner: "support"}, slack: "#support"}  # 1 DAG\n' in again
    assert "finance" not in again
