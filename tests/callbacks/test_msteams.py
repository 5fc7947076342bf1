"""Microsoft Teams: the card of a callback, and what Alertmanager is given to say.

Alertmanager has `msteamsv2_configs` since 0.28, and Debian's, which these tests run, is 0.25: its amtool checks all but
that receiver and renders the receiver's templates. The whole was tried by hand with Alertmanager 0.35.0 and the inbox:
it loaded the generated file and posted the card when a task failed and again when that was over; with 500 alerts of the
worst texts it kept within 28 KB.
"""

import json
import shutil
import subprocess

import pytest
import yaml

from windsock.alerts import build
from windsock.callbacks.channels import msteams, send
from windsock.callbacks.delivery import deliver, resolve
from windsock.callbacks.rendering.message import Message
from windsock.destinations import Destination, destinations
from windsock.events import Event
from windsock.exceptions import SettingsError
from windsock.settings import Settings, load

RUN = "scheduled__2026-11-22T09:00:00+00:00"
TASK = Event(
    "AirflowTaskFailed",
    "prod",
    "orders_daily",
    RUN,
    task_id="load",
    team="pay",
    severity="critical",
    annotations={
        "summary": "orders_daily: load failed: ValueError: 3 of 1200 rows have no price",
        "exception": "ValueError: 3 of 1200 rows have no price",
        "traceback": 'File "/dags/orders.py", line 41, in load\n  raise ValueError',
        "failed_at": "2026-11-22T09:51:13.059Z",
        "log_url": "https://airflow.example.org/log?try_number=3",
        "owner": "ana",
    },
)


@pytest.fixture
def workflow(inbox, monkeypatch):
    """The reference to a workflow of the inbox; its URL ends in a signature, as a real one's."""
    monkeypatch.setenv("TEAMS_PAY", f"{inbox.addresses['msteams']}?api-version=1&sig=s3cret-signature")
    return "${TEAMS_PAY}"


@pytest.fixture
def tell(workflow):
    return lambda message, seconds=10: send(Destination("msteams", workflow), message, Settings(), seconds, {})


def test_a_card_says_what_failed_where_and_why(tell, inbox):
    answer = tell(Message(TASK, failures=3, notes=("Delivered late.",)))
    assert (answer.problem, answer.detail) == ("", "HTTP 202")
    (shown,) = inbox.messages("msteams")
    assert shown.problems == ()
    assert shown.text.split("\n") == [
        "orders_daily failed: ValueError: 3 of 1200 rows have no price, and 2 more (prod)",
        "orders_daily: load failed: ValueError: 3 of 1200 rows have no price",
        "Delivered late.",
        "3 failures in this run so far, on this host",
        "ValueError: 3 of 1200 rows have no price",
        'File "/dags/orders.py", line 41, in load',
        "raise ValueError",
        "Task: load",
        f"Run: {RUN}",
        "Since: 2026-11-22T09:51:13.059Z",
        "Owner: ana",
        "Log (https://airflow.example.org/log?try_number=3)",
    ]
    # A blank at the beginning of a run would be dropped.
    assert "\u00a0\u00a0raise ValueError" in json.dumps(shown.payload, ensure_ascii=False)


@pytest.mark.parametrize(
    ("message", "color"),
    [
        (Message(TASK), "Attention"),
        (Message(TASK._replace(severity="warning")), "Warning"),
        (Message(TASK, resolved=True), "Good"),
    ],
)
def test_the_colour_says_how_bad_it_is(tell, inbox, message, color):
    tell(message)
    card = inbox.messages("msteams")[0].payload["attachments"][0]["content"]
    assert card["body"][0]["inlines"][0]["color"] == color
    assert ("Over: " in card["body"][0]["inlines"][0]["text"]) == message.resolved
    assert card["body"][1]["inlines"][0]["text"].startswith("Resolved: ") == message.resolved


