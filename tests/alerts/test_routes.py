"""Who is told: alertmanager.yml made from teams and defaults, judged by amtool."""

from __future__ import annotations

import json

import pytest

from windsock import storms, yaml_load
from windsock.alerts import build
from windsock.exceptions import SettingsError
from windsock.settings import Settings

CHANNELS = {
    "slack": {"token": "${SLACK_TOKEN}"},
    "email": {"smarthost": "smtp.example.org:587", "username": "windsock", "password": "${SMTP_PASSWORD}"},
}
TEAMS = {
    "payments": {"slack": "#payments", "pagerduty": "${PD_PAYMENTS}", "email": ["pay@example.org", "cto@example.org"]},
    "growth": {"slack": "#growth"},
    "night": {"pagerduty": "${PD_NIGHT}"},
    "silent": {"match": {"dag": "x_*"}},
}
DEFAULTS = {"slack": "#data-alerts", "pagerduty": "${PD_DEFAULT}"}


@pytest.fixture
def routed(tool, tmp_path):
    """The receiver of an alert with these labels, as amtool finds it, and what that receiver has."""

    def find(settings, **labels):
        for name, text in build.files(settings).items():
            (tmp_path / name).write_text(text)
        file = tmp_path / "alertmanager.yml"
        words = [f"{name}={json.dumps(value, ensure_ascii=False)}" for name, value in labels.items()]
        done = tool("amtool", "config", "routes", "test", "--config.file", file, *words)
        assert done.returncode == 0, done.stdout + done.stderr
        receivers = {receiver["name"]: receiver for receiver in yaml_load.load(file.read_text())["receivers"]}
        return receivers[done.stdout.strip()]

    return find


def told(receiver):
    """`slack #payments`, …: each channel of a receiver in short."""
    return [
        *(f"pagerduty {config['routing_key_file']}" for config in receiver.get("pagerduty_configs", [])),
        *(f"slack {config['channel']}" for config in receiver.get("slack_configs", [])),
        *(f"email {config['to']}" for config in receiver.get("email_configs", [])),
    ]


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"team": "payments", "severity": "warning"}, ["slack #payments", "email pay@example.org, cto@example.org"]),
        (
            {"team": "payments", "severity": "critical"},
            ["pagerduty /s/pd_payments", "slack #payments", "email pay@example.org, cto@example.org"],
        ),
        ({"team": "growth", "severity": "warning"}, ["slack #growth"]),
        ({"team": "growth", "severity": "critical"}, ["slack #growth"]),
        ({"team": "night", "severity": "critical"}, ["pagerduty /s/pd_night"]),
        ({"team": "night", "severity": "warning"}, ["slack #data-alerts"]),
        ({"team": "silent", "severity": "warning"}, ["slack #data-alerts"]),
        ({"team": "silent", "severity": "critical"}, ["pagerduty /s/pd_default", "slack #data-alerts"]),
        ({"team": "default", "severity": "warning"}, ["slack #data-alerts"]),
        ({"team": "default", "severity": "critical"}, ["pagerduty /s/pd_default", "slack #data-alerts"]),
        ({"team": "nobody knows it", "severity": "critical"}, ["pagerduty /s/pd_default", "slack #data-alerts"]),
        ({"severity": "critical"}, ["pagerduty /s/pd_default", "slack #data-alerts"]),
        ({"severity": "page"}, ["slack #data-alerts"]),
        ({"team": "payments", "severity": "info"}, []),
        ({"severity": "info"}, []),
        ({"alertname": "Watchdog", "severity": "info"}, []),
        ({"alertname": "Watchdog", "severity": "critical", "team": "payments"}, []),
    ],
)
def test_an_alert_goes_to_its_team_by_severity(routed, labels, expected):
    settings = Settings(channels=CHANNELS, teams=TEAMS, defaults=DEFAULTS, alertmanager={"secrets_dir": "/s"})
    assert told(routed(settings, **labels)) == expected


