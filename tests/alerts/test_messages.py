"""What a person reads: rendered by a real Alertmanager and taken at the other end of the wire."""

from __future__ import annotations

import contextlib
import re

import pytest
from real.alertmanager import Messages

from windsock.settings import Settings

RUN = "manual__2026-11-22T09:00:00+00:00"
LOG = f"https://airflow.example.org/dags/orders/runs/{RUN}/tasks/load?try_number=3"
PAGE = "https://airflow.example.org/dags/orders/runs/manual"
RUNBOOK = "https://runbooks.example.org/AirflowTaskFailed.md"
DASHBOARD = "https://grafana.example.org/d/windsock-dag?var-dag_id=orders"


@pytest.fixture
def settings(platforms, mails, tmp_path):
    return Settings.model_validate(
        {
            "alertmanager": {"secrets_dir": str(tmp_path / "secrets")},
            "channels": {
                "slack": {"api_url": f"{platforms.url}/api", "token": "${SLACK_TOKEN}"},
                "pagerduty": {"url": f"{platforms.url}/v2/enqueue"},
                "email": {"smarthost": mails.address, "sender": "windsock@example.org", "tls": False},
            },
            "teams": {
                "payments": {"slack": "#payments", "pagerduty": "${PD_PAYMENTS}", "email": ["pay@example.org"]},
            },
            "defaults": {"slack": "#data-alerts", "pagerduty": "${PD_DEFAULT}"},
        }
    )


@pytest.fixture
def alertmanager(settings, alertmanagers, tmp_path):
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    with alertmanagers(folder, settings) as running:
        yield running
        assert running.complaints == []


def titled(platforms, words):
    return [message for message in platforms.slack("#payments") if words in message["title"]]


def test_slack_says_what_failed_where_and_why_and_that_it_is_over(alertmanager, platforms, failed_task, eventually):
    event = failed_task()
    alertmanager.fire(event)
    message = eventually(lambda: platforms.slack("#payments"), "a message")[0]
    assert message["title"] == "orders failed: ValueError: row 17 has no price (prod)"
    assert message["title_link"] == "https://airflow.example.org/dags/orders/runs/manual"
    assert message["text"].splitlines() == [
        "*load*, try 3 of 3, since 10:01",
        f"<{LOG}|Log> · <{PAGE}|Airflow> · <{DASHBOARD}|Dashboard> · <{RUNBOOK}|Runbook>",
        "```ValueError: row 17 has no price```",
    ]
    assert message["color"] == "warning"
    assert message["footer"] == "warning · payments"
    assert message["fallback"] == message["title"]
    assert platforms.posts[0].path == "/api/chat.postMessage"
    assert platforms.posts[0].headers["Authorization"] == "Bearer xoxb-for-tests"

    why = {**event.annotations, "resolution": "a later run succeeded"}
    alertmanager.resolve(event._replace(annotations=why))
    message = eventually(lambda: platforms.slack("#payments")[1:], "a message that it is over")[0]
    assert message["title"] == "Over: orders failed: ValueError: row 17 has no price (prod)"
    assert re.fullmatch(
        r":white_check_mark: \*load\*, resolved \d\d:\d\d UTC after 5 min: a later run succeeded",
        message["text"].rstrip(),
    )
    assert message["color"] == "good"
    assert "ValueError" not in message["text"]


def test_a_group_is_one_bounded_message(alertmanager, platforms, failed_task, eventually):
    tasks = [
        failed_task(f"task_{number:03}", annotations={"exception": "x" * 5000, "summary": "s" * 5000})
        for number in range(500)
    ]
    alertmanager.fire(*tasks)
    # A slow machine sends a part of them first.
    message = eventually(lambda: titled(platforms, ", and 499 more"), "a message of all")[0]
    assert message["title"] == f"orders failed: {'x' * 150}, and 499 more (prod)"
    assert message["text"].count("*task_") == 5
    assert "_and 495 more_" in message["text"]
    assert len(message["text"]) < 4000

    alertmanager.resolve(*tasks[:20])
    message = eventually(lambda: titled(platforms, "; 20 over"), "a message of the rest")[0]
    assert message["text"].count(":white_check_mark: *task_") == 5
    assert "_and 15 more resolved_" in message["text"]


