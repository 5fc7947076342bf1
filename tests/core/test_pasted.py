"""What a wrong windsock.yaml repeats of itself in an error, and what it must not."""

from __future__ import annotations

import json
import random
import string
from typing import TYPE_CHECKING

import pytest

from windsock.exceptions import SettingsError

if TYPE_CHECKING:
    from collections.abc import Iterator


class TestSecrets:
    """A secret stands as `${VARIABLE}` or as a connection's id; a pasted one is refused, and never repeated."""

    PASTED = ("R0ut1ngK3yR0ut1ngK3yR0ut1ngK3y12", "xoxb-1234-5678-abcdefgh", "hunter2 with spaces", "p@ssw0rd!")

    @pytest.mark.parametrize("secret", PASTED)
    @pytest.mark.parametrize(
        "where",
        [
            "teams: {{a: {{pagerduty: '{}'}}}}\n",
            "defaults: {{pagerduty: '{}'}}\n",
            "channels: {{slack: {{token: '{}'}}}}\n",
            "alertmanager: {{http: {{password: '{}'}}}}\n",
        ],
    )
    def test_a_pasted_secret_is_refused_without_being_repeated(self, secret, where, load):
        with pytest.raises(SettingsError) as caught:
            load(where.format(secret))
        assert "a secret never stands in this file" in str(caught.value)
        assert secret not in str(caught.value)

    HIDING = (
        "metadata: {{url: {}}}",
        "plugin: {{token: {}}}",
        "alertmanager: {{urls: [{}]}}",
        "alertmanager: {{http: {{password: {}}}}}",
        "alertmanager: {{http: {{headers: {{X-Key: [{}]}}}}}}",
        "channels: {{slack: {{token: {}}}}}",
        "channels: {{webhook: {{secret: {}}}}}",
        "channels: {{email: {}}}",
        "links: {{airflow: {}}}",
        "logs: {{elasticsearch: {{api_key: {}}}}}",
        "redaction: {{patterns: ['(({}+)+)+']}}",
        "teams: {{a: {{webhook: {}}}}}",
        "teams: {{a: {{apprise: [{}]}}}}",
        "defaults: {}",
    )
    """Where a secret may stand, or be pasted into."""
    OPEN = (
        "cluster: {}",
        "metadata: {{interval: {}}}",
        "exporter: {{naming: {}}}",
        "exporter: {{budgets: {{series: {}}}}}",
        "exporter: {{web: {{listen: {}}}}}",
        "exporter: {{statsd: {{allow: [{}]}}}}",
        "exporter: {{gauges: {{airflow_x: {}}}}}",
        "callbacks: {{enabled: {}}}",
        "callbacks: {{attach: [{{on: [{}]}}]}}",
        "reconcile: {}",
        "teams: {{a: {{resolve: [{}]}}}}",
        "severity: [{{match: {{}}, is: {}}}]",
        "slo: {{d: {{finish_by: {}}}}}",
    )
    """Where none does."""

    @staticmethod
    def generated(seed: int) -> Iterator[str]:
        """Passwords of words, with signs, with a login before them; keys; numbers."""
        some = random.Random(seed)
        letters = string.ascii_letters + string.digits
        word = "".join(some.choices(letters, k=some.randint(6, 15)))
        yield from (
            word,
            f"{word} {word[::-1]}",
            f"{word}!?%#",
            f"me:{word}@db:5432",
            f"*{word}",
            f"!{word}",
            f"&{word} x: y",
        )
        yield "".join(some.choices(letters, k=some.randint(20, 60)))
        yield str(some.randint(10**7, 10**12))

    @pytest.mark.parametrize("where", HIDING)
    @pytest.mark.parametrize("seed", range(5))
    def test_what_may_be_a_secret_is_never_repeated(self, where, seed, load):
        for secret in self.generated(seed):
            for written in (json.dumps(secret), secret):
                said = ""
                try:
                    load(where.format(written) + "\n")
                except SettingsError as error:
                    said = str(error)
                assert secret.strip("*!&").split(" ")[0] not in said, written

    @pytest.mark.parametrize("where", OPEN)
    @pytest.mark.parametrize("seed", range(3))
    def test_what_is_none_is_shown(self, where, seed, problems):
        some = random.Random(seed)
        word = " ".join("".join(some.choices(string.ascii_lowercase, k=some.randint(3, 9))) for _ in range(2))
        assert problems(where.format(json.dumps(word)) + "\n")[0].endswith(f", got {word!r}")

    @pytest.mark.parametrize("where", OPEN)
    @pytest.mark.parametrize(
        "kind", ["ghp_{}", "xoxb-{}", "AKIA{}", "postgresql://bob:{}@db/airflow", "bob:{}@db:5432", "password={}", "{}"]
    )
    def test_not_even_where_none_stands_is_what_looks_like_one(self, where, kind, load):
        secret = "".join(random.Random(kind).choices(string.ascii_uppercase + string.digits, k=40))
        with pytest.raises(SettingsError) as caught:
            load(where.format(json.dumps(f"{kind.format(secret)} x")) + "\n")
        assert secret[:16] not in str(caught.value)

    def test_a_long_text_is_cut(self, problems):
        (problem,) = problems(f"cluster: '{'so long ' * 1000}'\n")
        assert len(problem) < 250

    @pytest.mark.parametrize("reference", ["${PD_KEY}", "pagerduty_default", "slack-prod"])
    def test_references_are_kept_as_they_are(self, reference, load):
        assert load(f"defaults: {{pagerduty: '{reference}'}}\n").defaults.pagerduty == reference
