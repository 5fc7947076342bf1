"""Windows in which a team is told nothing: what amtool takes, and what a real Alertmanager then does."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from windsock import yaml_load
from windsock.alerts import build
from windsock.exceptions import SettingsError
from windsock.settings import Settings, load

CHANNELS = {"slack": {"token": "${SLACK_TOKEN}"}}
NIGHT = {"weekdays": "saturday:sunday", "times": ["00:00-06:00", "22:00-24:00"]}
HOLIDAYS = {"dates": ["2026-12-24", "2026-12-25"], "critical": True}


def content(settings):
    return yaml_load.load(build.files(settings)[build.ALERTMANAGER])


def test_amtool_takes_them_in_the_zone_of_the_team(tool, tmp_path):
    team = {"slack": "#pay", "match": {"dag": "pay_*"}, "timezone": "Europe/Berlin", "mute": [NIGHT, HOLIDAYS]}
    settings = Settings(channels=CHANNELS, teams={"pay": team}, defaults={"slack": "#all", "mute": [HOLIDAYS]})
    for name, text in build.files(settings).items():
        (tmp_path / name).write_text(text)
    done = tool("amtool", "check-config", tmp_path / "alertmanager.yml")
    assert done.returncode == 0, done.stdout + done.stderr
    windows = {one["name"]: one["time_intervals"] for one in content(settings)["time_intervals"]}
    assert windows["pay/0"] == [
        {
            "times": [
                {"start_time": "00:00", "end_time": "06:00"},
                {"start_time": "22:00", "end_time": "24:00"},
            ],
            "weekdays": ["saturday", "sunday"],
            "location": "Europe/Berlin",
        }
    ]
    day = {"years": ["2026"], "months": ["12"]}
    assert windows["default/0"] == [
        {"location": "UTC", **day, "days_of_month": ["24"]},
        {"location": "UTC", **day, "days_of_month": ["25"]},
    ]


def test_without_a_window_nothing_is_muted():
    made = content(Settings(channels=CHANNELS, defaults={"slack": "#all"}))
    assert "time_intervals" not in made
    assert "mute" not in str(made)


def today():
    """Yesterday and tomorrow beside it: the test may run at midnight."""
    now = datetime.now(timezone.utc)
    return [(now + timedelta(days=days)).date().isoformat() for days in (-1, 0, 1)]


@pytest.mark.parametrize("storm", ["", "2026-11-28T04:35:02.120Z/3fa9"])
def test_a_team_in_its_window_is_told_what_is_critical_alone(alertmanagers, platforms, tmp_path, eventually, storm):
    settings = Settings.model_validate(
        {
            "alertmanager": {"secrets_dir": str(tmp_path / "secrets")},
            "channels": {"slack": {"token": "${SLACK_TOKEN}", "api_url": platforms.url}},
            "teams": {
                "quiet": {"slack": "#quiet", "mute": [{"dates": today()}]},
                "away": {"slack": "#away", "mute": [{"dates": today(), "critical": True}]},
                "there": {"slack": "#there", "mute": [{"dates": "2020-01-01", "critical": True}]},
            },
            "defaults": {"slack": "#rest", "mute": [{"dates": today()}]},
        }
    )
    with alertmanagers(tmp_path, settings) as alertmanager:
        for team in ("quiet", "away", "there", "default"):
            for severity in ("warning", "critical"):
                labels = {"alertname": "A", "team": team, "severity": severity, "storm": storm}
                alertmanager.post({"labels": {name: value for name, value in labels.items() if value}})
        # They wait for the same time: those that are told come last.
        expected = {("#quiet", "critical"), ("#there", "warning"), ("#there", "critical"), ("#rest", "critical")}

        def told():
            colors = {"danger": "critical", "warning": "warning"}
            return {
                (post.body["channel"], colors[post.body["attachments"][0]["color"]])
                for post in platforms.posts
                if "channel" in post.body
            }

        eventually(lambda: expected <= told(), "what is to be told")
        assert told() == expected


@pytest.mark.parametrize(
    ("mute", "says"),
    [
        ("{weekdays: sat}", r"mute\[0\]\.weekdays: expected days of the week such as saturday:sunday"),
        ('{times: "22:00-06:00"}', r"mute\[0\]\.times: expected times within one day.* over midnight they are two"),
        ('{dates: "2026-02-30"}', r"mute\[0\]\.dates: expected days in quotes"),
        ("{dates: 2026-12-24}", r"mute\[0\]\.dates"),
    ],
)
def test_a_window_that_is_none_is_found_when_the_configuration_is_read(tmp_path, mute, says):
    file = tmp_path / "w.yaml"
    file.write_text(f"defaults: {{mute: [{mute}]}}\n")
    with pytest.raises(SettingsError, match=says):
        load(file, {})
