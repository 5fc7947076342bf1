"""Secrets made at random from the forms that their issuers publish, wherever texts carry them: none survives."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from real.secrets import LOOKS, NAMED, core, looks_in, named_in, one

from windsock.redaction import redact
from windsock.text import safe

INNOCENT = (Path(__file__).parents[1] / "data" / "texts" / "innocent.txt").read_text().splitlines()


@pytest.mark.parametrize("door", [redact, safe], ids=["redact", "safe"])
def test_200_secrets_of_this_run_are_taken_out(door):
    seed = random.SystemRandom().randrange(10**9)
    r = random.Random(seed)
    for number in range(200):
        secret, text = one(r)
        left = door(text)
        assert core(secret) not in left, f"seed {seed}, number {number}: {text!r} became {left!r}"
        assert "***" in left


@pytest.mark.parametrize("issuer", LOOKS)
def test_each_issuer_in_each_place(issuer):
    r = random.Random(issuer)
    for _ in range(60):
        secret = LOOKS[issuer](r)
        text = looks_in(r, secret)
        assert core(secret) not in redact(text), text


@pytest.mark.parametrize("issuer", NAMED)
def test_each_name_in_each_place(issuer):
    r = random.Random(issuer)
    for _ in range(80):
        name, secret = NAMED[issuer](r)
        text = named_in(r, name, secret)
        assert core(secret) not in redact(text), text


def test_200_lines_of_real_logs_stay_as_they_are():
    assert len(INNOCENT) == 200
    assert [line for line in INNOCENT if redact(line) != line] == []


@pytest.mark.parametrize(
    "text",
    [
        "token: None, password=null, api_key: true",
        "max_tokens=4096, secret_count: 12",
        "def connect(user: str, password: str, token: Optional) -> None:",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "uuid 01a201b2-c025-775c-a9e0-2b1bcad17736",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "http://localhost:8080/dags/x/runs/y@z",
        "git@github.com:org/repo.git",
        "the signature has expired",
        "Basic authentication is required",
        "sk-learn is not installed",
        "disk-usage of /data/key-values",
    ],
)
def test_texts_of_the_trade_stay(text):
    assert redact(text) == text


def test_what_stood_there_can_be_told():
    text = 'postgresql://etl:pa55wordpa55@db:5432/x, {"api_key": "abcdef"}, --token abcdef0123, password=\'a b c\''
    assert redact(text) == ('postgresql://etl:***@db:5432/x, {"api_key": "***"}, --token ***, password=\'***\'')


def test_what_stands_between_dollars_is_quoted_only_where_something_is():
    assert redact("postgresql://etl:$hunter$@db/x") == "postgresql://etl:***@db/x"
    assert redact("password = $tag$hunter2 is it$tag$") == "password = $tag$***$tag$"
