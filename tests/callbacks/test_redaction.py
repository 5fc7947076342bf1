"""Secrets in what a task says, on their way through every channel: what arrives, and what is kept, holds none."""

import json
import random
from dataclasses import asdict

import pytest
from real.alertmanager import Messages
from real.secrets import core, one

from windsock.callbacks import Notify
from windsock.callbacks.delivery import alertmanager as posting

CHANNELS = ("alertmanager", "slack", "pagerduty", "email", "webhook", "apprise")
MANY = 80
"""Each is in every place that a text of an author's can be."""


@pytest.fixture
def hooks():
    """Takes what webhooks post, Apprise's among them."""
    running = Messages()
    yield running
    running.close()


@pytest.fixture
def made():
    """(secret, text) of this run, and the seed that makes them again; `tests/core` looks at many more."""
    seed = random.SystemRandom().randrange(10**9)
    r = random.Random(seed)
    return seed, [one(r) for _ in range(MANY)]


@pytest.fixture
def everywhere(direct, configure, alertmanager, hooks, monkeypatch):
    """windsock.yaml with each channel there is."""
    monkeypatch.setenv("APPRISE", hooks.url.replace("http:", "json:"))
    pay = {**direct["teams"]["pay"], "webhook": hooks.url, "apprise": ["${APPRISE}"]}
    sections = {**direct, "defaults": pay, "teams": {}, "alertmanager": {"urls": [alertmanager.url]}}
    sections["callbacks"] = {**direct["callbacks"], "budget": 19}  # a busy machine sends to six places as well

    def write(**changes):
        return configure(**{**sections, **changes})

    write()
    return write


def failure(airflow3, number, text):
    """A task's failure with `text` wherever an author's text can be."""
    try:
        try:
            raise KeyError(text)
        except KeyError as cause:
            raise RuntimeError(f"row {number}: {text}") from cause
    except RuntimeError as error:
        context = airflow3.task_failure(error, dag_id=f"zoo.{number}")
    context["dag_run"].conf = {"source": {"text": text, "number": number}, "list": [text]}
    context["params"] = {"text": text}
    return context


def test_none_arrives_anywhere(airflow3, everywhere, inbox, alertmanager, hooks, lines, made):
    seed, secrets = made
    tell = Notify(channels=CHANNELS, severity="critical")
    for number, (_, text) in enumerate(secrets):
        tell(failure(airflow3, number, text))
    arrived = {
        "log": lines(),
        "alertmanager": alertmanager.alerts(),
        "hooks": hooks.posts,
        **{name: [asdict(m) for m in inbox.messages(name)] for name in ("slack", "pagerduty", "mail")},
    }
    counts = {name: len(found) for name, found in arrived.items()}
    assert counts == dict.fromkeys(("log", "alertmanager", "slack", "pagerduty", "mail"), MANY) | {"hooks": 2 * MANY}
    for name, found in arrived.items():
        text = json.dumps(found, ensure_ascii=False, default=str)
        assert "***" in text or name == "log"
        there = [number for number, (secret, _) in enumerate(secrets) if core(secret) in text]
        assert there == [], f"seed {seed}, {name}: {secrets[there[0]][1]!r}"


def test_none_is_kept_on_disk(airflow3, everywhere, tmp_path, lines, made, monkeypatch):
    seed, secrets = made
    monkeypatch.setattr(posting, "_PAUSES", ())  # each fails at once, within an ample budget
    everywhere(alertmanager={"urls": ["http://127.0.0.1:1"]}, callbacks={"spool": {"dir": str(tmp_path)}, "budget": 19})
    for number, (_, text) in enumerate(secrets[:25]):
        Notify(channels=("alertmanager", "webhook"))(failure(airflow3, number, text))
    kept = [file.read_text() for file in tmp_path.rglob("*.json")]
    assert sum('"pending"' in text for text in kept) == 25
    text = "\n".join((*kept, *map(str, lines())))
    assert [secret for secret, _ in secrets[:25] if core(secret) in text] == [], seed
