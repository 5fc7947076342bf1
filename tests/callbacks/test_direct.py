"""Without an Alertmanager: what arrives at Slack, PagerDuty and in the mail, and what happens where they misbehave."""

import pytest

from windsock.callbacks import delivery
from windsock.callbacks.delivery import Choice, deliver, flush, resolve

NOW, LATER = ({"due_at": f"2026-11-22T{hour}:00:00Z"} for hour in (10, 11))


def nth(event, number, task="load", **facts):
    """The failure of a try, with a reason of its own."""
    said = {"try": f"{number} of 20", "summary": f"orders: {task} failed: reason {number}", "exception": f"E: {number}"}
    return event(task_id=task, annotations={**said, **facts.pop("annotations", {})}, **facts)


def by_channel(inbox):
    return sorted((message.platform, message.channel) for message in inbox.messages())


def test_a_warning_goes_to_slack_and_mail_and_pages_nobody(settings, event, soon, inbox):
    found = deliver(event(), settings(), soon())
    assert (found.problem, found.detail) == ("", "slack #pay, email pay@example.org")
    assert by_channel(inbox) == [("mail", "pay@example.org"), ("slack", "#pay")]
    assert [message.problems for message in inbox.messages()] == [(), ()]


def test_a_critical_one_pages_too(settings, event, soon, inbox):
    deliver(event(severity="critical"), settings(), soon())
    assert [platform for platform, _ in by_channel(inbox)] == ["mail", "pagerduty", "slack"]


def test_info_is_only_recorded(settings, event, soon, inbox):
    found = deliver(event(severity="info"), settings(), soon())
    assert found == delivery.Delivery("", "nobody: severity info is only recorded")
    assert inbox.messages() == []


def test_a_team_without_a_channel_has_those_of_defaults(settings, event, soon, inbox):
    deliver(event(), settings(teams={"pay": {}}, defaults={"slack": "#all"}), soon())
    assert by_channel(inbox) == [("slack", "#all")]


def test_an_authors_choice_goes_before_the_severity(settings, event, soon, inbox):
    deliver(event(), settings(), soon(), Choice(channels=("pagerduty",)))
    assert [platform for platform, _ in by_channel(inbox)] == ["pagerduty"]


def test_a_choice_that_nobody_configured_is_said(settings, event, soon):
    found = deliver(event(), settings(), soon(), Choice(channels=("webhook",)))
    said = "neither team pay nor defaults has an address of what this callback chose: webhook"
    assert (found.problem, found.detail) == ("unconfigured", said)
    assert deliver(event(), settings(), soon(), Choice(channels=("alertmanager",))).problem == "unconfigured"


def test_alertmanager_and_a_channel_side_by_side(settings, event, soon, inbox, alertmanager):
    both = settings(alertmanager={"urls": [alertmanager.url]})
    found = deliver(event(), both, soon(), Choice(channels=("alertmanager", "slack")))
    assert (found.problem, found.detail) == ("", "1 of 1 Alertmanagers; slack #pay")
    assert len(alertmanager.alerts()) == len(inbox.messages()) == 1


def test_with_an_alertmanager_the_channels_are_its_business(settings, event, soon, inbox, alertmanager):
    deliver(event(), settings(alertmanager={"urls": [alertmanager.url]}), soon())
    assert (len(alertmanager.alerts()), inbox.messages()) == (1, [])


# one thread a run, resolved


def test_a_run_is_one_thread_that_ends_resolved(only_slack, event, soon, inbox, clock):
    deliver(event(), only_slack, soon())
    clock(61)
    deliver(event(task_id="check", annotations={"exception": "KeyError: 'x'"}), only_slack, soon())
    first, second = inbox.messages()
    assert second.thread == first.id
    assert ", and 1 more (" in second.text
    assert "2 failures in this run so far, on this host" in second.text

    assert "others of the run last" in resolve(event(), only_slack, soon()).detail
    assert resolve(event(task_id="check"), only_slack, soon()).problem == ""

    first, second = inbox.messages()
    assert first.edited
    assert first.text.startswith("Over: orders failed (airflow)")
    assert not second.edited


def test_a_later_runs_success_ends_it(only_slack, event, soon, inbox):
    deliver(event(run_id="monday", annotations=NOW), only_slack, soon())
    resolve(event(run_id="tuesday", annotations=LATER), only_slack, soon())
    (message,) = inbox.messages()
    assert message.text.startswith("Over: orders failed")


