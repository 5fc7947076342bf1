"""The doctor's rounds in `windsock up`: a line for what is found anew, and for what is over."""

from __future__ import annotations

import json

import pytest
from real.waiting import until

from windsock.demo.stack import rounds


@pytest.fixture
def doctor(tmp_path, monkeypatch):
    """A script in the doctor's place, and what it says."""
    monkeypatch.setattr(rounds, "INTERVAL", 0.0)
    said, script = tmp_path / "said", tmp_path / "doctor"
    script.write_text(f"#!/bin/sh\ncat '{said}'\nexit 2\n")
    script.chmod(0o700)

    def says(*findings, text=""):
        found = [
            {"check": check, "grade": grade, "found": "It is so.", "mend": "Mend it."} for check, grade in findings
        ]
        said.write_text(text or json.dumps({"worst": "", "findings": found}))

    says()
    return rounds.Rounds(script), says


def test_what_is_wrong_is_told_once_and_its_end(doctor):
    one, says = doctor
    says(("statsd.silent", "critical"), ("grafana.unknown", "unseen"))
    assert until(lambda: list(one.news())) == ["doctor        critical: statsd.silent: It is so. Mend it."]
    says(("statsd.silent", "critical"), ("logs.late", "warning"))
    assert until(lambda: list(one.news())) == ["doctor        warning: logs.late: It is so. Mend it."]
    says(("logs.late", "warning"))
    assert until(lambda: list(one.news())) == ["doctor        no more: statsd.silent"]


def test_a_doctor_that_says_nothing_ends_nothing(doctor):
    one, says = doctor
    says(("logs.late", "warning"))
    assert until(lambda: list(one.news()))
    says(text="Traceback")
    seen = [one._running]
    while len(set(seen)) < 5:  # two rounds at least, and what is between them
        assert list(one.news()) == []
        seen.append(one._running)
    says()
    assert until(lambda: list(one.news())) == ["doctor        no more: logs.late"]