def test_nothing_of_a_task_is_markup(tell, inbox):
    bad = "**bold** [click](https://evil.example) <at>all</at> `x` # y"
    tell(Message(TASK._replace(dag_id="my_*dag*", annotations={"summary": bad, "exception": bad, "note": bad})))
    (shown,) = inbox.messages("msteams")
    assert shown.text.count(bad) == 3
    card = shown.payload["attachments"][0]["content"]
    # Text runs know no Markdown; nothing else holds what a task wrote.
    assert {part["type"] for part in card["body"]} == {"RichTextBlock"}
    assert "entities" not in card["msteams"]


@pytest.mark.parametrize("character", ["x", "\U0001f525", "\n", '"', "\u4e2d", "a\n"])
def test_whatever_is_huge_arrives_within_the_limit(tell, inbox, character):
    names = ["summary", "exception", "traceback", "description", "log_tail", *(f"fact {n}" for n in range(20))]
    links = dict.fromkeys(("log_url", "run_url", "dashboard_url", "runbook_url"), "https://x.example/" + "y" * 480)
    huge = dict.fromkeys(names, character * 5000)
    tasks = tuple((f"{character}{number}" * 90, number) for number in range(1, 40))
    event = TASK._replace(task_id=character * 250, annotations={**huge, **links})
    assert tell(Message(event, failures=99, tasks=tasks)).problem == ""
    (shown,) = inbox.messages("msteams")
    assert shown.size <= msteams.LIMIT
    assert ", and 98 more (" in shown.text
    assert "Log (https://x.example/" in shown.text


@pytest.mark.parametrize(
    ("status", "problem"), [(429, "throttled"), (503, "server_error"), (401, "rejected"), (404, "rejected")]
)
def test_a_refusal_in_the_workflows_words(tell, inbox, status, problem):
    inbox.fault(platform="msteams", kind="status", status=status, count=1, retry_after=7 if status == 429 else None)
    answer = tell(Message(TASK))
    assert (answer.problem, answer.detail) == (problem, f"HTTP {status}: HTTP {status}")
    assert answer.wait == (7 if status == 429 else 0)


def test_its_url_is_a_secret(tell, monkeypatch):
    monkeypatch.setenv("TEAMS_PAY", "http://127.0.0.1:1/workflows/abc?sig=s3cret-signature")
    answer = tell(Message(TASK))
    assert answer.problem == "unreachable"
    assert "s3cret" not in answer.detail
    assert "abc" not in answer.detail


def test_a_url_in_the_file_is_refused_and_not_repeated(configure):
    configure(teams={"pay": {"msteams": "https://x.example/workflows/abc?sig=s3cret"}})
    with pytest.raises(SettingsError, match=r"teams.pay.msteams: expected \$\{VARIABLE\}") as caught:
        load()
    assert "s3cret" not in str(caught.value)


def test_a_failure_and_its_end_are_two_messages(settings, direct, workflow, event, soon, inbox):
    direct["defaults"] = {"msteams": workflow}
    assert deliver(event(team="default"), settings(), soon()).problem == ""
    assert resolve(event(team="default"), settings(), soon()).problem == ""
    first, second = inbox.messages("msteams")
    assert first.text.startswith("orders failed: ")
    assert second.text.startswith("Over: orders failed")


# Alertmanager's part


@pytest.fixture
def made(tmp_path):
    """The generated files of a team with Teams, and how a template of theirs is rendered by the installed amtool."""
    if shutil.which("amtool") is None:
        pytest.fail("amtool is not installed: apt-get install prometheus-alertmanager")
    settings = Settings(
        teams={"pay": {"msteams": "${TEAMS_PAY}"}},
        defaults={"pagerduty": "${PD}"},
        links={"runbooks": "https://runbooks.example.org"},
    )
    for name, text in build.files(settings).items():
        (tmp_path / name).write_text(text)
    return settings, tmp_path


