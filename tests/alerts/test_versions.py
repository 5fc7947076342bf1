"""What a newer Alertmanager or Prometheus is given, what an older one loses, and who says which it is."""

from __future__ import annotations

import contextlib
import json
import os
import re
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from windsock import yaml_load
from windsock.alerts import build, versions
from windsock.exceptions import SettingsError
from windsock.settings import Settings

TOLD = {
    "channels": {"slack": {"token": "${SLACK_TOKEN}"}},
    "teams": {"payments": {"slack": "#payments", "pagerduty": "${PD_PAYMENTS}", "webhook": "${HOOK}"}},
    "defaults": {"slack": "#data-alerts"},
}
NEWER = {"update_message", "post_updates_to_thread", "timeout", "url_file", "query_offset"}


def made(version, **rest):
    """alertmanager.yml for this version."""
    content = {**TOLD, **rest, "alertmanager": {"version": version, **rest.get("alertmanager", {})}}
    return yaml_load.load(build.files(Settings.model_validate(content))[build.ALERTMANAGER])


def of(config, receiver, kind):
    return next(one for one in config["receivers"] if one["name"] == receiver)[kind][0]


@pytest.mark.parametrize(
    ("version", "slack", "pagerduty", "webhook"),
    [
        ("0.25", set(), set(), None),
        ("0.28", set(), set(), {"url_file", "timeout"}),
        ("0.30.1", {"timeout"}, {"timeout"}, {"url_file", "timeout"}),
        ("0.32", {"timeout", "update_message"}, {"timeout"}, {"url_file", "timeout"}),
        ("0.34.2", {"timeout", "update_message"}, {"timeout"}, {"url_file", "timeout"}),
        ("0.35", {"timeout", "update_message", "post_updates_to_thread"}, {"timeout"}, {"url_file", "timeout"}),
        ("1.0", {"timeout", "update_message", "post_updates_to_thread"}, {"timeout"}, {"url_file", "timeout"}),
    ],
)
def test_each_version_is_given_what_it_has(version, slack, pagerduty, webhook):
    config = made(version)
    assert NEWER & of(config, "payments/critical", "slack_configs").keys() == slack
    assert NEWER & of(config, "payments/critical", "pagerduty_configs").keys() == pagerduty
    receiver = next(one for one in config["receivers"] if one["name"] == "payments/critical")
    assert ("webhook_configs" in receiver) == (webhook is not None)
    assert webhook is None or NEWER & receiver["webhook_configs"][0].keys() == webhook


@pytest.mark.parametrize(
    "slack",
    [
        {"webhook": "${HOOK}"},
        {"token": "${SLACK_TOKEN}", "api_url": "https://slack-gov.com/api"},
        {"token": "${SLACK_TOKEN}", "api_url": "http://127.0.0.1:8025/slack/api"},
        {"token": "${SLACK_TOKEN}", "updates": "message"},
    ],
)
def test_where_alertmanager_could_not_edit_it_sends_one_more(slack):
    config = of(made("0.35", channels={"slack": slack}), "payments/warning", "slack_configs")
    assert NEWER & config.keys() == {"timeout"}


def test_an_edit_can_be_had_without_a_thread():
    slack = {"token": "${SLACK_TOKEN}", "updates": "edit"}
    config = of(made("0.35", channels={"slack": slack}), "payments/warning", "slack_configs")
    assert NEWER & config.keys() == {"timeout", "update_message"}


@pytest.mark.parametrize(
    ("version", "slack", "problem"),
    [
        ("0.31", {"token": "${T}", "updates": "edit"}, "updates: edit needs alertmanager.version 0.32, not 0.31"),
        ("0.34", {"token": "${T}", "updates": "thread"}, "updates: thread needs alertmanager.version 0.35, not 0.34"),
        ("0.35", {"webhook": "${T}", "updates": "edit"}, "updates: edit needs channels.slack.token, and https://slack"),
        (
            "0.35",
            {"token": "${T}", "api_url": "https://slack-gov.com/api", "updates": "thread"},
            "updates: thread needs channels.slack.token, and https://slack.com/api as its api_url",
        ),
    ],
)
def test_what_was_asked_for_and_can_not_be_is_an_error_before_alertmanager_refuses_the_file(version, slack, problem):
    with pytest.raises(SettingsError, match=problem):
        made(version, channels={"slack": slack})


@pytest.mark.parametrize(
    ("version", "channels", "said"),
    [
        ("0.25", {"token": "${T}"}, ["Alertmanager 0.35 mends it", "Alertmanager 0.26 mends it"]),
        ("0.25", {"webhook": "${T}"}, ["Alertmanager 0.35 mends it"]),
        ("0.31", {"token": "${T}"}, ["Alertmanager 0.35 mends it"]),
        ("0.34.2", {"token": "${T}"}, ["Alertmanager 0.35 mends it", "announces to nobody; Alertmanager 0.35"]),
        ("0.35", {"token": "${T}"}, []),
    ],
)
def test_what_an_old_one_loses_is_said_with_the_version_that_mends_it(version, channels, said):
    content = {"channels": {"slack": channels}, "defaults": {"slack": "#a"}, "alertmanager": {"version": version}}
    notes = [note for note in build.notes(Settings.model_validate(content)) if note.startswith("slack: ")]
    assert all(f"alertmanager.version is {version}" in note for note in notes)
    assert len(notes) == len(said)
    for words in said:
        assert [note for note in notes if words in note], notes


