"""An inbox on free ports for each test, and senders that speak to it as real ones do."""

from __future__ import annotations

import smtplib
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from typing import TYPE_CHECKING, Any

import pytest
import requests

from windsock.demo.inbox import Inbox

if TYPE_CHECKING:
    from collections.abc import Iterator


class Sender:
    """Sends to an inbox."""

    routing_key = "0123456789abcdef0123456789abcdef"

    def __init__(self, inbox: Inbox) -> None:
        self.at = inbox.addresses

    def hook(self, payload: Any, last: str = "inbox", **rest: Any) -> requests.Response:
        url = self.at["slack_webhook"].rpartition("/")[0]
        return requests.post(f"{url}/{last}", json=payload, timeout=60, **rest)

    def call(self, method: str, token: str | None = "xoxb-test", **payload: Any) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        answer = requests.post(f"{self.at['slack_api']}/{method}", json=payload, headers=headers, timeout=60)
        assert answer.status_code == 200
        return answer.json()

    def page(self, action: str = "trigger", key: str | None = "incident", **fields: Any) -> requests.Response:
        event: dict[str, Any] = {"routing_key": self.routing_key, "event_action": action}
        event |= {"dedup_key": key} if key else {}
        if action == "trigger":
            event["payload"] = {"summary": "orders_daily failed", "source": "airflow", "severity": "critical"}
        event["payload"] = {**event.get("payload", {}), **fields.pop("payload", {})}
        return requests.post(self.at["pagerduty"], json={**event, **fields}, timeout=60)

    def card(self, *body: Any, to: str = "inbox", **fields: Any) -> requests.Response:
        content = {"type": "AdaptiveCard", "version": "1.4", "body": list(body), **fields}
        kind = "application/vnd.microsoft.card.adaptive"
        message = {"type": "message", "attachments": [{"contentType": kind, "contentUrl": None, "content": content}]}
        url = self.at["msteams"].rpartition("/")[0]
        return requests.post(f"{url}/{to}?sig=x", json=message, timeout=60)

    def mail(self, text: str = "", html: str | None = None, timeout: float = 60, **headers: str) -> str:
        mail = EmailMessage()
        given = {"From": "w@example.org", "To": "ana@example.org", "Subject": "Hello", "Message-ID": make_msgid()}
        for name, value in {**given, "Date": formatdate(), **headers}.items():
            mail[name.replace("_", "-")] = value
        mail.set_content(text)
        if html is not None:
            mail.add_alternative(html, subtype="html")
        self.raw_mail(mail.as_bytes(), timeout=timeout)
        return mail["Message-ID"]

    def raw_mail(self, content: bytes, timeout: float = 60, to: str = "ana@example.org") -> None:
        host, port = self.at["smtp"].split(":")
        with smtplib.SMTP(host, int(port), timeout=timeout) as server:
            server.sendmail("w@example.org", [to], content)


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    with Inbox() as running:
        yield running


@pytest.fixture
def sender() -> type[Sender]:
    return Sender


@pytest.fixture
def send(inbox: Inbox) -> Sender:
    return Sender(inbox)
