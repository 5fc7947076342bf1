"""Patterns of one's own secrets, from windsock.yaml: taken out as the others are, and none may hold up a process."""

from __future__ import annotations

import json
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from windsock import redaction, settings
from windsock.exceptions import SettingsError
from windsock.redaction import redact
from windsock.regex_cost import check


@pytest.fixture(autouse=True)
def forget():
    yield
    redaction.learn(())


def test_they_are_in_force_once_the_configuration_is_read(tmp_path):
    file = tmp_path / "windsock.yaml"
    file.write_text(json.dumps({"redaction": {"patterns": ["acme-[a-z0-9]{8,32}", r"(?P<keep>card )\d{16}"]}}))
    settings.load(file, {})
    assert redact("the key acme-1234abcd5678 of card 4111111111111111 is gone") == "the key *** of card *** is gone"
    file.write_text("{}")
    settings.load(file, {})
    assert redact("acme-1234abcd5678") == "acme-1234abcd5678"


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("(", "expected a regular expression"),
        ("a{2,1}", "expected a regular expression"),
        ("(a+)+b", "can't take long"),
        ("(a|a)*b", "can't take long"),
        (r"(\w+\s?)*x", "can't take long"),
        ("a*a*a*b", "can't take long"),
        (".*.*x", "can't take long"),
        (r"(a)\1+", "can't take long"),
        ("(?:a?){30}a{30}", "can't take long"),
        ("x*", "needs at least one character"),
        ("", "needs at least one character"),
        (r"\b", "needs at least one character"),
    ],
)
def test_what_can_not_be_used_is_an_error_of_the_file(tmp_path, pattern, says):
    file = tmp_path / "windsock.yaml"
    file.write_text(json.dumps({"redaction": {"patterns": ["good", pattern]}}))
    with pytest.raises(SettingsError, match=r"redaction\.patterns") as error:
        settings.load(file, {})
    assert says in str(error.value)
    assert ": redaction.patterns[1]: " in str(error.value)


@pytest.mark.parametrize(
    "pattern",
    ["acme-[a-z0-9]+", r"\bsecret:\s{0,3}\S{1,200}", "(?i)internal[-_]id[-_][0-9a-f]{32}", "(?:foo|bar)-\\d{4}"],
)
def test_what_people_write_is_taken(pattern):
    check(pattern)


@pytest.mark.parametrize("pattern", ["a+b", "[a-z ]+!", "(?:a|b|c){1,6}x", "a{1,30}a{1,30}b", "(?:ab?){1,6}c"])
@pytest.mark.parametrize("text", ["a" * 100_000, "ab" * 50_000, "abc " * 25_000])
def test_no_pattern_that_is_taken_takes_long(pattern, text):
    check(pattern)
    redaction.learn([pattern])
    started = time.process_time()
    redact(text)
    assert time.process_time() - started < 5


@pytest.mark.parametrize("before", [0, 1, 700, 799, 800, 801, 980, 990, 999, 1000, 1001, 1790, 1999, 2005])
def test_a_secret_is_found_wherever_the_pieces_end(before):
    redaction.learn(["acme-[a-z0-9]{8,32}"])
    secret = "acme-" + "a1b2c3d4" * 4
    assert redact("." * before + secret + "." * 1500) == "." * before + "***" + "." * 1500


@given(st.text(alphabet="acme-01 \n", max_size=3000))
def test_nothing_else_is_touched(text):
    redaction.learn(["acme-[01]{4,8}"])
    left = redact(text)
    assert "acme-0000" not in left
    assert left.replace("***", "") == "".join(re.split("acme-[01]{4,8}", text))
