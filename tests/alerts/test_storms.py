"""A storm as people read it, from Debian's Alertmanager and the current one, within the platforms' limits."""

from __future__ import annotations

import contextlib
from datetime import datetime, timedelta, timezone

import pytest
import requests
from real.waiting import until

from windsock import storms
from windsock.demo.inbox import Inbox
from windsock.events import DAG_RUN_FAILED
from windsock.settings import Settings

STORM = "2026-11-28T04:35:02.120Z/3fa9c1d2"
CAUSE = "OperationalError: connection to server at … failed: Connection refused"
FIRST = "orders_load at 04:35:02 UTC"
PATIENCE = 180.0
TITLE = f"within 8 s: {CAUSE}; first {FIRST} (prod)"


@pytest.fixture
def inbox():
    with Inbox(rate_limit=False) as running:
        yield running
        assert [message.problems for message in running.messages() if message.problems] == []


@pytest.fixture(params=["Debian's", "the current"])
def start(request, inbox, alertmanagers, tmp_path):
    """`with start(group_interval="20s") as alertmanager`."""
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
    program = request.getfixturevalue("newest") if request.param == "the current" else None

    @contextlib.contextmanager
    def run(**timing):
        with alertmanagers(folder, config, program=program, **timing) as running:
            yield running
            assert running.complaints == []

    return run


@pytest.fixture
def alertmanager(start):
    with start() as running:
        yield running


@pytest.fixture
def told(inbox):
    return lambda platform, words: inbox.wait_for(lambda m: m.platform == platform and words in m.text, PATIENCE)


@pytest.fixture
def storm(failed_task):
    """`storm(60)`: so many DAGs that fail within eight seconds, each with two tasks; the alerts to post."""

    def make(count, label=STORM, **given):
        now = datetime.now(timezone.utc)
        for number in range(count):
            at = now - timedelta(seconds=8 * (count - 1 - number) / max(1, count - 1))
            annotations = {
                "summary": f"dag_{number:04}: load failed: {CAUSE}",
                "exception": f"OperationalError: connection to server at {number} failed: Connection refused",
                "failed_at": f"{at:%Y-%m-%dT%H:%M:%S}.{number % 1000:03}Z",
                "cause": given.get("cause", CAUSE).format(number),
                "first": given.get("first", FIRST if label == STORM else ""),
            }
            for task in ("load", "clean"):
                one = failed_task(
                    task, dag_id=f"dag_{number:04}", severity="critical", storm=label, annotations=annotations
                )
                yield one, at

    return make


def fire(alertmanager, alerts):
    alertmanager.post(*(event.alert(at) for event, at in alerts))


def test_sixty_dags_are_one_sentence_on_every_channel(alertmanager, storm, told, inbox):
    alerts = list(storm(60))
    fire(alertmanager, alerts)
    # The newest last: the message that has it has all of them.
    slack, page, mail = told("slack", "and 115 more"), told("pagerduty", "dag_0059"), told("mail", "60 DAGs")
    attachment = slack.payload["attachments"][0]
    assert attachment["title"] == f"60 DAGs of payments failed {TITLE}"
    assert attachment["fallback"].startswith(attachment["title"])
    lines = attachment["text"].splitlines()
    assert lines[0].startswith("dag_0000, dag_0001, ")
    assert lines[0].endswith("dag_0019, …")
    # The newest first, and each by its DAG.
    assert lines[1].startswith("*dag_0059*: *")
    assert sum(line.startswith("• *dag_0") for line in lines) == 4
    assert lines[-1] == "_and 115 more_"
    assert page.payload["payload"]["summary"].startswith(f"Many DAGs of payments failed: {CAUSE} (prod)")
    assert mail.payload["subject"] == f"Many DAGs of payments failed: {CAUSE} (prod)"
    assert f"60 DAGs of payments failed {TITLE}" in mail.text

    alertmanager.resolve(*(event for event, _ in alerts[:100]))
    assert "10 DAGs of payments failed within" in told("slack", "; 100 over").text
    alertmanager.resolve(*(event for event, _ in alerts))
    over = told("slack", "Over: ")
    assert over.payload["attachments"][0]["color"] == "good"
    pages = [message for message in inbox.messages() if message.platform == "pagerduty"]
    assert len({message.payload["dedup_key"] for message in pages}) == 1


