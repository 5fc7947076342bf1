"""Slack's messages edited and answered, at Slack's own address: a real Alertmanager, and the inbox as its proxy."""

from __future__ import annotations

from windsock.demo.inbox import Inbox


def slack(inbox):
    return [message for message in inbox.messages("slack") if message.thread is None]


def replies(inbox):
    return [message for message in inbox.messages("slack") if message.thread]


def test_the_newest_edits_its_message_and_says_in_its_thread_what_is_new(
    inbox, told, newest, tmp_path, failed_task, eventually
):
    first, second = (failed_task(task, team="default", severity="critical") for task in ("load", "check"))
    with told(inbox, tmp_path / "am", "0.35", newest) as running:
        running.fire(first)
        called = inbox.wait_for(lambda message: message.platform == "slack" and "orders failed: " in message.text)
        assert called.text.startswith("@oncall-data orders failed (prod)\n")
        running.fire(second)
        inbox.wait_for(lambda message: message.thread is None and ", and 1 more" in message.text)
        running.resolve(first, second)
        over = inbox.wait_for(lambda message: message.thread is None and "Over: " in message.text)
        eventually(lambda: [one for one in replies(inbox) if "Over: " in one.text], "the end in the thread")

        assert slack(inbox) == [over]
        assert (over.channel, bool(over.edited), over.problems) == ("#data-alerts", True, ())
        # The message that said why is gone: what stands in its place still does.
        assert "ValueError: row 17 has no price" in over.text
        assert "Log (https://airflow.example.org" in over.text
        assert {message.thread for message in replies(inbox)} == {over.id}
        assert [one.text.startswith("Over: ") for one in replies(inbox)] == [False, True]
        # Whoever was called is called once.
        assert not [one for one in inbox.messages("slack") if "@oncall" in one.text]
        assert not [one for one in inbox.attempts() if one.refused]
        assert running.complaints == []

        # What fails after that is another incident, and no edit of an old message.
        running.fire(failed_task(run_id="manual__2", team="default"))
        again = inbox.wait_for(lambda m: m.platform == "slack" and m.thread is None and m.seq > over.seq)
        assert again.text.startswith("orders failed: ")


def test_an_edit_alone_leaves_one_message(inbox, told, newest, tmp_path, failed_task):
    with told(inbox, tmp_path / "am", "0.32", newest) as running:
        running.fire(failed_task(team="default"))
        inbox.wait_for(lambda message: "orders failed: " in message.text)
        running.resolve(failed_task(team="default"))
        over = inbox.wait_for(lambda message: "Over: " in message.text)
        assert inbox.messages("slack") == [over]
        assert over.edited
        assert running.complaints == []


def test_the_oldest_sends_one_more_through_the_same_proxy(inbox, told, tmp_path, failed_task):
    with told(inbox, tmp_path / "am", "0.25") as running:
        running.fire(failed_task(team="default", severity="critical"))
        first = inbox.wait_for(lambda message: message.platform == "slack" and "orders failed: " in message.text)
        assert first.text.startswith("@oncall-data orders failed (prod)\n")
        # The page too went to PagerDuty's own address, and came here.
        page = inbox.wait_for(lambda message: message.platform == "pagerduty")
        assert page.state == "triggered"
        running.resolve(failed_task(team="default", severity="critical"))
        over = inbox.wait_for(lambda message: message.platform == "slack" and "Over: " in message.text)
        assert len(slack(inbox)) == 2
        assert not over.edited
        assert "@oncall" not in over.text
        assert running.complaints == []


def test_a_channel_that_slack_slows_down_is_told_of_every_dag(told, newest, tmp_path, failed_task, eventually):
    """One message a second: the oldest gives up until the next group_interval, the newest waits as Slack says."""
    with Inbox(rate_limit=True) as inbox, told(inbox, tmp_path / "am", "0.35", newest) as running:
        running.fire(*(failed_task(dag_id=f"dag_{number}", team="default") for number in range(4)))
        eventually(lambda: len(slack(inbox)) == 4, "a message of each DAG")
        assert [one for one in inbox.attempts("slack") if one.status == 429]
        assert running.complaints == []


def test_a_message_that_someone_deleted_is_missed_aloud(inbox, told, newest, tmp_path, failed_task, eventually):
    """What docs/alertmanager.md warns of: Alertmanager sends no new one in its place."""
    with told(inbox, tmp_path / "am", "0.35", newest) as running:
        running.fire(failed_task(team="default"))
        inbox.wait_for(lambda message: "orders failed: " in message.text)
        inbox.clear()
        running.fire(failed_task("check", team="default"))
        eventually(lambda: [line for line in running.complaints if "message_not_found" in line], "an error in its log")
        assert inbox.messages() == []