def amtool(*arguments):
    done = subprocess.run(["amtool", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def render(folder, template, alerts, status="firing"):
    data = {
        "receiver": "pay/critical",
        "status": status,
        "alerts": [
            {"status": status, "startsAt": "2026-11-22T09:00:00Z", "endsAt": "2026-11-22T10:00:00Z", **alert}
            for alert in alerts
        ],
        "groupLabels": {"alertname": "AirflowTaskFailed", "dag_id": "orders_daily", "cluster": "prod"},
        "commonLabels": {},
        "commonAnnotations": {},
        "externalURL": "",
    }
    (folder / "data.json").write_text(json.dumps(data))
    text = f'{{{{ template "{template}" . }}}}'
    glob, file = folder / "windsock.tmpl", folder / "data.json"
    return amtool("template", "render", "--template.glob", glob, "--template.data", file, "--template.text", text)


def alert(number=0, **annotations):
    labels = {"alertname": "AirflowTaskFailed", "dag_id": "orders_daily", "task_id": f"load_{number}", "run_id": "r_1"}
    return {"labels": labels, "annotations": {**TASK.annotations, **annotations}, "fingerprint": str(number)}


def test_alertmanager_is_given_a_file_with_the_url(made):
    settings, folder = made
    config = yaml.safe_load((folder / "alertmanager.yml").read_text())
    (receiver,) = [one for one in config["receivers"] if one["name"] == "pay/critical"]
    assert receiver == {
        "name": "pay/critical",
        "msteamsv2_configs": [
            {
                "send_resolved": True,
                "webhook_url_file": "/etc/alertmanager/secrets/teams_pay",
                "title": '{{ template "windsock.msteams.title" . }}',
                "text": '{{ template "windsock.msteams.text" . }}',
            }
        ],
    }
    assert build.secrets(settings)["/etc/alertmanager/secrets/teams_pay"] == "${TEAMS_PAY}"
    note = "msteams: alertmanager.yml has msteamsv2_configs, which needs Alertmanager 0.28 or later"
    assert note in build.notes(settings)
    assert not [one for one in build.notes(Settings(defaults={"pagerduty": "${PD}"})) if "msteams" in one]
    assert [str(to) for to in destinations(settings, "pay", "warning", central=True)] == ["msteams ${TEAMS_PAY}"]

    for one in config["receivers"]:
        one.pop("msteamsv2_configs", None)
    (folder / "alertmanager.yml").write_text(yaml.safe_dump(config))
    assert "1 templates" in amtool("check-config", folder / "alertmanager.yml")


def test_what_alertmanager_says(made):
    _, folder = made
    title = render(folder, "windsock.msteams.title", [alert()])
    assert title.strip() == r"orders\_daily failed: ValueError: 3 of 1200 rows have no price (prod)"
    text = render(folder, "windsock.msteams.text", [alert(exception="KeyError: [x](http://evil.example)\n*y*")])
    assert text.strip().split("\n\n") == [
        r"**load\_0** in r\_1, since 09:00 UTC",
        (
            "[Log](https://airflow.example.org/log?try_number=3)"
            " · [Runbook](https://runbooks.example.org/AirflowTaskFailed.md)"
        ),
        r"KeyError: \[x\](http://evil.example)",
        r"\*y\*",
    ]
    over = render(folder, "windsock.msteams.text", [alert(), alert(1)], "resolved").strip().split("\n\n")
    assert over == [rf"**load\_{n}** in r\_1, resolved 10:00 UTC after 60 min" for n in (0, 1)]


@pytest.mark.parametrize("character", ["<", "*", "\n", "\U0001f525", "\u2028", '"'])
def test_a_group_of_the_worst_texts_keeps_to_the_limit(made, character):
    _, folder = made
    names = ("summary", "exception", "reason", "stopped", "frequency", "impact", "log_tail", "map_index", "since")
    huge = dict.fromkeys(names, character * 3000)
    links = dict.fromkeys(("log_url", "run_url", "dashboard_url", "runbook_url"), "https://x.example/" + "y" * 370)
    alerts = [alert(number, **huge, **links) for number in range(50)]
    for one in alerts:
        one["labels"] |= {"task_id": character * 240 + one["fingerprint"], "run_id": character * 240}
    text = render(folder, "windsock.msteams.text", alerts)
    assert "and 45 more" in text
    # As Go's encoder writes it: six bytes for what HTML would read.
    as_json = json.dumps(text, ensure_ascii=False)
    for special in "<>&\u2028\u2029":
        as_json = as_json.replace(special, "\\u0000")
    assert len(as_json.encode()) < 27_000
