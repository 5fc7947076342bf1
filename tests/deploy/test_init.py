"""`windsock init`: what a platform engineer gets, and what stays as it is."""

from __future__ import annotations

import configparser
import io
import stat

import bcrypt
import pytest
import yaml
from click.testing import CliRunner

from windsock import settings
from windsock.attaching import airflow, proposal
from windsock.cli import windsock as command
from windsock.teams import DagFacts

GIVEN = ("--cluster", "prod", "--alertmanager", "http://alertmanager:9093", "--exporter", "exporter.example.org")


@pytest.fixture
def init(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AIRFLOW_DB", raising=False)

    def run(*arguments, answer=None):
        return CliRunner().invoke(command, ["init", *arguments], input=answer, standalone_mode=False)

    return run


def files(folder):
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_every_form_of_airflows_configuration_says_the_same(init, tmp_path):
    done = init(*GIVEN, "--yes")
    assert done.return_value == 0, done.output
    made = files(tmp_path)
    wanted = {
        "AIRFLOW__METRICS__STATSD_ON": "True",
        "AIRFLOW__METRICS__STATSD_HOST": "exporter.example.org",
        "AIRFLOW__METRICS__STATSD_PORT": "9125",
        "AIRFLOW__METRICS__STATSD_PREFIX": "airflow",
        "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
        "WINDSOCK_CONFIG": airflow.PLACE,
    }
    lines = [line for line in made["airflow.environment"].splitlines() if not line.startswith("#")]
    assert dict(line.split("=", 1) for line in lines) == wanted

    parser = configparser.ConfigParser()
    parser.read_file(io.StringIO(made["airflow.cfg.part"]))
    assert {
        f"AIRFLOW__METRICS__{key.upper()}": value for key, value in parser["metrics"].items()
    }.items() < wanted.items()

    values = yaml.safe_load(made["airflow-values.yaml"])
    metrics = {f"AIRFLOW__METRICS__{key.upper()}": value for key, value in values["config"]["metrics"].items()}
    assert {**metrics, **{one["name"]: one["value"] for one in values["env"]}} == wanted
    assert yaml.safe_load(values["extraConfigMaps"]["windsock"]["data"])["windsock.yaml"] == made["windsock.yaml"]

    for service in yaml.safe_load(made["airflow.override.yaml"])["services"].values():
        assert service["environment"] == wanted
        assert service["volumes"] == [f"./windsock.yaml:{airflow.PLACE}:ro"]
    config = settings.load(tmp_path / "windsock.yaml", environ={})
    assert (config.cluster, config.alertmanager.urls) == ("prod", ("http://alertmanager:9093",))


def test_the_difference_is_shown_before_and_a_no_writes_nothing(init, tmp_path):
    done = init(*GIVEN, answer="n\n")
    assert done.return_value == 1
    assert '+cluster: "prod"' in done.output
    assert "Write 5 files?" in done.output
    assert files(tmp_path) == {}
    assert init(*GIVEN, "--for", "cfg", answer="y\n").return_value == 0
    assert set(files(tmp_path)) == {"windsock.yaml", "airflow.cfg.part"}


def test_a_second_time_nothing_changes_and_what_is_another_is_one_line(init, tmp_path):
    init(*GIVEN, "--yes", "--compose")
    before = files(tmp_path)
    again = init("--exporter", "exporter.example.org", "--yes", "--compose")
    assert "Nothing to change." in again.output
    assert files(tmp_path) == before
    moved = init("--exporter", "elsewhere:8125", "--for", "environment", answer="n\n").output
    assert "-AIRFLOW__METRICS__STATSD_HOST=exporter.example.org\n" in moved
    assert "+AIRFLOW__METRICS__STATSD_HOST=elsewhere\n" in moved
    assert "STATSD_PREFIX" not in "".join(line for line in moved.splitlines() if line.startswith(("+", "-")))


def test_a_windsock_yaml_of_the_users_is_never_written(init, tmp_path):
    mine = "cluster: mine  # by hand\nexporter: {statsd: {prefix: prod}}\n"
    (tmp_path / "windsock.yaml").write_text(mine)
    refused = init("--cluster", "other", "--yes")
    assert "stays as it is" in str(refused.exception)
    assert init("--yes").return_value == 0
    assert (tmp_path / "windsock.yaml").read_text() == mine
    assert "AIRFLOW__METRICS__STATSD_PREFIX=prod\n" in (tmp_path / "airflow.environment").read_text()


def test_teams_are_proposed_by_tag_first_then_by_owner_and_are_valid(tmp_path):
    dags = [
        DagFacts("a", ("Data Eng.",), ()),
        DagFacts("b", ("Data Eng.", "airflow"), ()),
        DagFacts("c", ("ann",), ("team:pay", "tier:1")),
        DagFacts("d", ('x"}: [',), ()),
        DagFacts("e", ("airflow",), ()),
    ]
    answers = proposal.Answers("prod", "", {}, "AIRFLOW_DB", "#all", "SLACK_TOKEN")
    (tmp_path / "windsock.yaml").write_text(proposal.windsock_yaml(answers, dags))
    config = settings.load(tmp_path / "windsock.yaml", environ={})
    assert {name: (team.match.owner, team.match.tag) for name, team in config.teams.items()} == {
        "pay": ((), ("team:pay",)),
        "data-eng": (("Data Eng.",), ()),
        "x": (('x"}: [',), ()),
    }
    assert [dag.dag_id for dag in proposal.unclaimed(dags, config)] == ["e"]


def test_without_a_database_it_says_why_no_team_is_proposed(init):
    assert "$AIRFLOW_DB has no database's URL here" in init(*GIVEN, "--check").output


def test_secrets_are_made_once_are_shown_to_nobody_and_open_to_their_owner_alone(init, tmp_path):
    done = init(*GIVEN, "--yes", "--compose")
    vault = tmp_path / "deploy/secrets"
    password = (vault / "web_password").read_text()
    assert len(password) == 48
    assert password not in done.output
    http = settings.load(tmp_path / "windsock.yaml", environ={}).alertmanager.http
    assert (http.username, http.password) == ("windsock", "${WEB_PASSWORD}")
    for name, users in {"prometheus_web": {"windsock"}, "alertmanager_web": {"windsock", "airflow"}}.items():
        hashed = yaml.safe_load((vault / name).read_text())["basic_auth_users"]
        assert set(hashed) == users
        assert bcrypt.checkpw(password.encode(), hashed["windsock"].encode())
    assert stat.S_IMODE(vault.stat().st_mode) == 0o700
    assert stat.S_IMODE((vault / "web_password").stat().st_mode) == 0o644
    # One that was taken away is made anew; the others are what they were.
    (vault / "alertmanager_web").unlink()
    init("--yes", "--compose")
    assert (vault / "web_password").read_text() == password
    assert (vault / "alertmanager_web").exists()