@pytest.mark.parametrize("team", ["payments", "growth", "night", "silent", "default", "nobody knows it"])
@pytest.mark.parametrize("severity", ["critical", "warning", "info"])
@pytest.mark.parametrize("cause", ["3fa9c1d2", storms.BESIDE])
def test_a_storm_goes_where_each_of_its_failures_would(routed, team, severity, cause):
    settings = Settings(channels=CHANNELS, teams=TEAMS, defaults=DEFAULTS, alertmanager={"secrets_dir": "/s"})
    alone = routed(settings, team=team, severity=severity, dag_id="a")
    assert (
        routed(settings, team=team, severity=severity, dag_id="a", storm=f"2026-11-28T04:35:02.120Z/{cause}") == alone
    )


@pytest.mark.parametrize("sign", storms.SIGNS)
def test_what_senders_say_to_each_other_is_told_to_nobody(routed, sign):
    settings = Settings(channels=CHANNELS, teams=TEAMS, defaults=DEFAULTS)
    labels = {"team": "payments", "severity": "info", "storm": "2026-11-28T04:35:02.120Z/3fa9"}
    assert told(routed(settings, alertname=sign, **labels)) == []


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ({"dag_id": "x_orders"}, "silent/warning"),
        ({"dag_id": "x_orders", "severity": "critical"}, "silent/critical"),
        ({"dag_id": "x_orders", "team": "growth"}, "growth/warning"),
        ({"dag_id": "x_orders", "team": "default"}, "default/warning"),
        ({"dag_id": "orders.x_1"}, "default/warning"),
        ({"dag_id": "pay.day"}, "exact/warning"),
        ({"dag_id": "pay-day"}, "default/warning"),
        ({"dag_id": "x_pay"}, "silent/warning"),
        ({"dag_id": 'a "b" c'}, "exact/warning"),
        ({"dag_id": "v1"}, "sets/warning"),
        ({"dag_id": "v9"}, "default/warning"),
        ({"dag_id": "w^"}, "sets/warning"),
        ({"dag_id": "w\\"}, "default/warning"),
        ({"dag_id": "z"}, "default/warning"),
        ({"dag_id": "all_a"}, "all/warning"),
        ({"dag_id": "all_"}, "default/warning"),
        ({"dag_id": "ünï"}, "all/warning"),
    ],
)
def test_a_rule_that_knows_no_team_goes_where_the_id_of_its_dag_says(routed, labels, expected):
    teams = {
        **TEAMS,
        "exact": {"match": {"dag": ["pay.day", 'a "b" c', "x_pay"]}},
        "sets": {"match": {"dag": ["v[0-46]", "w[!a-z\\]", "[z-a]"]}},
        "all": {"match": {"dag": ["all_?*", "ü*"], "owner": "a"}},
    }
    settings = Settings(channels=CHANNELS, teams=teams, defaults=DEFAULTS)
    assert (
        routed(settings, **{"alertname": "AirflowFailureRateHigh", "severity": "warning", **labels})["name"] == expected
    )


def test_the_team_of_all_dags_is_not_told_of_what_has_none(routed):
    settings = Settings(teams={"all": {"match": {"dag": ["*", ""]}}}, defaults=DEFAULTS, channels=CHANNELS)
    assert routed(settings, alertname="AirflowFailureRateHigh", dag_id="a", severity="warning")["name"] == "all/warning"
    for labels in ({}, {"dag_id": ""}):
        found = routed(settings, alertname="AirflowSchedulerHeartbeatStopped", severity="critical", **labels)
        assert found["name"] == "default/critical"


def test_info_and_the_watchdog_have_receivers_of_their_own(routed):
    assert routed(Settings(), severity="info")["name"] == "recorded"
    assert routed(Settings(), alertname="Watchdog", severity="info")["name"] == "watchdog"


