"""`windsock dashboards` as a user runs it."""

from __future__ import annotations

import json

import pytest
from click.testing import CliRunner

from windsock.cli import windsock
from windsock.exceptions import WindsockError


@pytest.fixture
def run(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)

    def invoke(*args: str):
        return CliRunner().invoke(windsock, ["dashboards", *args], catch_exceptions=True)

    return invoke


def test_build_writes_the_files_and_names_them(run, tmp_path):
    result = run("build", "--out", "boards")
    assert result.exit_code == 0
    assert result.output.splitlines() == sorted(f"boards/{path.name}" for path in (tmp_path / "boards").iterdir())
    assert json.loads((tmp_path / "boards/overview.json").read_text())["uid"] == "windsock-overview"


def test_build_leaves_a_file_that_is_right_untouched(run, tmp_path):
    run("build", "--out", "boards")
    before = (tmp_path / "boards/overview.json").stat().st_mtime_ns
    assert run("build", "--out", "boards").exit_code == 0
    assert (tmp_path / "boards/overview.json").stat().st_mtime_ns == before


def test_check_is_content_with_what_build_wrote_and_writes_nothing(run, tmp_path):
    run("build", "--out", "boards")
    result = run("build", "--out", "boards", "--check")
    assert (result.exit_code, result.output) == (0, "boards: up to date\n")
    result = run("build", "--out", "elsewhere", "--check")
    assert isinstance(result.exception, WindsockError)
    assert "overview.json" in str(result.exception)
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("file", ["overview.json", "stray.json"])
def test_check_names_the_file_that_differs(run, tmp_path, file):
    run("build", "--out", "boards")
    (tmp_path / "boards" / file).write_text("{}\n")
    result = run("build", "--out", "boards", "--check")
    assert result.exception.exit_code == 1
    assert file in str(result.exception)


def test_an_out_that_is_a_file_is_wrong_usage(run, tmp_path):
    (tmp_path / "file").write_text("")
    assert run("build", "--out", "file").exit_code == 2


def test_an_out_that_can_not_be_written_is_one_message(run, tmp_path):
    (tmp_path / "file").write_text("")
    result = run("build", "--out", "file/inside")
    assert isinstance(result.exception, WindsockError)
    assert str(result.exception) == "file/inside: can't be written: Not a directory"


def test_the_configuration_decides_where_links_lead(run, tmp_path):
    (tmp_path / "windsock.yaml").write_text("links: {airflow: https://airflow.example.org/}\n")
    run("build", "--out", "boards")
    assert "https://airflow.example.org/dags/" in (tmp_path / "boards/overview.json").read_text()


def test_list_shows_what_there_is(run):
    assert "windsock-overview" in run("list").output
    row = next(row for row in json.loads(run("list", "--json").output) if row["file"] == "overview.json")
    assert row["title"] == "Airflow overview"
    assert row["panels"] > 10