def test_the_newest_failure_comes_first_in_full(alertmanager, platforms, failed_task, eventually):
    new = {"exception": "KeyError: new", "failed_at": "2026-11-22T09:03:00.000Z"}
    alertmanager.fire(failed_task(run_id="z_first", annotations={"exception": "ValueError: old"}))
    eventually(lambda: platforms.slack("#payments"), "a message")
    alertmanager.fire(failed_task("check", run_id="a_second", annotations=new))
    message = eventually(lambda: titled(platforms, ", and 1 more"), "a message of both")[0]
    lines = message["text"].splitlines()
    assert lines[0].startswith("*check*, ")
    assert "```KeyError: new```" in lines
    assert lines[-1].startswith("• *load*, since 10:01: ValueError: old · <https://")


@pytest.mark.parametrize(("said", "fences"), [("exception", 2), ("description", 0)])
def test_the_worst_texts_stay_bounded_and_are_no_markup(alertmanager, platforms, failed_task, eventually, said, fences):
    hostile = "<!channel> @here <https://evil.example.org|click> ``` & *bold* \u202e\n" * 100
    annotations = dict.fromkeys(("summary", "since", "until", "try", "map_index", "owner", said), hostile)
    annotations |= dict.fromkeys(("reason", "stopped", "frequency", "impact", "log_tail"), hostile)
    annotations |= dict.fromkeys(("log_url", "run_url"), "https://x.example.org/|a>" + "y" * 360)
    annotations |= {"dashboard_url": "https://x.example.org/>b|", "runbook_url": "https://x.example.org/ <c"}
    events = [
        failed_task(
            "t" * 250 + str(number),
            run_id="r" * 250,
            dag_id="<!everyone>",
            severity="critical",
            annotations=annotations,
        )
        for number in range(20)
    ]
    alertmanager.fire(*events)
    message = eventually(lambda: titled(platforms, ", and 19 more"), "a message of all")[0]
    texts = [message[key] for key in ("title", "text", "fallback", "footer")]
    assert all("<!" not in text and "<https://evil" not in text for text in texts)
    assert message["text"].count("```") == fences
    assert "y" * 360 in message["text"]
    assert "|a>" not in message["text"]
    assert len(message["text"]) < 16_000
    page = eventually(platforms.pagerduty, "a page")[-1]
    assert len(page["payload"]["summary"]) <= 1024
    assert page["payload"]["summary"].endswith(" more")
    assert len(str(page)) < 100_000


def test_a_link_that_is_too_long_is_left_out(alertmanager, platforms, failed_task, eventually):
    alertmanager.fire(failed_task(annotations={"log_url": "https://x.example.org/" + "y" * 400}))
    text = eventually(lambda: platforms.slack("#payments"), "a message")[0]["text"]
    assert "|Log>" not in text
    assert "|Airflow>" in text


def test_a_failure_with_nothing_but_its_labels_is_told_too(alertmanager, platforms, failed_task, eventually):
    nothing = dict.fromkeys(failed_task().annotations, "")
    alertmanager.fire(failed_task(annotations=nothing))
    message = eventually(lambda: platforms.slack("#payments"), "a message")[0]
    lines = message["text"].splitlines()
    assert lines[0].startswith(f"*load* in `{RUN}`, since ")
    # The sender knew no link; the runbook's follows from the alert's name.
    assert lines[1:] == ["<http://127.0.0.1:9102/runbooks/AirflowTaskFailed|Runbook>"]
    assert "title_link" not in message


