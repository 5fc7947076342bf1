"""What people read: the text of each kind of message, as files in tests/data/messages, and bounds that nothing breaks.

A change of the texts is written down with `UPDATE_MESSAGES=1 pytest tests/callbacks/test_messages.py`, and then read.
"""

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from windsock.callbacks.channels import email, incident, send
from windsock.callbacks.delivery import Choice, deliver, resolve
from windsock.callbacks.rendering import html, plain, slack
from windsock.callbacks.rendering.message import Message
from windsock.callbacks.rendering.template import render
from windsock.destinations import Destination
from windsock.events import Event
from windsock.exceptions import SettingsError
from windsock.settings import Settings, load

GOLDEN = Path(__file__).parents[1] / "data" / "messages"
AT = "2026-11-22T09:51:13.059Z"
PAGE = "https://airflow.example.org/dags/orders_daily/runs/scheduled__2026-11-22T09%3A00%3A00"
LINKS = {
    "log_url": f"{PAGE}/tasks/load?try_number=3",
    "run_url": PAGE,
    "dashboard_url": "https://grafana.example.org/d/windsock-dag?var-dag_id=orders_daily",
    "runbook_url": "https://runbooks.example.org/AirflowTaskFailed.md",
}
TASK = Event(
    "AirflowTaskFailed",
    "prod",
    "orders_daily",
    "scheduled__2026-11-22T09:00:00+00:00",
    task_id="load",
    team="pay",
    severity="critical",
    annotations={
        "summary": "orders_daily: load failed: ValueError: 3 of 1200 rows have no price",
        "exception": "ValueError: 3 of 1200 rows have no price",
        "traceback": 'File "/dags/orders.py", line 41, in load\n  raise ValueError(f"{bad} rows have no price")',
        "failed_at": AT,
        "since": "10:51",
        "try": "3 of 3",
        "duration": "4m9s",
        "operator": "@task",
        "owner": "ana, data-eng",
        **LINKS,
    },
)


def task(**annotations):
    return TASK._replace(annotations={**TASK.annotations, **annotations})


SCENES = {
    "task-failed": Message(TASK),
    "mapped-task-failed": Message(task(map_index="417"), failures=500, tasks=(("load", 500),)),
    "several-tasks-failed": Message(TASK, failures=7, tasks=(("load", 5), ("check.rows", 2))),
    "task-killed": Message(
        TASK._replace(
            annotations={
                "summary": "orders_daily: load failed: its process ended without a word",
                "reason": "no heartbeat for 300 s; the worker says: killed, out of memory",
                "impact": "3 DAGs wait for it: reports, invoices, stock",
                "failed_count": "2",
                "log_tail": "09:51:11 INFO reading orders\n09:51:12 INFO 1200 rows\n09:51:13 INFO 4.1 GiB in use",
                "failed_at": AT,
                **LINKS,
            },
        )
    ),
    "task-retrying": Message(
        TASK._replace(
            alertname="AirflowTaskRetrying",
            severity="warning",
            annotations={**TASK.annotations, "try": "1 of 3", "summary": "orders_daily: load failed, 2 tries are left"},
        )
    ),
    "run-failed": Message(
        TASK._replace(
            alertname="AirflowDagRunFailed",
            task_id=None,
            annotations={
                "summary": "orders_daily failed: 2 tasks failed, first load",
                "reason": "task_failure",
                "failed_task": "load",
                "failed_tasks": "load, check.rows",
                "failed_at": AT,
                "run_url": PAGE,
            },
        )
    ),
    "deadline-missed": Message(
        TASK._replace(
            alertname="AirflowDeadlineMissed",
            task_id=None,
            deadline="0f8fad5b-d9cb-469f-a165-70867728950e",
            severity="warning",
            annotations={
                "summary": "orders_daily missed its deadline: it was due at 2026-11-22T10:00:00Z",
                "deadline_name": "orders by ten",
                "due": "2026-11-22T10:00:00Z",
                "failed_at": AT,
                "run_url": PAGE,
            },
        )
    ),
    "data-check-failed": Message(
        TASK._replace(
            alertname="AirflowDataCheckFailed",
            run_id="",
            check="prices",
            severity="warning",
            annotations={
                "summary": "orders_daily: the check prices failed: 3 rows have no price",
                "failed_at": AT,
                "run_id": "scheduled__2026-11-22T09:00:00+00:00",
            },
        )
    ),
    "late-and-maybe-a-repeat": Message(
        TASK,
        notes=(
            "This may be a repeat: its first delivery was interrupted.",
            "Delivered late, 62 minutes after it happened.",
        ),
    ),
    "resolved": Message(task(recovered="2026-11-22T10:12:00.000Z", until="11:12"), resolved=True),
    "in-a-teams-own-words": Message(
        TASK,
        body=render("Call {{ owner }} about {{ dag_id }}.\nTicket: {{ ticket }}\nRows: {{ exception }}", Message(TASK)),
    ),
    "hostile": Message(
        task(
            exception="<!channel> @here <https://evil.example|click me> "
            "</pre><script>alert(1)</script> ```x``` &amp; \u202etxt",
            summary="<!everyone> *bold* <b>b</b>",
        )
    ),
}


