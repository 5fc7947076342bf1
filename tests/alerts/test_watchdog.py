"""The dead man's switch: what always fires calls it, over and over, from a real Alertmanager."""

from __future__ import annotations

import pytest

from windsock import yaml_load
from windsock.alerts import build
from windsock.exceptions import SettingsError
from windsock.settings import Settings


def receiver(**alertmanager):
    text = build.files(Settings(alertmanager=alertmanager))[build.ALERTMANAGER]
    return next(one for one in yaml_load.load(text)["receivers"] if one["name"] == "watchdog")


def test_it_is_called_with_the_watchdog_and_with_nothing_else(alertmanagers, platforms, tmp_path, eventually):
    switch = f"{platforms.url}/ping/0a1b"
    with alertmanagers(tmp_path, Settings(alertmanager={"watchdog": switch})) as alertmanager:
        alertmanager.post({"labels": {"alertname": "WindsockDatabaseDown", "severity": "critical"}})
        alertmanager.post({"labels": {"alertname": "Watchdog", "severity": "info"}})
        post = eventually(lambda: platforms.posts, "a call")[0]
        assert post.path == "/ping/0a1b"
        assert [alert["labels"]["alertname"] for alert in post.body["alerts"]] == ["Watchdog"]


def test_without_one_nobody_is_called():
    assert receiver() == {"name": "watchdog"}


def test_its_end_is_no_sign_of_life():
    assert receiver(watchdog="https://switch.example.org/x")["webhook_configs"] == [
        {"send_resolved": False, "url": "https://switch.example.org/x"}
    ]


def test_a_secret_url_is_a_file_where_alertmanager_can_read_one():
    settings = Settings(alertmanager={"watchdog": "${SWITCH_URL}", "version": "0.28", "secrets_dir": "/s"})
    assert build.secrets(settings) == {"/s/switch_url": "${SWITCH_URL}"}
    found = receiver(watchdog="${SWITCH_URL}", version="0.28", secrets_dir="/s")["webhook_configs"][0]
    assert found["url_file"] == "/s/switch_url"
    with pytest.raises(SettingsError, match=r"alertmanager\.watchdog: expected a URL: Alertmanager 0\.25"):
        receiver(watchdog="${SWITCH_URL}")