def test_an_earlier_runs_success_ends_no_later_failure(settings, event, soon, inbox):
    deliver(event(run_id="today", severity="critical", annotations=LATER), settings(), soon())
    resolve(event(run_id="backfill", severity="critical", annotations=NOW), settings(), soon())
    assert [message.state for message in inbox.messages("pagerduty")] == ["triggered"]
    assert not any("resolved" in message.text.lower() for message in inbox.messages("slack"))


def test_a_failure_after_the_end_is_told_again(only_slack, event, soon, inbox, clock):
    deliver(event(), only_slack, soon())
    resolve(event(), only_slack, soon())
    clock(61)
    deliver(event(), only_slack, soon())
    resolve(event(), only_slack, soon())
    assert len(inbox.messages()) == 2


def test_a_success_of_what_nobody_was_told_of_tells_nobody(only_slack, event, soon, inbox):
    assert resolve(event(), only_slack, soon()).problem == ""
    assert inbox.messages() == []


def test_a_webhook_can_not_edit_so_it_posts_once_for_all_runs(settings, direct, event, soon, inbox):
    direct["channels"]["slack"] = {"webhook": "${SLACK_HOOK}"}
    hook = settings(teams={"pay": {"slack": "#pay"}})
    for run in ("r1", "r2", "r3"):
        deliver(event(run_id=run, annotations=NOW), hook, soon())
    resolve(event(run_id="r4", annotations=NOW), hook, soon())
    texts = [message.text for message in inbox.messages()]
    # Which run in a row it is, this host has counted where a callback marked the failure.
    assert [text.partition(" (")[0] for text in texts] == ["orders failed: ValueError: no rows"] * 3 + [
        "Over: orders failed"
    ]


@pytest.mark.parametrize("credential", [{"token": "${SLACK_TOKEN}"}, {"webhook": "${SLACK_HOOK}"}])
def test_the_first_message_of_what_is_critical_calls_those_whom_the_team_names(
    settings, direct, event, soon, inbox, clock, credential
):
    slack = {name: value for name, value in direct["channels"]["slack"].items() if name == "api_url"}
    direct["channels"]["slack"] = {**slack, **credential}
    team = {"slack": "#pay", "slack_mention": "@oncall-pay <!subteam^S0123456789>"}
    calling = settings(teams={"pay": team}, defaults={"slack_mention": "@here"})
    deliver(event(), calling, soon())
    deliver(event(run_id="r2", severity="critical"), calling, soon())
    clock(61)
    deliver(event(run_id="r2", task_id="check", severity="critical"), calling, soon())
    first, called, below = (message.text for message in inbox.messages("slack"))
    assert called.startswith("@oncall-pay ")
    assert not [text for text in (first, below) if "@oncall" in text or "@here" in text]
    resolve(event(run_id="r2", severity="critical"), calling, soon())
    assert not [one for one in inbox.messages("slack") if "Over: " in one.text and "@oncall" in one.text]


def test_a_later_success_resolves_the_page_from_any_host(settings, event, soon, inbox, tmp_path):
    deliver(event(run_id="monday", severity="critical"), settings(), soon(), Choice(channels=("pagerduty",)))
    elsewhere = settings(callbacks={"spool": {"dir": str(tmp_path / "another-host")}})
    resolve(event(run_id="tuesday", severity="critical"), elsewhere, soon())
    states = [message.state for message in inbox.messages("pagerduty")]
    assert states == ["triggered", "resolved"]


def test_mails_of_a_run_are_one_thread(settings, event, soon, inbox, clock):
    mail = settings(teams={"pay": {"email": ["a@example.org", "b@example.org"]}})
    deliver(event(), mail, soon())
    clock(61)
    deliver(nth(event, 3), mail, soon())
    resolve(event(), mail, soon())
    messages = inbox.messages("mail")
    assert len({message.conversation for message in messages}) == 1
    assert [message.payload["subject"] for message in messages] == [
        "orders failed (airflow)",
        "orders failed (airflow)",
        "orders failed (airflow): resolved",
    ]
    assert len({message.id for message in messages}) == 3
    assert messages[0].payload["rcpt_tos"] == ["a@example.org", "b@example.org"]
    assert [message.problems for message in messages] == [()] * 3


# one message a minute


def test_what_fails_within_the_minute_is_told_by_the_next_message(only_slack, event, soon, inbox, clock):
    for index in range(5):
        deliver(event(annotations={"map_index": str(index)}), only_slack, soon())
    assert len(inbox.messages()) == 1
    assert flush(only_slack, soon()).delivered == 0, "not before the minute is over"

    clock(61)
    assert flush(only_slack, soon()).delivered == 1
    first, update = inbox.messages()
    assert update.thread == first.id
    assert "5 failures in this run so far, on this host" in update.text
    clock(61)
    assert flush(only_slack, soon()).waiting == 0


