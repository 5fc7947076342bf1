"""A secret in a file that a variable names: as containers are given theirs."""

from __future__ import annotations

import pytest

from windsock import database, secrets
from windsock.exceptions import SettingsError


def read(environ):
    return secrets.variable("${SLACK_TOKEN}", "channels.slack.token", environ)


def test_the_variable_goes_before_the_file_and_the_files_line_end_is_no_part_of_it(tmp_path):
    file = tmp_path / "token"
    file.write_text("xoxb-file\n")
    assert read({"SLACK_TOKEN_FILE": str(file)}) == "xoxb-file"
    assert read({"SLACK_TOKEN_FILE": str(file), "SLACK_TOKEN": ""}) == "xoxb-file"
    assert read({"SLACK_TOKEN_FILE": str(file), "SLACK_TOKEN": "xoxb-own"}) == "xoxb-own"


def test_the_database_is_found_there_too(tmp_path):
    file = tmp_path / "url"
    file.write_text("postgresql://windsock:of-this-test@db/airflow")
    assert database.find_url("${AIRFLOW_DB}", {"AIRFLOW_DB_FILE": str(file)}) == file.read_text()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "can't be read (FileNotFoundError)"),
        (b" \n", "empty"),
        (b"x" * 70_000, "too large"),
        (b"\xff", "Unicode"),
    ],
)
def test_a_file_that_has_no_secret_is_said_by_the_name_of_its_variable(tmp_path, content, said):
    file = tmp_path / "token"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingsError) as error:
        read({"SLACK_TOKEN_FILE": str(file)})
    assert said in str(error.value)
    assert "SLACK_TOKEN_FILE" in str(error.value)
    assert "channels.slack.token" in str(error.value)
