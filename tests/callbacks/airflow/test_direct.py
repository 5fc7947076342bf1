"""A real Airflow that has no Alertmanager: its tasks speak to Slack and the mail server themselves."""

from itertools import pairwise

import pytest

from .processes import sandboxes

pytestmark = pytest.mark.timeout(1200)


def test_a_failure_is_told_once_and_ends_resolved(direct, inbox):
    airflow, folder, _ = direct
    run = airflow.trigger("direct.mends")
    assert airflow.finish("direct.mends", run) == "failed"
    message = inbox.wait_for(lambda m: m.platform == "slack" and "direct.mends" in m.text, 120)
    mail = inbox.wait_for(lambda m: m.platform == "mail" and "direct.mends" in m.text, 120)
    for said in ("direct.mends failed: ValueError", "ValueError: <!channel> no rows", "direct.py"):
        assert said in message.text
        assert said in mail.text

    (folder / "mended").touch()
    assert airflow.finish("direct.mends", airflow.trigger("direct.mends")) == "success"
    resolved = inbox.wait_for(lambda m: m.platform == "slack" and "Over: direct.mends failed" in m.text, 120)
    assert resolved.id == message.id, "the first message says that it is over"
    inbox.wait_for(lambda m: m.platform == "mail" and "direct.mends failed (airflow): resolved" in m.text, 120)
    told = [m for m in inbox.messages() if "direct.mends" in m.text]
    assert len(told) == 3, "one in Slack, two mails; the run's own failure is in its task's"
    assert all(m.problems == () for m in told)


def test_words_of_ones_own_are_made_in_a_tasks_process(direct, inbox):
    """It is one with signals, files and standard streams of Airflow's; a template is made in a process below it."""
    airflow, *_ = direct
    assert airflow.finish("direct.worded", airflow.trigger("direct.worded")) == "failed"
    said = "In our own words: words of direct.worded, ValueError: no rows"
    inbox.wait_for(lambda m: m.platform == "slack" and said in m.text, 120)
    airflow.wait(lambda: not sandboxes(airflow), 60, "the end of its process")


def test_twelve_instances_are_one_message(direct, inbox):
    airflow, *_ = direct
    assert airflow.finish("direct.burst", airflow.trigger("direct.burst")) == "failed"
    inbox.wait_for(lambda m: m.platform == "slack" and "direct.burst" in m.text, 120)
    told = sorted(m.received_at for m in inbox.messages("slack") if "direct.burst" in m.text)
    assert all(later - earlier > 50 for earlier, later in pairwise(told)), "those of a minute are told by the next one"