def grouped(alertmanager, name):
    """The DAGs of the alerts of this name that have come to their groups."""
    groups = requests.get(f"{alertmanager.url}/api/v2/alerts/groups", timeout=60).json()
    labels = [alert["labels"] for group in groups for alert in group["alerts"]]
    return {one["dag_id"] for one in labels if one["alertname"] == name}


def test_what_is_over_counts_each_dag_once_though_its_run_had_failed_too(alertmanager, storm, told):
    tasks = list(storm(3))
    runs = [
        (event._replace(alertname=DAG_RUN_FAILED, task_id=None), at) for event, at in tasks if event.task_id == "load"
    ]
    fire(alertmanager, tasks)
    told("slack", "3 DAGs of payments failed within")
    # Later, so that their tasks hold them back for sure.
    fire(alertmanager, runs)
    # Alertmanager 0.35 takes an alert and its end that come at once in any order.
    until(lambda: {event.dag_id for event, _ in runs} == grouped(alertmanager, DAG_RUN_FAILED))
    alertmanager.resolve(*(event for event, _ in (*tasks, *runs)))
    assert "Over: 3 DAGs of payments failed within" in told("slack", "Over: ").text


def test_one_that_joins_alone_and_causes_that_differ(alertmanager, storm, told):
    fire(alertmanager, storm(1))
    assert f"dag_0000 failed as others did: {CAUSE}; first {FIRST}" in told("slack", "as others did").text
    fire(alertmanager, storm(3, cause="Error{}"))
    assert "3 DAGs of payments failed within 8 s, of different causes; first" in told("slack", "3 DAGs").text


def test_who_could_not_ask_says_nothing_of_others_until_they_are_there(alertmanager, storm, told):
    silent = list(storm(2, first=""))
    fire(alertmanager, silent[:2])
    assert f"dag_0000 failed: {CAUSE} (prod)" in told("slack", "dag_0000 failed").text
    fire(alertmanager, [*silent, *list(storm(3))[4:]])
    assert f"3 DAGs of payments failed within 8 s: {CAUSE}; first {FIRST} (prod)" in told("slack", "3 DAGs").text


def test_what_all_of_them_share_is_behind_their_names(alertmanager, storm, told):
    kinds = ["Bash<b>"] * 6 + ["Python"] * 2
    alerts = [
        (event._replace(annotations={**event.annotations, "hostname": "worker-3", "operator": kind}), at)
        for kind, (event, at) in zip(kinds, storm(4), strict=True)
    ]
    fire(alertmanager, alerts[:6])
    assert told("slack", "3 DAGs").text.count("dag_0002 (all on worker-3, all of Bashb)\n") == 1
    assert "dag_0002 (all on worker-3, all of Bashb)\n" in told("mail", "3 DAGs").text
    fire(alertmanager, alerts)
    assert "dag_0003 (all on worker-3)\n" in told("slack", "(all on worker-3)").text