def test_a_killed_task_has_its_summary_in_place_of_an_exception(alertmanager, platforms, failed_task, eventually):
    annotations = {"exception": "", "map_index": "7", "summary": "Task load of DAG orders was killed"}
    alertmanager.fire(failed_task(annotations=annotations))
    text = eventually(lambda: platforms.slack("#payments"), "a message")[0]["text"]
    assert "*load*, map index 7, try 3 of 3" in text
    assert text.endswith("\nTask load of DAG orders was killed\n")


FOUND = {
    "reason": "its heartbeat was lost",
    "stopped": "Airflow paused the DAG",
    "frequency": "failed in 3 of its last 20 runs",
    "impact": "billing (asset), report (waits for it)",
    "log_tail": "reading row 17\nKilled",
    "map_index": "3 of 20 failed: 0, 4, 7",
}
"""What the reconciler adds."""


def test_what_the_database_knows_stands_below_the_summary(alertmanager, platforms, failed_task, eventually):
    summary = "orders: load (3 of 20) failed: its heartbeat was lost"
    alertmanager.fire(failed_task(annotations={**FOUND, "exception": "", "summary": summary}))
    text = eventually(lambda: platforms.slack("#payments"), "a message")[0]["text"]
    lines = text.splitlines()
    assert lines[0].startswith("*load*, 3 of 20 failed: 0, 4, 7, try 3 of 3")
    assert lines[2:] == [
        summary,
        "Airflow paused the DAG",
        "failed in 3 of its last 20 runs",
        "Downstream: billing (asset), report (waits for it)",
        "```reading row 17",
        "Killed```",
    ]


def test_what_the_database_knows_stands_below_the_exception(alertmanager, platforms, mails, failed_task, eventually):
    alertmanager.fire(failed_task(annotations=FOUND))
    text = eventually(lambda: platforms.slack("#payments"), "a message")[0]["text"]
    assert text.splitlines()[2:] == [
        "```ValueError: row 17 has no price```",
        "Why: its heartbeat was lost",
        "Airflow paused the DAG",
        "failed in 3 of its last 20 runs",
        "Downstream: billing (asset), report (waits for it)",
    ]
    _, mail = eventually(lambda: mails.received, "a mail")[0]
    plain, html = (mail.get_body((kind,)).get_content() for kind in ("plain", "html"))
    for name in ("reason", "stopped", "frequency", "impact", "map_index"):
        assert FOUND[name] in plain
        assert FOUND[name] in html


def test_what_an_authors_template_says_stands_in_place_of_the_exception(
    alertmanager, platforms, failed_task, eventually
):
    alertmanager.fire(failed_task(annotations={"exception": "KeyError: new", "description": "ana: call the bank"}))
    text = eventually(lambda: platforms.slack("#payments"), "a message")[0]["text"]
    assert "\nana: call the bank" in text
    assert "KeyError" not in text


def test_a_failed_run_is_told_without_a_task(alertmanager, platforms, failed_task, eventually):
    run = failed_task(alertname="AirflowDagRunFailed", team="default")._replace(task_id=None)
    alertmanager.fire(run)
    text = eventually(lambda: platforms.slack("#data-alerts"), "a message")[0]["text"]
    assert text.startswith("*The run*, try 3 of 3, since 10:01")


def test_a_rule_says_its_summary_and_description(alertmanager, platforms, eventually):
    annotations = {"summary": "No scheduler of prod has a heartbeat", "description": "Nothing new is started."}
    labels = {"alertname": "AirflowSchedulerHeartbeatStopped", "cluster": "prod", "severity": "critical"}
    alertmanager.post({"labels": labels, "annotations": annotations})
    message = eventually(lambda: platforms.slack("#data-alerts"), "a message")[0]
    assert message["title"] == "[FIRING] AirflowSchedulerHeartbeatStopped (prod)"
    assert "|Runbook>" not in message["text"], "a rule brings its own, and one of somebody else's has none here"
    lines = message["text"].splitlines()
    assert lines[0].startswith("*No scheduler of prod has a heartbeat*, since ")
    assert lines[1] == "Nothing new is started."
    assert message["color"] == "danger"


