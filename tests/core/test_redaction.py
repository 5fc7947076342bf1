"""Secrets are taken out of texts; ordinary texts stay as they are."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windsock.redaction import redact

TRACEBACK = """Traceback (most recent call last):
  File "/opt/dags/x.py", line 3, in f
    return 1 / 0
ZeroDivisionError: division by zero"""
KEY = "-----BEGIN RSA PRIVATE KEY-----\nMIIEow\nIBAAKC\n-----END RSA PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("postgresql+psycopg2://airflow:hunter2@db:5432/x", "postgresql+psycopg2://airflow:***@db:5432/x"),
        ("could not connect to amqp://u:p%40ss@mq//", "could not connect to amqp://u:***@mq//"),
        ("redis://:hunter2@cache:6379/0", "redis://:***@cache:6379/0"),
        ("https://user:pa:ss@host/x", "https://user:***@host/x"),
        ("Authorization: Bearer abcdef1234567890", "Authorization: Bearer ***"),
        ("{'Authorization': 'Basic dXNlcjpwYXNz'}", "{'Authorization': 'Basic ***'}"),
        ("password=hunter2 host=db", "password=*** host=db"),
        ("DB_PASS=foo123x host=db", "DB_PASS=*** host=db"),
        ('{"pass": "hunter22"}', '{"pass": "***"}'),
        ("Password: hunter2", "Password: ***"),
        ('{"api_key": "0123456789", "user": "x"}', '{"api_key": "***", "user": "x"}'),
        ("--aws-secret-access-key=abcdefgh", "--aws-secret-access-key=***"),
        ("load --password -Xy7_kq2LmZ --host db", "load --password *** --host db"),
        ("load --token --9aKx0_Zq17 -v", "load --token *** -v"),
        ("AIRFLOW__CORE__FERNET_TOKEN=abcdefgh", "AIRFLOW__CORE__FERNET_TOKEN=***"),
        ("key AKIAIOSFODNN7EXAMPLE denied", "key *** denied"),
        ("xoxb-123456789012-abcdefghij", "***"),
        ("https://hooks.slack.com/services/T000/B000/XXXX", "https://hooks.slack.com/***"),
        ("token ghp_" + "a" * 36, "token ***"),
        ("eyJhbGciOiJI.eyJzdWIiOiIx.SflKxwRJ", "***"),
        ("ya29." + "a" * 30, "***"),
        ("AIza" + "b" * 35, "***"),
        (f"before\n{KEY}\nafter", "before\n-----BEGIN RSA PRIVATE KEY-----***\nafter"),
        (KEY.partition("-----END")[0], "-----BEGIN RSA PRIVATE KEY-----***"),
    ],
)
def test_secrets(text, redacted):
    assert redact(text) == redacted


@pytest.mark.parametrize(
    "text",
    [
        "",
        TRACEBACK,
        "KeyError: 'token'",
        "the token has expired",
        "bypass: enabled, 3 tests pass: 120",
        "no password was given",
        "psql --no-password --host db -v",
        "load --use-token -v --dry-run",
        'relation "passwords" does not exist',
        "https://airflow.example.org/dags/orders/runs/scheduled__2026-11-22T10:00:00+00:00/tasks/load",
        "s3://bucket/key/part-0001.parquet",
        "http://localhost:8080/health",
        "http://[::1]:8080/@me",
        "mail to ops@example.org at 10:15",
        "Task exited with return code -9 (SIGKILL)",
        "Basic authentication is required",
        "bearer of bad news",
        "2026-11-22T10:00:00Z",
        "git@github.com:org/repo.git",
    ],
)
def test_ordinary_texts_stay(text):
    assert redact(text) == text


@given(st.text())
def test_any_text_is_taken_and_twice_is_as_good_as_once(text):
    assert redact(redact(text)) == redact(text)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 100_000,
        "password=" * 10_000,
        "a://" * 20_000,
        "-----BEGIN PRIVATE KEY-----" * 2000,
        "eyJ" * 30_000 + ".",
        "x:" * 50_000,
    ],
)
def test_no_text_takes_long(text):
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < 2