@pytest.fixture
def to_inbox(direct, tmp_path):
    """Send a message to Slack, PagerDuty and by mail; returns what each of them shows."""
    loaded = Settings.model_validate(direct)

    def tell(message, inbox):
        for channel, to in (("slack", "#pay"), ("pagerduty", "${PD_PAY}"), ("email", "pay@example.org")):
            answer = send(Destination(channel, to), message, loaded, 10, {})
            assert answer.problem == "", answer
        for shown in inbox.messages():
            assert [problem for problem in shown.problems if "no open incident" not in problem] == []
        return {shown.platform: shown for shown in inbox.messages()}

    return tell


@pytest.mark.parametrize("scene", SCENES)
def test_what_people_read(scene, to_inbox, inbox):
    shown = to_inbox(SCENES[scene], inbox)
    parts = [("Slack", "slack"), ("PagerDuty", "pagerduty"), ("E-mail", "mail")]
    text = "\n\n".join(f"== {name}\n{shown[platform].text}" for name, platform in parts) + "\n"
    file = GOLDEN / f"{scene}.txt"
    if os.environ.get("UPDATE_MESSAGES"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    assert text == file.read_text()


def test_nothing_of_a_task_is_markup(to_inbox, inbox):
    shown = to_inbox(SCENES["hostile"], inbox)
    attachment = json.dumps(shown["slack"].payload)
    assert "<!" not in attachment
    assert "<https://evil" not in attachment
    assert attachment.count("```") == 2, "the quotation ends where we end it"
    page = shown["mail"].payload["html"]
    assert "<script" not in page
    assert "<b>" not in page
    assert "\u202e" not in page + attachment


def test_the_subject_is_stable_and_one_line(event):
    mails = [
        email.compose(Message(event(annotations={"try": number, "summary": f"s{number}"}), failures=9), "a@b", ["c@d"])
        for number in "12"
    ]
    assert len({letter["Subject"] for letter in mails}) == 1
    nasty = email.compose(Message(TASK._replace(dag_id="d\r\nBcc: evil@example.org" + "x" * 500)), "a@b", ["c@d"])
    assert nasty["Bcc"] is None
    assert len(nasty["Subject"]) <= 150


@pytest.mark.parametrize(
    ("runs", "failures", "said"),
    [
        (1, 1, ""),
        (2, 1, ", 2nd run in a row"),
        (3, 1, ", 3rd run in a row"),
        (11, 1, ", 11th run in a row"),
        (21, 5, ", 21st run in a row, and 4 more"),
    ],
)
def test_the_headline_counts(runs, failures, said):
    message = Message(TASK, runs=runs, failures=failures)
    assert message.title == f"orders_daily failed: ValueError: 3 of 1200 rows have no price{said} (prod)"


@pytest.mark.parametrize(
    ("alertname", "summary", "said"),
    [
        ("AirflowTaskFailed", "orders: load failed: its process ended", "orders_daily failed: its process ended"),
        ("AirflowTaskFailed", "somebody's own words: and more", "orders_daily failed"),
        (
            "AirflowDeadlineMissed",
            "o missed its deadline eod: it was due",
            "orders_daily missed its deadline: it was due",
        ),
        ("AirflowDataCheckFailed", "o: load found bad data: no rows", "orders_daily has bad data: no rows"),
        ("AirflowTaskSkipped", "o: load was skipped", "orders_daily: a task was skipped"),
    ],
)
def test_a_headline_without_an_exception_says_what_the_summary_knows(alertname, summary, said):
    event = task(exception="", summary=summary)._replace(alertname=alertname)
    assert Message(event).title == f"{said} (prod)"


def test_pagerdutys_key_has_neither_try_nor_run(event):
    assert incident.key(event(run_id="a")) == incident.key(event(run_id="b", annotations={"try": "9"}))
    assert incident.key(event()) != incident.key(event(task_id="other"))
    long = event(dag_id="d" * 250, task_id="t" * 250)
    assert len(incident.key(long)) <= 255
    assert incident.key(long) != incident.key(event(dag_id="d" * 250, task_id="u" * 250))


HUGE = ["x" * 10_000_000, "<&>`" * 100_000, "\n" * 100_000, "🛬" * 50_000, "\u202e\u0000\ud800" * 50_000, "é" * 9000]


@pytest.mark.parametrize("text", HUGE, ids=["10 MB", "markup", "lines", "emoji", "control", "accents"])
def test_whatever_is_huge_arrives_within_the_limits(text, to_inbox, inbox):
    everywhere = dict.fromkeys(TASK.annotations, text) | {f"extra_{n}": text for n in range(100)} | {"log_tail": text}
    event = TASK._replace(
        dag_id="d" + text[:1000], task_id=text[:1000] or "t", run_id=text[:1000], annotations=everywhere
    )
    started = time.process_time()
    shown = to_inbox(Message(event, failures=10**6, tasks=tuple((text[:500] + str(n), n) for n in range(50))), inbox)
    assert time.process_time() - started < 20
    assert len(shown["slack"].payload["attachments"][0]["text"]) <= 3000
    assert len(shown["pagerduty"].payload["payload"]["summary"]) <= 1024
    assert shown["pagerduty"].size < 100_000
    assert shown["mail"].size < 200_000


TEXTS = st.text(st.characters(codec=None), max_size=300) | st.sampled_from(["", " ", "\n", "<!here>", "a" * 5000])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    ids=st.tuples(TEXTS, TEXTS, st.none() | TEXTS),
    said=st.dictionaries(
        st.sampled_from([*TASK.annotations, "impact", "log_tail", "reason"]) | TEXTS, TEXTS, max_size=12
    ),
    resolved=st.booleans(),
    failures=st.integers(1, 10**9),
    body=st.none() | TEXTS,
)
def test_any_event_is_a_valid_message(to_inbox, inbox, ids, said, resolved, failures, body):
    event = Event(
        "AirflowTaskFailed", "prod", *ids[:2], task_id=ids[2], team="pay", severity="warning", annotations=said
    )
    inbox.clear()
    to_inbox(Message(event, resolved=resolved, failures=failures, body=body), inbox)


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("{{ dag_id }} of {{ team }}", "orders_daily of pay"),
        ("a {{ nothing }}\nb {{ dag_id }}\nc {{ nothing.at.all }}", "b orders_daily"),
        ("{% if nothing %}x{% else %}y{% endif %}", "y"),
        ("{% for task, count in tasks.items() %}{{ task }} {{ count }}\n{% endfor %}", "load 2"),
        ("a\n{{ 1 / nothing }}\nb", "a\nb"),
        ("a\n{{ dag_id.__class__.__mro__ }}\nb", "a\nb"),
        ("{{ ''.__class__.__base__.__subclasses__() }}", "the template failed: SecurityError"),
        ("{% if %}", "the template failed: TemplateSyntaxError"),
        ("{% for x in range(99999) %}{{ exception }}{% endfor %}", "ValueError: 3 of 1200"),
        ("{{ tasks.clear() }}", ""),
    ],
)
def test_templates(template, said):
    text = render(template, Message(TASK, failures=2, tasks=(("load", 2),)))
    assert said in (text or "")
    assert len(text or "") <= 21_000
    if "failed" in said:
        assert "ValueError: 3 of 1200 rows have no price" in text, "the alert says what it would have said"