def test_pagerduty_opens_one_incident_and_closes_it(alertmanager, platforms, failed_task, eventually):
    event = failed_task(severity="critical")
    alertmanager.fire(event)
    page = eventually(platforms.pagerduty, "a page")[0]
    assert page["routing_key"] == "0123456789abcdef0123456789abcdef"
    assert page["event_action"] == "trigger"
    payload = page["payload"]
    assert payload["summary"] == "orders failed (prod): Task load of DAG orders failed"
    assert (payload["severity"], payload["source"], payload["component"]) == ("critical", "prod", "orders")
    assert "ValueError: row 17 has no price" in payload["custom_details"]["firing"]
    assert [link["text"] for link in page["links"]] == ["Log", "Airflow", "Dashboard", "Runbook"]
    assert eventually(lambda: platforms.slack("#payments"), "a message beside the page")[0]["color"] == "danger"

    alertmanager.resolve(event)
    closed = eventually(lambda: platforms.pagerduty()[1:], "the end of it")[0]
    assert (closed["event_action"], closed["dedup_key"]) == ("resolve", page["dedup_key"])
    assert "load in run" in closed["payload"]["custom_details"]["resolved"]


def test_a_page_without_links_has_that_to_the_runbook(alertmanager, platforms, failed_task, eventually):
    nothing = dict.fromkeys(failed_task().annotations, "")
    alertmanager.fire(failed_task(severity="critical", annotations=nothing, cluster="", team="default"))
    page = eventually(platforms.pagerduty, "a page")[0]
    assert page["routing_key"] == "fedcba9876543210fedcba9876543210"
    assert page["links"] == [{"href": "http://127.0.0.1:9102/runbooks/AirflowTaskFailed", "text": "Runbook"}]
    assert page["payload"]["source"] == "windsock"
    assert page["payload"]["summary"] == "orders failed"


def test_mail_has_a_subject_that_threads_and_both_bodies(alertmanager, mails, failed_task, eventually):
    event = failed_task(annotations={"exception": "ValueError: <b>row</b> & more"})
    alertmanager.fire(event)
    recipients, first = eventually(lambda: mails.received, "a mail")[0]
    assert recipients == ["pay@example.org"]
    assert first["Subject"] == "orders failed (prod)"
    assert first["From"] == "windsock@example.org"
    plain = first.get_body(("plain",)).get_content()
    html = first.get_body(("html",)).get_content()
    for part in ("Task: load", f"Run: {RUN}", "Try: 3 of 3", "Since: 10:01", "Log: https://"):
        assert part in plain
    assert "ValueError: <b>row</b> & more" in plain
    assert "ValueError: &lt;b&gt;row&lt;/b&gt; &amp; more" in html
    assert '<a href="https://runbooks.example.org/AirflowTaskFailed.md">Runbook</a>' in html

    alertmanager.resolve(event)
    _, second = eventually(lambda: mails.received[1:], "a mail that it is over")[0]
    assert second["Subject"] == "orders failed (prod): resolved"
    assert second["References"] == first["References"]
    assert "load in run" in second.get_body(("plain",)).get_content()


def test_mail_is_sent_with_the_password_of_the_file(alertmanagers, mails, tmp_path, failed_task, eventually):
    server = {"smarthost": mails.address, "username": "windsock", "password": "${SMTP_PASSWORD}", "tls": False}
    config = Settings.model_validate(
        {
            "alertmanager": {"secrets_dir": str(tmp_path / "secrets")},
            "channels": {"email": server},
            "defaults": {"email": "data@example.org"},
        }
    )
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    with alertmanagers(folder, config, {"${SMTP_PASSWORD}": "correct horse"}) as running:
        running.fire(failed_task(team="default"))
        eventually(lambda: mails.received, "a mail")
    assert mails.logins == [(b"windsock", b"correct horse")]