@pytest.mark.parametrize(
    "team",
    ['quo"ted', "back\\slash", "payments/critical", "recorded", "ünïcode ☂", "a,b={c}", "{{ .Status }}", "yes", "1"],
)
def test_any_name_of_a_team_is_only_a_name(tool, tmp_path, team):
    settings = Settings(channels=CHANNELS, teams={team: TEAMS["growth"], "payments": TEAMS["payments"]})
    for name, text in build.files(settings).items():
        (tmp_path / name).write_text(text)
    done = tool("amtool", "check-config", tmp_path / "alertmanager.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    names = [receiver["name"] for receiver in yaml_load.load((tmp_path / "alertmanager.yml").read_text())["receivers"]]
    assert len(set(names)) == len(names)
    assert {f"{team}/warning", f"{team}/critical"} <= set(names)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"channels": CHANNELS, "teams": TEAMS, "defaults": DEFAULTS},
        {"channels": {"slack": {"webhook": "${HOOK}"}}, "defaults": {"slack": "#alerts"}},
        {"channels": {"slack": {"token": "slack_default"}}, "defaults": {"slack": "#alerts"}},
        {"channels": {"email": {"smarthost": "localhost:25", "tls": False}}, "defaults": {"email": "a@example.org"}},
        {"defaults": {"pagerduty": "${PD}"}},
        {"channels": CHANNELS, "teams": TEAMS},
    ],
)
def test_amtool_takes_what_the_settings_make(tool, tmp_path, content):
    for name, text in build.files(Settings.model_validate(content)).items():
        (tmp_path / name).write_text(text)
    done = tool("amtool", "check-config", tmp_path / "alertmanager.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 templates" in done.stdout


def test_every_channel_is_told_when_it_is_over():
    settings = Settings(channels=CHANNELS, teams=TEAMS, defaults=DEFAULTS)
    configs = [
        config
        for receiver in yaml_load.load(build.files(settings)[build.ALERTMANAGER])["receivers"]
        for kind, found in receiver.items()
        if kind.endswith("_configs")
        for config in found
    ]
    assert len(configs) > 5
    assert all(config["send_resolved"] is True for config in configs)


def test_groups_and_times_are_those_of_the_design():
    route = yaml_load.load(build.files(Settings())[build.ALERTMANAGER])["route"]
    assert route["group_by"] == ["cluster", "alertname", "dag_id"]
    assert (route["group_wait"], route["group_interval"], route["repeat_interval"]) == ("5s", "1m", "12h")
    beside, meanwhile, storm = route["routes"][-3:]
    assert {tuple(one["group_by"]) for one in (beside, meanwhile, storm)} == {("cluster", "team", "storm")}
    # A storm begins with the second failure, and is told within ten seconds of the fifth; each in a second of its own.
    waits = [one["group_wait"] for one in (meanwhile, storm, beside)]
    assert waits == ["6500ms", "8s", "10s"]
    assert "beside" in beside["matchers"][0]
    assert "meanwhile" in meanwhile["matchers"][0]


def test_secrets_are_files_named_like_their_variables():
    settings = Settings(channels=CHANNELS, teams=TEAMS, defaults=DEFAULTS, alertmanager={"secrets_dir": "/run/secrets"})
    text = build.files(settings)[build.ALERTMANAGER]
    assert "${" not in text
    assert build.secrets(settings) == {
        "/run/secrets/slack_token": "${SLACK_TOKEN}",
        "/run/secrets/smtp_password": "${SMTP_PASSWORD}",
        "/run/secrets/pd_default": "${PD_DEFAULT}",
        "/run/secrets/pd_night": "${PD_NIGHT}",
        "/run/secrets/pd_payments": "${PD_PAYMENTS}",
    }
    config = yaml_load.load(text)
    assert config["global"]["smtp_auth_password_file"] == "/run/secrets/smtp_password"
    slack = next(receiver for receiver in config["receivers"] if receiver["name"] == "growth/warning")["slack_configs"]
    assert slack[0]["api_url"] == "https://slack.com/api/chat.postMessage"
    assert slack[0]["http_config"]["authorization"] == {"credentials_file": "/run/secrets/slack_token"}
    assert build.secrets(Settings(channels=CHANNELS)) == {}


def test_a_webhook_and_a_connection_are_files_too():
    hook = Settings(channels={"slack": {"webhook": "${HOOK}"}}, defaults={"slack": "#alerts"})
    assert "api_url_file: /etc/alertmanager/secrets/hook" in build.files(hook)[build.ALERTMANAGER]
    connection = Settings(defaults={"pagerduty": "PagerDuty_default"})
    assert build.secrets(connection) == {"/etc/alertmanager/secrets/pagerduty_default": "PagerDuty_default"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ({"teams": {"a": {"slack": "#a"}}}, "teams.a.slack: no credential reaches Slack; set channels.slack.token"),
        ({"defaults": {"slack": "#a"}}, "defaults.slack: no credential"),
        ({"teams": {"a": {"email": "a@b.c"}}}, "teams.a.email: no server sends mail; set channels.email.smarthost"),
        (
            {
                "defaults": {"email": "a@b.c"},
                "channels": {"email": {"smarthost": "localhost:25", "username": "me"}},
            },
            "channels.email.username: without a password",
        ),
        (
            {"teams": {"a": {"pagerduty": "${PD}"}, "b": {"pagerduty": "pd"}}},
            "would be the same file /etc/alertmanager/secrets/pd",
        ),
    ],
)
def test_what_nothing_reaches_is_an_error_and_not_a_broken_file(content, problem):
    with pytest.raises(SettingsError) as caught:
        build.files(Settings.model_validate(content))
    assert problem in str(caught.value)


