"""No pattern that meets text from outside takes longer than the text is long."""

from __future__ import annotations

import importlib
import itertools
import json
import logging
import pkgutil
import re
import time

import pytest

import windsock
from windsock.logging.lines import LONGEST, JSONLines
from windsock.redaction import redact
from windsock.redaction.forms import FORMS

BEHIND = ("", "=", "a/", " -", "x:@")
UNITS = sorted({form.words[0] + behind for form in FORMS for behind in BEHIND})
SIZE = 2048
MOST = 0.05
"""Seconds of processor time a KB, of which the half is not reached on a machine of 2020."""


def seconds(text):
    started = time.process_time()
    redact(text)
    return time.process_time() - started


def test_no_word_of_a_form_takes_long_however_often_it_comes():
    taken = {unit: seconds((unit * SIZE)[:SIZE]) for unit in UNITS}
    assert {unit: took for unit, took in taken.items() if took > MOST * SIZE / 1024} == {}


@pytest.mark.parametrize(
    "unit", ["-", "a", "\\", "a://", "token='", "-----BEGIN PRIVATE KEY-----", "mysql a ", "https://a/hook/"]
)
def test_128_kilobytes_of_anything_are_masked_in_seconds(unit):
    assert seconds((unit * LONGEST)[:LONGEST]) < MOST * LONGEST / 1024


def test_a_line_of_a_megabyte_is_written_soon_and_cut():
    record = logging.makeLogRecord({"msg": "-" * (1 << 20), "levelno": 20, "levelname": "INFO", "name": "x"})
    started = time.process_time()
    line = json.loads(JSONLines().format(record))
    assert time.process_time() - started < 2
    assert line["event"] == "-" * LONGEST


ENDS = ("", "!")
OUTSIDE = (
    ".",
    "a",
    "-",
    " ",
    "/",
    "a.",
    "${",
    "(",
    "[",
    "<",
    '"',
    "1",
    "1.",
    "*",
    "\\",
    "a:",
    "-----END ",
    "{a}",
    "_",
    "a-",
    "\x1b[",
)


def patterns():
    """Every pattern that a module holds, with its place."""
    for module in pkgutil.walk_packages(windsock.__path__, "windsock."):
        if module.name.endswith("__main__") or ".demo" in module.name or ".airflow" in module.name:
            continue
        try:
            loaded = importlib.import_module(module.name)
        except ImportError:  # of Airflow, which is not installed here
            continue
        for name, value in vars(loaded).items():
            if isinstance(value, re.Pattern) and isinstance(value.pattern, str):
                yield f"{module.name}.{name}", value


def test_no_pattern_of_the_product_takes_more_than_the_length_of_a_text():
    slow = {}
    for place, pattern in patterns():
        for unit, end in itertools.product(OUTSIDE, ENDS):
            text = (unit * SIZE * 2)[: SIZE * 2] + end
            started = time.process_time()
            pattern.search(text)
            pattern.fullmatch(text)
            if (took := time.process_time() - started) > MOST * SIZE * 2 / 1024:
                slow[place] = (unit, end, took)
                break
    assert slow == {}