def test_the_next_failure_tells_it_too_and_then_nothing_waits(only_slack, event, soon, inbox, clock):
    for number in range(1, 4):
        deliver(nth(event, number), only_slack, soon())
    clock(61)
    deliver(nth(event, 4), only_slack, soon())
    found = flush(only_slack, soon())
    assert (found.delivered, found.superseded, found.waiting) == (0, 1, 0)
    assert len(inbox.messages()) == 2


def test_a_burst_that_is_over_is_not_told_any_more(only_slack, event, soon, inbox, clock):
    for number in (1, 2):
        deliver(nth(event, number), only_slack, soon())
    resolve(event(), only_slack, soon())
    clock(61)
    assert flush(only_slack, soon()).superseded == 1
    assert len(inbox.messages()) == 1


# a try is one failure, however often it is told


def test_the_same_try_told_twice_is_one_failure(only_slack, event, soon, inbox, clock):
    """As Airflow 2.11 does where a task is killed in its callback: the second call knows no exception."""
    deliver(nth(event, 1), only_slack, soon())
    found = deliver(nth(event, 1, annotations={"exception": ""}), only_slack, soon())
    assert found == delivery.Delivery("", "nobody: they were told of it before")
    clock(61)
    deliver(nth(event, 1), only_slack, soon())
    assert (flush(only_slack, soon()).waiting, len(inbox.messages())) == (0, 1)
    deliver(nth(event, 2), only_slack, soon())
    assert ", and 1 more (" in inbox.messages()[-1].text
    assert "2 failures in this run so far" in inbox.messages()[-1].text


def test_two_callbacks_of_a_task_tell_of_one_failure_each_whom_it_is_to_tell(settings, event, soon, inbox):
    for channels in (("slack",), ("email", "slack")):
        deliver(nth(event, 1), settings(), soon(), Choice(channels=channels))
    assert by_channel(inbox) == [("mail", "pay@example.org"), ("slack", "#pay")]
    assert not any(", and 1 more" in message.text for message in inbox.messages())


def test_a_try_that_was_not_delivered_is_told_by_the_second_call(settings, direct, event, soon, inbox, clock):
    teams = {"pay": {"slack": "#pay"}}
    direct["channels"]["slack"]["api_url"] = "http://127.0.0.1:1"
    assert deliver(nth(event, 1), settings(teams=teams), soon(3)).problem == "unreachable"
    direct["channels"]["slack"]["api_url"] = inbox.addresses["slack_api"]
    clock(61)
    assert deliver(nth(event, 1), settings(teams=teams), soon()).problem == ""
    assert flush(settings(teams=teams), soon()).superseded == 1
    assert ["orders failed: " in message.text for message in inbox.messages()] == [True]


def test_indexes_are_failures_of_their_own_and_so_is_a_run_that_fails_again(only_slack, event, soon, inbox, clock):
    for index in ("0", "1", "0"):
        deliver(nth(event, 1, annotations={"map_index": index}), only_slack, soon())
    for at in ("2026-11-22T10:00:00Z", "2026-11-22T11:00:00Z", "2026-11-22T11:00:00Z"):
        said = {"failed_at": at, "try": ""}
        run = event(alertname="AirflowDagRunFailed", task_id=None, severity="critical", annotations=said)
        deliver(run, only_slack, soon())
    clock(61)
    flush(only_slack, soon())
    assert "4 failures in this run so far, on this host: the run 2, load 2" in inbox.messages()[-1].text


# the newest first


def test_the_next_message_tells_the_newest_of_what_failed_meanwhile(only_slack, event, soon, inbox, clock):
    for number in range(1, 5):
        deliver(nth(event, number), only_slack, soon())
    deliver(nth(event, 1, "check"), only_slack, soon())
    clock(61)
    flush(only_slack, soon())
    text = inbox.messages()[-1].text
    assert ", and 4 more (" in text
    assert "\ncheck, " in text
    assert "5 failures in this run so far, on this host: check 1, load 4" in text