@pytest.mark.parametrize(
    ("configured", "runbook"),
    [
        ({"exporter": "https://windsock.example.org"}, "https://windsock.example.org/runbooks/AirflowDagRunFailed"),
        ({"runbooks": 'https://wiki.example.org/a"b%20c'}, "https://wiki.example.org/a%22b%20c/AirflowDagRunFailed.md"),
    ],
)
def test_an_event_whose_sender_knew_no_runbook_gets_the_configured_one(
    configured, runbook, alertmanagers, mails, tmp_path, failed_task, eventually
):
    content = {"links": configured, "channels": {"email": {"smarthost": mails.address, "tls": False}}}
    config = Settings.model_validate({**content, "defaults": {"email": "data@example.org"}})
    (tmp_path / "alertmanager").mkdir()
    with alertmanagers(tmp_path / "alertmanager", config) as running:
        event = failed_task(alertname="AirflowDagRunFailed", team="default", annotations={"runbook_url": ""})
        running.fire(event)
        _, mail = eventually(lambda: mails.received, "a mail")[0]
        assert f'<a href="{runbook}">Runbook</a>' in mail.get_body(("html",)).get_content()
        plain = mail.get_body(("plain",)).get_content().splitlines()
        assert f"Runbook: {runbook.replace('%22', chr(34))}" in plain
        assert running.complaints == []


def test_what_is_only_recorded_is_told_to_nobody(alertmanager, platforms, mails, failed_task, eventually):
    alertmanager.fire(failed_task(severity="info"))
    alertmanager.post({"labels": {"alertname": "Watchdog", "severity": "info"}})
    alertmanager.fire(failed_task("other"))
    eventually(lambda: platforms.slack("#payments"), "the other message")
    eventually(lambda: mails.received, "the other mail")
    assert len(platforms.slack()) == 1
    assert "*other*" in platforms.slack()[0]["text"]
    assert len(alertmanager.alerts()) == 3


def test_a_failed_run_comes_as_the_message_of_its_task(alertmanager, platforms, failed_task, eventually):
    run = failed_task(alertname="AirflowDagRunFailed")._replace(task_id=None)
    alertmanager.fire(run, failed_task())
    eventually(lambda: platforms.slack("#payments"), "a message")
    alertmanager.fire(failed_task(dag_id="later"))
    eventually(lambda: len(platforms.slack("#payments")) == 2, "a later message")
    assert [message["title"] for message in platforms.slack()] == [
        "orders failed: ValueError: row 17 has no price (prod)",
        "later failed: ValueError: row 17 has no price (prod)",
    ]


def test_a_webhook_gets_the_same_message(alertmanagers, platforms, tmp_path, monkeypatch, failed_task, eventually):
    config = Settings.model_validate(
        {
            "alertmanager": {"secrets_dir": str(tmp_path / "secrets")},
            "channels": {"slack": {"webhook": "${SLACK_WEBHOOK}"}},
            "defaults": {"slack": "#data-alerts"},
        }
    )
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    secrets = {"${SLACK_WEBHOOK}": f"{platforms.url}/services/T0/B0/x"}
    with alertmanagers(folder, config, secrets) as running:
        running.fire(failed_task(team="default"))
        message = eventually(platforms.slack, "a message")[0]
        assert message["title"] == "orders failed: ValueError: row 17 has no price (prod)"
        assert platforms.posts[0].path == "/services/T0/B0/x"
        assert "Authorization" not in platforms.posts[0].headers


def test_a_teams_own_webhook_gets_alertmanagers_json(alertmanagers, tmp_path, failed_task, eventually):
    hook = Messages()
    teams = {"ops": {"webhook": hook.url}}
    config = Settings.model_validate({"teams": teams, "alertmanager": {"secrets_dir": str(tmp_path / "secrets")}})
    (tmp_path / "alertmanager").mkdir()
    with contextlib.closing(hook), alertmanagers(tmp_path / "alertmanager", config, {}) as running:
        running.fire(failed_task(team="ops"))
        post = eventually(lambda: hook.posts, "a post")[0]
        assert (post["receiver"], post["status"]) == ("ops/warning", "firing")
        assert post["alerts"][0]["annotations"]["exception"] == failed_task().annotations["exception"]
