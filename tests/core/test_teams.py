"""Who is told, and how loudly."""

from __future__ import annotations

import pytest

from windsock.settings import Settings
from windsock.settings.matching import Match
from windsock.teams import UNKNOWN, DagFacts, matches, owners_of, route

SETTINGS = Settings.model_validate(
    {
        "teams": {
            "payments": {"match": {"owner": "payments", "dag": "pay_*"}, "slack": "#payments"},
            "platform": {"match": {"tag": ["team:platform", "infra:*"]}},
            "catch": {"match": {"dag": "*_etl"}},
            "nobody": {},
        },
        "severity": [
            {"match": {"tag": "tier:1"}, "is": "critical"},
            {"match": {"dag": "pay_*"}, "is": "info"},
            {"match": {"tag": "tier:*", "owner": "ops"}, "is": "critical"},
            {"match": {"tag": "tier:*"}, "is": "info"},
        ],
    }
)


@pytest.mark.parametrize(
    ("facts", "team", "severity"),
    [
        (DagFacts("pay_invoices", ("payments",)), "payments", "info"),
        (DagFacts("pay_invoices", ("data", "payments"), ("tier:1",)), "payments", "critical"),
        (DagFacts("pay_invoices", ("data",)), "payments", "info"),
        (DagFacts("orders", ("payments",)), "payments", "warning"),
        (DagFacts("orders", ("data",)), UNKNOWN, "warning"),
        (DagFacts("orders", (), ("infra:db",)), "platform", "warning"),
        (DagFacts("orders_etl", (), ("team:platform", "tier:2")), "platform", "info"),
        (DagFacts("orders_etl"), "catch", "warning"),
        (DagFacts("PAY_x", ("data",)), UNKNOWN, "warning"),
        (DagFacts("x", ("ops",), ("tier:2",)), UNKNOWN, "critical"),
        (DagFacts("x", ("ops",)), UNKNOWN, "warning"),
        (DagFacts(""), UNKNOWN, "warning"),
    ],
)
def test_the_first_match_wins(facts, team, severity):
    assert route(facts, SETTINGS) == (team, severity)


def test_without_configuration_all_go_to_the_default():
    assert route(DagFacts("any"), Settings()) == (UNKNOWN, "warning")


def test_the_default_severity_is_configurable():
    assert route(DagFacts("x"), Settings.model_validate({"defaults": {"severity": "critical"}}))[1] == "critical"


@pytest.mark.parametrize(
    ("match", "facts", "answer"),
    [
        ({}, DagFacts("d", ("o",), ("t",)), False),
        ({"dag": ["a", "d"]}, DagFacts("d"), True),
        ({"dag": "?"}, DagFacts("d"), True),
        ({"dag": "?"}, DagFacts("dd"), False),
        ({"dag": "team.*"}, DagFacts("team.data.orders"), True),
        ({"dag": "team.*"}, DagFacts("teamXdata"), False),
        ({"owner": "*"}, DagFacts("d"), False),
        ({"owner": "a", "tag": "b"}, DagFacts("d", ("a",), ("b",)), True),
        ({"owner": "a", "tag": "b"}, DagFacts("d", ("a",), ("c",)), False),
    ],
)
def test_every_key_that_is_given_must_match(match, facts, answer):
    assert matches(Match.model_validate(match), facts) is answer


@pytest.mark.parametrize(
    ("text", "owners"),
    [("airflow", ("airflow",)), ("data, airflow", ("data", "airflow")), (" a ,, b ", ("a", "b")), ("", ()), (None, ())],
)
def test_airflow_keeps_owners_as_one_string(text, owners):
    assert owners_of(text) == owners
