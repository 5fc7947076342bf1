"""No secret gets to Elasticsearch: what `windsock.redaction` takes out of a text, Filebeat takes out of a line."""

from __future__ import annotations

import json
import random
import re

import pytest
from real.secret_forms import KINDS

from windsock.logging import masking
from windsock.redaction import redact
from windsock.redaction.forms import FORMS
from windsock.settings import Settings

from .conftest import task_file

KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----"
TEXTS = [
    "postgresql+psycopg2://airflow:hunter2@db:5432/x",
    "could not connect to amqp://u:p%40ss@mq//",
    "https://user:pa:ss@host/x",
    "Authorization: Bearer abcdef1234567890",
    "{'Authorization': 'Basic dXNlcjpwYXNz'}",
    "password=hunter2 host=db",
    "PASSWORD: hunter2 and Secret_Key = 'abcdefgh'",
    '{"api_key": "0123456789", "user": "x"}',
    "key AKIAIOSFODNN7EXAMPLE denied",
    "xoxb-123456789012-abcdefghij",
    "https://hooks.slack.com/services/T000/B000/XXXX",
    "token ghp_" + "a" * 36,
    "eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJ",
    "ya29." + "a" * 30,
    "AIza" + "b" * 35,
    f"before\n{KEY}\nafter",
    KEY.partition("-----END")[0],
    "ünïcode password=hunter2",
    "password='a b c' x",
    "curl --token abcdefgh z",
    "postgresql://etl:$hunter$@db/x",
    "curl -u me:secret1 x",
    "Cookie: a=b; c=d",
    "sig=abcdefgh123",
    "scott/tiger@//host:1521/x",
    "<password>hunter2</password>",
    "x sk-" + "a" * 30,
    "AccountKey=abcd1234==;x",
    # One of each kind, the same in each run.
    *(KINDS[kind](random.Random(kind))[1] for kind in KINDS),
    # Nothing of these is one.
    "the token has expired",
    "s3://bucket/key/part-0001.parquet",
    "Basic authentication is required",
    "mail to ops@example.org at 10:15",
]


def test_a_line_loses_the_secrets_that_the_redaction_knows(ship):
    shipping = ship()
    for number, text in enumerate(TEXTS):
        line = {
            "timestamp": f"2026-11-22T05:00:00.{number:06d}Z",
            "level": "error",
            "event": text,
            "extra_word": text,
            "deep": {"list": [text]},
            "db_password": "any",
            "nested": {"api-key": ["any"], "tokens": 42},
            "error_detail": [{"exc_type": "E", "exc_value": text, "frames": []}],
        }
        task_file(shipping.logs, json.dumps(line) + "\n", task=f"t{number}")
        task_file(shipping.logs, text.replace("\n", " ") + "\n", task=f"raw{number}")
    shipping.filebeat.up()
    found = {hit["_source"]["task_id"]: hit["_source"] for hit in shipping.arrived(2 * len(TEXTS))}
    for number, text in enumerate(TEXTS):
        line, masked = found[f"t{number}"], redact(text)
        assert line["event"] == masked
        assert line["extra"] == {
            "extra_word": masked,
            "deep": {"list": [masked]},
            "db_password": "***",
            "nested": {"api-key": ["***"], "tokens": 42},
        }
        assert line["error_detail"][0]["exc_value"] == masked
        assert line["error"]["message"] == masked
        if not text.startswith('{"'):
            assert found[f"raw{number}"]["event"] == redact(text.replace("\n", " "))
    assert "hunter2" not in json.dumps(found)


def test_plain_text_of_2_11_is_masked_too(ship):
    shipping = ship(format="text")
    task_file(shipping.logs, "[2026-11-22T05:30:28.452+0000] {a.py:1} INFO - password=hunter2\n")
    shipping.filebeat.up()
    (hit,) = shipping.arrived(1)
    assert "hunter2" not in json.dumps(hit)
    assert hit["_source"]["event"] == "password=***"
    assert hit["_source"]["message"].endswith("INFO - password=***")


def test_no_form_has_what_only_python_or_javascript_reads():
    for form in FORMS:
        for part in (form.keep, form.secret, form.rest, *form.before, form.unless, form.code, form.harmless):
            assert not re.search(r"(?<!\\)\(\?(?!:)|\\[AZ1-9]|[*+}]\+", part), part


def test_a_pattern_that_javascript_has_not_is_an_error():
    settings = Settings.model_validate({"redaction": {"patterns": [r"(?<=b)c"]}})
    with pytest.raises(ValueError, match="JavaScript has no such thing"):
        masking.javascript(settings)
