"""Secrets in every form that a kind of text has, made anew in each run: none survives."""

from __future__ import annotations

import logging
import random

import pytest
import sqlalchemy
from real.secret_forms import KINDS, leaks

from windsock.exporter.database.collector import Collector
from windsock.redaction import redact
from windsock.redaction.logs import Formatter
from windsock.settings import Settings


@pytest.mark.parametrize("kind", KINDS)
def test_no_secret_of_a_kind_survives(kind):
    seed = random.SystemRandom().randrange(10**9)
    r = random.Random(seed)
    survived = []
    for _ in range(300):
        secret, text = KINDS[kind](r)
        left = redact(text)
        if leaks(secret, left) or "***" not in left:
            survived.append(f"{text!r} became {left!r}")
    assert not survived, f"seed {seed}: {len(survived)} of 300\n" + "\n".join(survived[:20])


@pytest.mark.parametrize(
    "text",
    [
        "token_url=https://login.example.org/oauth2, password_file: /run/secrets/db, max_tokens=4096",
        "PWD=/opt/airflow OLDPWD=/root",
        "password = os.environ['DB_PASSWORD']",
        "return Client(token=self.token, secret=get_secret(name))",
        "def f(token: str, secret: Optional[str]) -> None:",
        'password: "${DB_PASSWORD}"',
        "Project_Key = ABC, primary_key=order_id, sort key: day",
        "mysql --host db --protocol tcp -P 3306",
        "docker run -p 8080:8080 image",
        "curl -u https://example.org/x",
        "unzip a.zip -d out",
        'File "/opt/airflow/providers/slack/hooks/slack_webhook.py", line 3, in post',
        "https://github.com/apache/airflow/blob/main/airflow/hooks/some_long_module_name.py",
        "https://airflow.example.org/dags/orders/runs/manual__2026/tasks/load?map_index=3&state=failed",
        "Set-Up: done; cookies are off",
        "authorization: failed",
        "identified by its id",
    ],
)
def test_what_is_useful_stays(text):
    assert redact(text) == text


def test_a_password_in_the_query_of_the_databases_url_reaches_no_log():
    url = "postgresql://etl@db.invalid/airflow?password=hunter2&sslmode=require"
    where = Collector(Settings(), url).where
    assert "hunter2" not in where
    assert sqlalchemy.engine.make_url(where).host == "db.invalid"


def test_a_traceback_in_the_log_has_no_secret():
    try:
        raise ConnectionError("could not connect to mysql://etl:hunter2@db/x")
    except ConnectionError as error:
        record = logging.getLogger("x").makeRecord(
            "x", logging.ERROR, "x.py", 1, "a pass failed", (), (ConnectionError, error, error.__traceback__)
        )
    said = Formatter().format(record)
    assert "hunter2" not in said
    assert "ConnectionError: could not connect to mysql://etl:***@db/x" in said