def test_after_twelve_minutes_without_a_network_the_reason_is_that_of_now(settings, direct, event, soon, inbox, clock):
    direct["channels"]["slack"]["api_url"] = direct["channels"]["pagerduty"]["url"] = "http://127.0.0.1:1"
    direct["channels"]["email"]["smarthost"] = "127.0.0.1:1"
    for number in range(1, 13):
        deliver(nth(event, number, severity="critical"), settings(), soon(0.6))
        deliver(nth(event, 1, f"other{number}", severity="warning"), settings(), soon(0.6))
        clock(61)
    addresses = inbox.addresses
    direct["channels"]["slack"]["api_url"], direct["channels"]["pagerduty"]["url"] = (
        addresses["slack_api"],
        addresses["pagerduty"],
    )
    direct["channels"]["email"]["smarthost"] = addresses["smtp"]
    clock(600)
    deliver(nth(event, 13, severity="critical"), settings(), soon())
    clock(61)
    flush(settings(), soon(), limit=50)
    slack, mail, page = (inbox.messages(platform) for platform in ("slack", "mail", "pagerduty"))
    assert [len(told) for told in (slack, mail, page)] == [1, 1, 1]
    assert ", and 24 more (" in slack[0].text.splitlines()[0]
    for message in (slack[0], mail[0]):
        assert "E: 13" in message.text
        assert "25 failures in this run so far, on this host: load 13, other12 1, other11 1" in message.text
    assert page[0].payload["payload"]["summary"].endswith("orders: load failed: reason 13 and 12 more")


def test_a_message_that_waited_out_the_failures_after_it_tells_the_newest(settings, direct, event, soon, inbox, clock):
    teams = {"pay": {"slack": "#pay", "email": "pay@example.org"}}
    direct["channels"]["slack"]["api_url"] = "http://127.0.0.1:1"
    for number in range(1, 4):
        deliver(nth(event, number), settings(teams=teams), soon(0.6))
        clock(61)
    direct["channels"]["slack"]["api_url"] = inbox.addresses["slack_api"]
    clock(600)
    flush(settings(teams=teams), soon())
    (told,) = inbox.messages("slack")
    assert "E: 3" in told.text
    assert "Delivered late, 11 minutes after it happened." in told.text, "the newest one was"


def test_what_was_held_for_one_task_is_told_where_the_other_has_succeeded(only_slack, event, soon, inbox, clock):
    for number, task in ((1, "first"), (1, "load"), (1, "check")):
        deliver(nth(event, number, task), only_slack, soon())
    resolve(nth(event, 1, "load"), only_slack, soon())
    clock(61)
    assert flush(only_slack, soon()).delivered == 1
    assert "\ncheck, " in inbox.messages()[-1].text

    deliver(nth(event, 2, "load"), only_slack, soon())
    deliver(nth(event, 2, "check"), only_slack, soon())
    resolve(nth(event, 2, "check"), only_slack, soon())
    clock(61)
    assert flush(only_slack, soon()).delivered == 1
    assert "\nload, " in inbox.messages()[-1].text


def test_the_tasks_message_stands_for_the_runs(only_slack, event, soon, inbox):
    deliver(event(), only_slack, soon())
    found = deliver(event(alertname="AirflowDagRunFailed", task_id=None), only_slack, soon())
    assert found == delivery.Delivery("", "nobody: the message of its failed task stands for it")
    deliver(event(alertname="AirflowDagRunFailed", task_id=None, run_id="other"), only_slack, soon())
    assert len(inbox.messages()) == 2


def test_two_tasks_of_a_run_are_two_pages(settings, event, soon, inbox):
    for task in ("load", "check", "load"):
        deliver(event(task_id=task, severity="critical"), settings(), soon(), Choice(channels=("pagerduty",)))
    assert [message.id for message in inbox.messages("pagerduty")] == [
        "windsock/airflow/orders/load",
        "windsock/airflow/orders/check",
    ]


def test_a_retry_does_not_stand_for_the_run(only_slack, event, soon, inbox, clock):
    deliver(event(alertname="AirflowTaskRetrying"), only_slack, soon())
    clock(61)
    deliver(event(alertname="AirflowDagRunFailed", task_id=None), only_slack, soon())
    assert [": a run failed" in message.text for message in inbox.messages()] == [False, True]


def test_a_warning_of_a_task_does_not_stand_for_a_run_that_is_critical(settings, event, soon, inbox, clock):
    deliver(event(), settings(), soon())
    clock(61)
    deliver(event(alertname="AirflowDagRunFailed", task_id=None, severity="critical"), settings(), soon())
    assert sorted(channel for channel, _ in by_channel(inbox)) == ["mail", "mail", "pagerduty", "slack", "slack"]


def test_a_message_stands_for_the_run_only_where_it_went(settings, event, soon, inbox, clock):
    deliver(event(), settings(), soon(), Choice(channels=("email",)))
    clock(61)
    deliver(event(alertname="AirflowDagRunFailed", task_id=None), settings(), soon())
    assert by_channel(inbox) == [("mail", "pay@example.org"), ("slack", "#pay")]