def test_who_waits_for_them_is_below_their_names(alertmanager, storm, told):
    waiting = ["bills (asset)", "bills (asset)", "<b>report (waits for it)", "", *(f"other{n}" for n in range(5))]
    alerts = [
        (event._replace(annotations={**event.annotations, "impact": waiting[number // 2]}), at)
        for number, (event, at) in enumerate(storm(9))
    ]
    fire(alertmanager, alerts)
    said = "dag_0000 → bills (asset); dag_0002 → breport (waits for it); " + "; ".join(
        f"dag_{n:04} → other{n - 4}" for n in range(4, 7)
    )
    for platform in ("slack", "mail"):
        assert f"Waiting downstream: {said}; …" in told(platform, "9 DAGs").text.splitlines()


def test_what_fails_beside_a_storm_is_told_by_name(alertmanager, storm, told):
    beside = STORM.replace("3fa9c1d2", storms.BESIDE)
    fire(alertmanager, storm(1, beside))
    title = told("slack", "dag_0000 failed").payload["attachments"][0]["title"]
    assert title == f"dag_0000 failed: {CAUSE} (prod)"
    assert "Other DAGs of payments failed" in told("pagerduty", "dag_0000").text
    fire(alertmanager, storm(3, beside, cause="Error{}"))
    message = told("slack", "3 DAGs of payments failed within 8 s, of different causes (prod)")
    assert message.payload["attachments"][0]["text"].splitlines()[0] == "dag_0000, dag_0001, dag_0002"


def test_what_recurs_says_how_often_and_since_when(alertmanager, failed_task, told):
    """The newest says the number."""
    now = datetime.now(timezone.utc)
    for number in (3, 40):
        said = {"cause": "KeyError: …", "recurring": f"{number} times since 05:35"}
        one = failed_task(
            "load",
            dag_id="orders",
            run_id=f"r{number}",
            severity="critical",
            storm="/3fa9c1d2/again",
            annotations=said,
        )
        fire(alertmanager, [(one, now - timedelta(seconds=60 - number))])
        title = f"orders failed again and again, {number} times since 05:35: KeyError: … (prod)"
        assert told("slack", f"{number} times").payload["attachments"][0]["title"] == title
    assert "orders failed again and again: KeyError: … (prod)" in told("pagerduty", "again and again").text
    storm = "2026-11-28T04:35:02.120Z/3fa9c1d2/again"
    one = one._replace(storm=storm)
    # Who joins it counts nothing.
    bills = one._replace(dag_id="bills", annotations={"cause": "KeyError: …"})
    fire(alertmanager, [(one, now - timedelta(seconds=1)), (bills, now)])
    title = "2 DAGs of payments failed again and again, 40 times since 05:35: KeyError"
    assert title in told("slack", "2 DAGs").text


def test_five_thousand_are_within_the_limits(start, storm, told, inbox):
    alerts = list(storm(2500))
    # All of an interval is there to make their messages in, on a busy machine too.
    with start(storm_wait="3s", group_interval="40s") as alertmanager:
        for first in range(0, len(alerts), 500):
            fire(alertmanager, alerts[first : first + 500])
        for platform in ("slack", "pagerduty", "mail"):
            told(platform, "and 4")
        assert [attempt for attempt in inbox.attempts() if attempt.refused] == []
        assert "2500 DAGs of payments" in told("slack", "2500 DAGs").text


def test_a_repeat_in_which_nothing_is_new_says_so(inbox, alertmanagers, newest, failed_task, storm, told, tmp_path):
    config = Settings.model_validate(
        {
            "alertmanager": {"secrets_dir": str(tmp_path / "secrets"), "version": "0.35"},
            "channels": {"slack": {"api_url": inbox.addresses["slack_api"], "token": "${SLACK_TOKEN}"}},
            "teams": {"payments": {"slack": "#pay", "msteams": "${TEAMS_HOOK}"}},
        }
    )
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    secrets = {"${TEAMS_HOOK}": inbox.addresses["msteams"], "${SLACK_TOKEN}": "xoxb-test"}
    with alertmanagers(folder, config, secrets=secrets, program=newest, repeat_interval="2s") as running:
        fire(running, [*storm(2), (failed_task("load"), datetime.now(timezone.utc))])
        for platform in ("slack", "msteams"):
            first, still = told(platform, "2 DAGs"), told(platform, "Still: 2 DAGs of payments failed")
            assert "Still" not in first.text
            assert still.received_at - first.received_at > 1
            assert told(platform, "Still: orders failed")


def test_teams_reads_the_same_sentence(inbox, alertmanagers, newest, storm, told, tmp_path):
    hook = {"${TEAMS_HOOK}": inbox.addresses["msteams"]}
    config = Settings.model_validate(
        {
            "alertmanager": {"secrets_dir": str(tmp_path / "secrets"), "version": "0.35"},
            "teams": {"payments": {"msteams": "${TEAMS_HOOK}"}},
        }
    )
    folder = tmp_path / "alertmanager"
    folder.mkdir()
    with alertmanagers(folder, config, secrets=hook, program=newest) as running:
        fire(running, storm(30))
        message = told("msteams", "30 DAGs of payments failed within 8 s")
    assert f"first {FIRST} (prod)" in message.text
    assert "dag_0000, dag_0001" in message.text
    assert "dag_0019, …" in message.text