def test_a_teams_template_is_used(direct, inbox, soon, event):
    direct["callbacks"]["templates"] = {"short": "Look at {{ dag_id }}, {{ owner }}!"}
    direct["teams"]["pay"] = {"slack": "#pay", "template": "short"}
    loaded = Settings.model_validate(direct)
    deliver(event(), loaded, soon())
    deliver(event(run_id="r2"), loaded, soon(), Choice(template="By hand: {{ task_id }}"))
    first, second = inbox.messages()
    assert "Look at orders, ana!" in first.text
    assert "ValueError" not in first.text.split("Look")[1]
    assert "By hand: load" in second.text
    resolve(event(), loaded, soon())
    assert "Look at" not in inbox.messages()[0].text


@pytest.mark.parametrize("where", ["teams", "defaults"])
def test_a_template_that_does_not_exist_is_an_error_of_the_file(configure, where):
    names = {"template": "shrot"}
    configure(callbacks={"templates": {"short": "x"}}, **{where: {"pay": names} if where == "teams" else names})
    with pytest.raises(SettingsError, match=r"expected a template of callbacks.templates \(there are: short\)"):
        load(cwd=False)


def test_html_and_text_say_the_same():
    page, text = html.page(SCENES["task-failed"]), plain.text(SCENES["task-failed"])
    for said in ("load", "3 of 3", "ValueError: 3 of 1200 rows have no price", "ana, data-eng", LINKS["runbook_url"]):
        assert said in page
        assert said in text


def test_a_cut_never_ends_inside_an_escape():
    for limit in range(10, 60):
        cut = slack.escape("<&>" * 50, limit)
        assert len(cut) <= limit
        assert "&" not in cut.replace("&lt;", "").replace("&amp;", "").replace("&gt;", "")
