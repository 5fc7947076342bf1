"""A group of many alerts as people read it: rendered by a real Alertmanager, and held to the platforms' limits."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest

from windsock.demo.inbox import Inbox
from windsock.settings import Settings

MANY = 5000
PATIENCE = 60.0
PLATFORMS = ("slack", "pagerduty", "mail")


@pytest.fixture
def inbox():
    with Inbox() as running:
        yield running
        assert [attempt for attempt in running.attempts() if attempt.refused] == []
        assert [message.problems for message in running.messages() if message.problems] == []


@pytest.fixture
def alertmanager(request, inbox, alertmanagers, tmp_path):
    at = inbox.addresses
    config = Settings.model_validate(
        {
            "alertmanager": {"secrets_dir": str(tmp_path / "secrets")},
            "channels": {
                "slack": {"api_url": at["slack_api"], "token": "${SLACK_TOKEN}"},
                "pagerduty": {"url": at["pagerduty"]},
                "email": {"smarthost": at["smtp"], "sender": "windsock@example.org", "tls": False},
            },
            "teams": {"payments": {"slack": "#pay", "pagerduty": "${PD_PAYMENTS}", "email": ["pay@example.org"]}},
            "defaults": {"slack": "#data-alerts"},
        }
    )
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    with alertmanagers(folder, config, **getattr(request, "param", {})) as running:
        yield running
        assert running.complaints == []


@pytest.fixture
def told(inbox):
    """`told("mail", words)`: the first message with these words, once it is there."""
    return lambda platform, words: inbox.wait_for(lambda m: m.platform == platform and words in m.text, PATIENCE)


@pytest.fixture
def failures(failed_task):
    """`failures("load", range(3))`: one in each of these minutes after nine, which its exception names."""

    def make(task, minutes, **given):
        for minute in minutes:
            at = f"{datetime(2026, 11, 22, 9, tzinfo=timezone.utc) + timedelta(minutes=minute):%dT%H:%M}"
            annotations = {
                "failed_at": f"2026-11-{at}:30.000Z",
                "since": at[-5:],
                "exception": f"ValueError: {task} at {at}\nsecond line",
                "summary": f"orders: {task} failed: ValueError: {task} at {at}",
                "log_url": f"https://airflow.example.org/{task}/{at}",
            }
            yield failed_task(
                task, run_id=f"scheduled__2026-11-{at}:00", severity="critical", annotations=annotations, **given
            )

    return make


def slack_lines(message):
    return message.payload["attachments"][0]["text"].splitlines()


def test_a_dag_that_fails_every_minute_is_told_by_its_newest_failure_with_a_count(alertmanager, failures, told):
    # The newest last: the message that has it has all of them.
    alertmanager.fire(*failures("once", [1]), *failures("extract", range(3)), *failures("load", range(13)))
    slack, page, mail = (told(platform, "load at 22T09:12") for platform in PLATFORMS)
    title = slack.payload["attachments"][0]["title"]
    assert title == "orders failed: ValueError: load at 22T09:12, 13th run in a row, and 4 more (prod)"
    lines = slack_lines(slack)
    assert lines[0].startswith("*load*, try 3 of 3, since 09:12")
    assert lines[0].endswith(" (the newest of 13 runs)")
    assert lines[2:4] == ["```ValueError: load at 22T09:12", "second line```"]
    extract, once = lines[4:]
    assert extract == (
        "• *extract*, since 09:02 (the newest of 3 runs):"
        " ValueError: extract at 22T09:02 · <https://airflow.example.org/extract/22T09:02|Log>"
    )
    assert once.startswith("• *once*, since 09:01: ValueError")
    assert slack.payload["attachments"][0]["fallback"] == title

    payload = page.payload["payload"]
    summary = "orders: load failed: ValueError: load at 22T09:12 (the newest of 13 runs) and 4 more"
    assert payload["summary"] == f"orders failed (prod): {summary}"
    for text in (payload["custom_details"]["firing"], mail.text):
        reasons = [line for line in text.splitlines() if line.startswith("ValueError")]
        assert reasons == [
            "ValueError: load at 22T09:12",
            "ValueError: extract at 22T09:02",
            "ValueError: once at 22T09:01",
        ]
        assert [line for line in text.splitlines() if "newest" in line] == [
            "The newest of 13 runs:",
            "The newest of 3 runs:",
        ]
    html = mail.payload["html"]
    assert html.index("load at 22T09:12") < html.index("extract at 22T09:02") < html.index("once at 22T09:01")
    assert "load at 22T09:11" not in html


def test_what_ended_is_told_by_its_newest_end_with_a_count(alertmanager, failures, told):
    failed = [*failures("load", range(4)), *failures("extract", range(2))]
    alertmanager.fire(*failed)
    told("slack", "load at 22T09:03")
    alertmanager.resolve(*failed)
    ended = slack_lines(told("slack", "UTC after 5 min"))
    assert ended[0].startswith(":white_check_mark: *load*, resolved ")
    assert ended[0].endswith(" (the newest of 4 runs)")
    assert ended[1].startswith(":white_check_mark: *extract*, resolved ")
    assert len(ended) == 2
    assert told("mail", "UTC after 5 min").text.count("UTC after 5 min") == 2


def test_failed_runs_are_one_entry_and_what_has_no_run_is_each_its_own(alertmanager, told, failures):
    runs = [run._replace(alertname="AirflowDagRunFailed", task_id=None) for run in failures("x", range(3))]
    alertmanager.fire(*runs)
    message = told("slack", ": a run failed")
    assert slack_lines(message)[0].startswith("*The run*, ")
    assert "•" not in message.text
    hosts = [
        {
            "labels": {"alertname": "WindsockExporterDown", "cluster": "prod", "instance": name, "severity": "warning"},
            "annotations": {"summary": f"{name} is down"},
        }
        for name in "abcdefg"
    ]
    alertmanager.post(*hosts)
    message = told("slack", "[FIRING:7] WindsockExporterDown")
    lines = slack_lines(message)
    assert len([line for line in lines if line.startswith(("*", "•"))]) == 5
    assert lines[-1] == "_and 2 more_"


# A message that takes longer than the interval, or than ten seconds, is given up.
@pytest.mark.parametrize("alertmanager", [{"group_wait": "5s", "group_interval": "20s"}], indirect=True)
def test_thousands_of_alerts_are_one_message_in_time(alertmanager, failures, told):
    """That all of them have it within `PATIENCE` is the point: each alert compared with each would take minutes."""
    alertmanager.fire(*(next(failures(f"task_{number}", [number])) for number in range(MANY)))
    slack, page, mail = (told(platform, "at 25T20:19") for platform in PLATFORMS)
    lines = slack_lines(slack)
    named = [line.split("*")[1] for line in lines if line.startswith(("*task_", "•"))]
    assert named == [f"task_{number}" for number in range(MANY - 1, MANY - 6, -1)]
    assert lines[-1] == f"_and {MANY - 5} more_"
    assert page.payload["payload"]["custom_details"]["firing"].count("Task: ") == mail.text.count("Task: ") == 10
