"""What failures have in common."""

from __future__ import annotations

import pytest

from windsock import causes

REFUSED = 'OperationalError: connection to server at "db{0}" (10.0.0.{0}), port 5432 failed: Connection refused'


@pytest.mark.parametrize(
    ("texts", "cause"),
    [
        (
            [REFUSED.format(1), REFUSED.format(27) + "\n\tIs the server running on that host?"],
            "OperationalError: connection to server at … (…), port … failed: Connection refused",
        ),
        (
            ["KeyError: 'order 17'", 'KeyError: "it\'s"'],
            "KeyError: …",
        ),
        (
            [
                "HTTPError: 503 Server Error: Service Unavailable for url: https://api.example.org/v1/orders/17",
                "HTTPError: 503 Server Error: Service Unavailable for url: http://10.1.2.3:8080/x?y=z",
            ],
            "HTTPError: … Server Error: Service Unavailable for url: …",
        ),
        (
            [
                "gaierror: [Errno -2] host db.internal.example.org at 0x7f3a2b not known",
                "gaierror: [Errno -3] host db17:5432 at 0x7f0000 not known",
            ],
            "gaierror: [Errno …] host … at … not known",
        ),
        (
            ["(psycopg2.errors.UndefinedTable) table public.orders_17 is gone"],
            "(psycopg2.errors.UndefinedTable) table … is gone",
        ),
        (
            ["(requests.exceptions.ConnectionError) no route"],
            "(requests.exceptions.ConnectionError) no route",
        ),
        (
            ["FileNotFoundError: no file /data/2026/11/28.csv", "FileNotFoundError: no file ~/a.csv"],
            "FileNotFoundError: no file …",
        ),
        (["TypeError: <function f at 0x7f> is not iterable"], "TypeError: … is not iterable"),
        (["ValueError"], "ValueError"),
        (["ada marked it as failed"], "ada marked it as failed"),
        ([""], ""),
        (["", " \n "], ""),
    ],
)
def test_a_cause_is_what_failures_of_it_share(texts, cause):
    assert {causes.fingerprint(text) for text in texts} == {cause}


def test_different_exceptions_are_different_causes():
    texts = [
        "KeyError: 'a'",
        "ValueError: 'a'",
        "OperationalError: connection refused",
        "OperationalError: too many connections",
    ]
    assert len({causes.fingerprint(text) for text in texts}) == 4