def test_nothing_is_said_of_slack_where_nobody_is_told_through_it():
    notes = build.notes(Settings(channels={"slack": {"token": "${T}"}}, defaults={"pagerduty": "${PD}"}))
    assert not [note for note in notes if "slack" in note]


def test_a_newer_one_needs_no_word_about_teams():
    teams = {"defaults": {"msteams": "${TEAMS}"}, "alertmanager": {"version": "0.28"}}
    assert not [note for note in build.notes(Settings.model_validate(teams)) if "msteamsv2" in note]


def test_a_proxy_is_that_of_all_platforms():
    config = made("0.25", alertmanager={"proxy": "http://proxy:3128", "ca_file": "/etc/ssl/own.pem"})
    network = {"proxy_url": "http://proxy:3128", "tls_config": {"ca_file": "/etc/ssl/own.pem"}}
    assert config["global"]["http_config"] == network
    # Alertmanager takes a receiver's own http_config in place of the global one, not beside it.
    own = of(config, "payments/critical", "slack_configs")["http_config"]
    assert own == {**network, "authorization": {"credentials_file": "/etc/alertmanager/secrets/slack_token"}}


def test_the_oldest_takes_what_is_made_for_it(tool, tmp_path):
    settings = Settings.model_validate({**TOLD, "alertmanager": {"proxy": "http://proxy:3128", "ca_file": "/own.pem"}})
    for name, text in build.files(settings).items():
        (tmp_path / name).write_text(text)
    assert "proxy_url: http://proxy:3128" in (tmp_path / "alertmanager.yml").read_text()
    done = tool("amtool", "check-config", tmp_path / "alertmanager.yml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_who_is_told_is_known_to_an_amtool_of_any_version(windsock):
    config = json.dumps({**TOLD, "alertmanager": {"version": "99.0"}})
    labels = ("--label", "team=payments", "--label", "severity=critical")
    code, out, err = windsock("routes", *labels, config=config)
    assert (code, out) == (
        0,
        "payments/critical: pagerduty ${PD_PAYMENTS}, slack #payments, webhook ${HOOK}\n",
    ), err


def test_an_amtool_that_is_too_old_is_named(windsock, tmp_path):
    says = "[ $1 = --version ] && echo 'amtool, version 0.31.0 (branch: x)' || { echo 'not found'; exit 1; }"
    for name, script in (("amtool", says), ("promtool", "exit 0")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    config = json.dumps({**TOLD, "alertmanager": {"version": "0.35"}})
    code, _, err = windsock("test", config=config, path=path)
    assert code == 1
    assert "not found\namtool is 0.31.0, older than alertmanager.version: take that one's" in err
    assert "older than" not in windsock("test", config=json.dumps({**TOLD, "alertmanager": {}}), path=path)[2]


def test_late_samples_are_waited_for_where_prometheus_can(tool, tmp_path):
    content = {"prometheus": {"query_offset": "90s", "version": "2.53"}}
    rules = build.files(Settings.model_validate(content))[build.RULES]
    assert {group["query_offset"] for group in yaml_load.load(rules)["groups"]} == {"90s"}
    assert rules.startswith("# Made by `windsock alerts build` for Prometheus 2.53: ")

    old = Settings.model_validate({"prometheus": {"query_offset": "90s"}})
    (tmp_path / "rules.yml").write_text(build.files(old)[build.RULES])
    assert "query_offset" not in (tmp_path / "rules.yml").read_text()
    assert tool("promtool", "check", "rules", tmp_path / "rules.yml").returncode == 0
    note = "prometheus.query_offset: left out: it needs Prometheus 2.53, and prometheus.version is 2.42"
    assert [line for line in build.notes(old) if line.startswith(note)]


# Who says which version it is.


class Server:
    """Answers as Alertmanager's and Prometheus' status pages do."""

    def __init__(self, said, status=200):
        bodies = {
            "/api/v2/status": {"versionInfo": {"version": said}},
            "/api/v1/status/buildinfo": {"status": "success", "data": {"version": said}},
        }

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps(bodies[self.path]).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def server():
    """`server("0.35.0")`: the URL of one that says so."""
    with contextlib.ExitStack() as stack:
        yield lambda said, status=200: stack.enter_context(contextlib.closing(Server(said, status))).url


@pytest.fixture
def nowhere():
    """The URL of a server that takes a connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"http://127.0.0.1:{silent.getsockname()[1]}"


def auto(*urls, prometheus=(), **rest):
    return json.dumps(
        {
            **TOLD,
            "alertmanager": {"version": "auto", "urls": urls, **rest},
            "prometheus": {"version": "auto", "urls": prometheus, "query_offset": "1m"},
        }
    )


def versions_in(folder):
    first = [(folder / name).read_text().split(":")[0] for name in ("alertmanager.yml", "rules.yml")]
    return [line.split()[-1] for line in first]


def test_the_running_servers_are_asked_and_the_oldest_of_them_counts(windsock, server, tmp_path):
    config = auto(server("0.35.0"), server("0.32.0-rc.1"), prometheus=[server("3.16.0+ds")])
    code, _, err = windsock("build", "--out", "made", config=config)
    assert code == 0, err
    assert versions_in(tmp_path / "made") == ["0.32.0", "3.16.0"]
    assert "update_message: true" in (tmp_path / "made/alertmanager.yml").read_text()
    assert "query_offset: 60s" in (tmp_path / "made/rules.yml").read_text()
    assert ".version: " not in err


def test_a_server_that_does_not_answer_blocks_nothing_and_changes_nothing(windsock, server, nowhere, tmp_path):
    windsock("build", "--out", "made", config=auto(server("0.35.0"), prometheus=[server("3.16.0")]))
    before = (tmp_path / "made/alertmanager.yml").read_text()

    code, _, err = windsock("build", "--out", "made", config=auto(nowhere))
    assert code == 0
    assert f"note: alertmanager.version: {nowhere} was asked and does not answer: " in err
    assert "note: alertmanager.version: taken to be 0.35.0, as in the last build (made/alertmanager.yml)" in err
    assert "note: prometheus.version: auto, but prometheus.urls names no server to ask" in err
    assert (tmp_path / "made/alertmanager.yml").read_text() == before
    # Nor does whether it is up to date depend on one.
    assert windsock("build", "--out", "made", "--check", config=auto(server("0.25.0")))[0] == 0


def settled(path, **alertmanager):
    """The version that is settled on without a build before, and what is said of it."""
    settings = Settings.model_validate({"alertmanager": {"version": "auto", **alertmanager}})
    found, notes = versions.settle(settings, {versions.ALERTMANAGER: path / "alertmanager.yml"}, ask=True)
    return found.alertmanager.version, notes


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (("", 200), "was asked and names no version"),
        ((None, 200), "was asked and names no version"),
        ((["0.35.0"], 200), "was asked and names no version"),
        (("0.35.0", 401), "was asked and does not answer: 401"),
    ],
)
def test_an_answer_without_a_version_is_said(server, tmp_path, answer, words):
    url = server(*answer)
    version, notes = settled(tmp_path, urls=[url])
    assert version == "0.25"
    assert notes[0].startswith(f"alertmanager.version: {url} {words}")
    assert notes[1] == "alertmanager.version: taken to be 0.25, the oldest that is supported"


def test_before_the_first_build_it_is_the_oldest_and_says_so(tmp_path):
    assert settled(tmp_path) == (
        "0.25",
        [
            "alertmanager.version: auto, but alertmanager.urls names no server to ask",
            "alertmanager.version: taken to be 0.25, the oldest that is supported",
        ],
    )


def test_of_several_those_that_answer_decide_and_the_others_are_named(server, tmp_path):
    version, notes = settled(tmp_path, urls=["http://127.0.0.1:1", server("0.35.0"), server("v0.33.1-rc.0")])
    assert version == "0.33.1"
    assert ["http://127.0.0.1:1 was asked and does not answer" in note for note in notes] == [True]


def test_a_secret_that_is_not_here_is_said_and_nobody_is_asked(server, tmp_path):
    version, notes = settled(tmp_path, urls=[server("0.35.0")], http={"bearer": "${NOT_SET_HERE}"})
    assert version == "0.25"
    assert "no server was asked: the environment variable NOT_SET_HERE is not set" in notes[0]


def test_real_ones_are_asked(windsock, inbox, told, newest, serve, tool, tmp_path):
    def installed(program):
        done = tool(program, "--version")
        return re.search(r"version (\d+\.\d+\.\d+)", done.stdout + done.stderr)[1]

    (tmp_path / "prometheus").mkdir()
    (tmp_path / "prometheus/prometheus.yml").write_text("{}")
    flags = ["--config.file=prometheus.yml", "--storage.tsdb.path=data"]
    with (
        told(inbox, tmp_path / "new", "0.35", newest) as new,
        serve(("prometheus",), flags, tmp_path / "prometheus") as prometheus,
    ):
        code, _, err = windsock("build", "--out", "made", config=auto(new.url, prometheus=[prometheus]))
        assert code == 0, err
        assert versions_in(tmp_path / "made") == ["0.35.0", installed("prometheus")]
        with told(inbox, tmp_path / "old", "0.25") as old:
            windsock("build", "--out", "made", config=auto(new.url, old.url))
        assert versions_in(tmp_path / "made")[0] == installed("amtool")