def test_all_problems_come_at_once():
    with pytest.raises(SettingsError) as caught:
        build.files(Settings(teams={"a": {"slack": "#a", "email": "a@b.c"}, "b": {"slack": "#b"}}))
    assert len(caught.value.problems) == 3


def test_who_is_never_told_is_noted():
    assert [note for note in build.notes(Settings()) if "reach nobody" in note] == [
        "critical alerts of no known team reach nobody: set a channel in `defaults`",
        "warning alerts of no known team reach nobody: set a channel in `defaults`",
    ]
    notes = build.notes(Settings(teams={"night": {"pagerduty": "${PD}"}}))
    assert "warning alerts of team night reach nobody: set a channel in `teams.night` or `defaults`" in notes
    assert not [note for note in notes if "critical alerts of team night" in note]


def test_channels_that_alertmanager_does_not_reach_are_noted():
    ops, it = {"webhook": "${HOOK}", "apprise": ["${APP}"]}, {"webhook": "a_connection"}
    settings = Settings(teams={"ops": ops, "it": it}, defaults={"pagerduty": "${PD}"})
    notes = build.notes(settings)
    for address in ("ops, webhook ${HOOK}", "ops, apprise ${APP}", "it, webhook a_connection"):
        assert [note for note in notes if note.startswith(f"{address}: told by callbacks where")]
    assert "webhook_configs" not in build.files(settings)["alertmanager.yml"]


@pytest.mark.parametrize(("folder", "noted"), [("secrets", True), ("./s", True), ("/s", False)])
def test_a_folder_of_secrets_that_is_another_one_for_each_channel_is_noted(folder, noted):
    """Alertmanager looks for `credentials_file` beside its own file, for `routing_key_file` where it was started."""
    settings = Settings(channels=CHANNELS, teams=TEAMS, defaults=DEFAULTS, alertmanager={"secrets_dir": folder})
    assert any(line.startswith("alertmanager.secrets_dir is relative") for line in build.notes(settings)) is noted


def test_channels_that_a_webhook_can_not_choose_are_noted():
    settings = Settings(
        channels={"slack": {"webhook": "${HOOK}"}}, teams={"a": {"slack": "#a"}}, defaults={"slack": "#b"}
    )
    assert [note for note in build.notes(settings) if "its own channel" in note]


def test_other_names_of_the_exporter_are_noted():
    settings = Settings(exporter={"naming": "helm-chart"}, defaults={"pagerduty": "${PD}"})
    assert [note for note in build.notes(settings) if "exporter.naming" in note]


def test_the_files_say_the_same_twice():
    settings = Settings(channels=CHANNELS, teams=TEAMS, defaults=DEFAULTS)
    again = Settings.model_validate(json.loads(settings.model_dump_json(by_alias=True)))
    assert build.files(settings) == build.files(again)
