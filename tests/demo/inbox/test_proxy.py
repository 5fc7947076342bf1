"""The inbox as a proxy: the platforms' own addresses, over TLS, and nobody is told."""

from __future__ import annotations

import socket
import ssl

import pytest
import requests

TOKEN = {"Authorization": "Bearer xoxb-test"}


@pytest.fixture
def through(inbox, tmp_path):
    """Post to a real address by way of the inbox, as a sender that trusts it."""
    (tmp_path / "ca.pem").write_bytes(inbox.certificate)
    session = requests.Session()
    session.trust_env = False
    session.proxies, session.verify = {"https": inbox.url, "http": inbox.url}, str(tmp_path / "ca.pem")
    with session:
        yield lambda url, **rest: session.post(url, timeout=60, **rest)


def test_slacks_own_address_is_answered_as_slack_does(inbox, through):
    post = {"channel": "#payments", "attachments": [{"text": "firing", "fallback": "firing"}]}
    answer = through("https://slack.com/api/chat.postMessage", json=post, headers=TOKEN).json()
    assert answer["ok"]
    edit = {"channel": answer["channel"], "ts": answer["ts"], "attachments": [{"text": "resolved", "fallback": "x"}]}
    assert through("https://slack.com/api/chat.update", json=edit, headers=TOKEN).json()["ok"]
    wrong = through("https://slack.com/api/chat.update", json={**edit, "channel": "#payments"}, headers=TOKEN)
    assert (wrong.status_code, wrong.json()) == (200, {"ok": False, "error": "channel_not_found"})
    (message,) = inbox.messages()
    assert (message.channel, message.text) == ("#payments", "resolved")
    assert message.edited
    assert [(one.endpoint, one.error) for one in inbox.attempts()] == [
        ("chat.postMessage", None),
        ("chat.update", None),
        ("chat.update", "channel_not_found"),
    ]


def test_webhooks_and_pages_take_the_same_way(inbox, through, sender):
    assert through("https://hooks.slack.com/services/T0/B0/x", json={"text": "Hello"}).text == "ok"
    event = {"routing_key": sender.routing_key, "event_action": "trigger", "dedup_key": "a"}
    event["payload"] = {"summary": "orders failed", "source": "airflow", "severity": "critical"}
    assert through("https://events.pagerduty.com/v2/enqueue", json=event).status_code == 202
    # A proxy is asked for the whole address where there is no TLS.
    assert through(inbox.addresses["pagerduty"], json={**event, "dedup_key": "b"}).status_code == 202
    assert [one.platform for one in inbox.messages()] == ["slack", "pagerduty", "pagerduty"]


def test_a_message_that_was_edited_and_its_thread_are_one_card_of_the_page(inbox, through):
    post = {"channel": "#payments", "attachments": [{"text": "orders failed", "fallback": "x"}]}
    answer = through("https://slack.com/api/chat.postMessage", json=post, headers=TOKEN).json()
    where = {"channel": answer["channel"], "attachments": [{"text": "orders resolved", "fallback": "x"}]}
    through("https://slack.com/api/chat.update", json={**where, "ts": answer["ts"]}, headers=TOKEN)
    where["attachments"] = [{"text": "all is well", "fallback": "x"}]
    through("https://slack.com/api/chat.postMessage", json={**where, "thread_ts": answer["ts"]}, headers=TOKEN)
    page = requests.get(inbox.url, timeout=60).text
    assert page.count("<article") == 1
    assert page.index("orders resolved") < page.index("(edited)") < page.index("all is well")
    assert "orders failed" not in page


def test_it_is_no_way_out(inbox, through):
    for url in ("https://example.org/", "https://slack.com:8443/", "https://slack.com.example.org/"):
        with pytest.raises(requests.exceptions.ProxyError, match="403"):
            through(url)
    assert through("http://example.org/slack/api/auth.test").status_code == 403
    assert through("https://slack.com/../../", headers=TOKEN).status_code < 500
    assert inbox.messages() == []


def test_who_does_not_trust_it_is_named_on_the_page(inbox):
    with pytest.raises(requests.exceptions.SSLError):
        requests.post("https://slack.com/api/auth.test", proxies={"https": inbox.url}, timeout=60)
    # The handshake is over on the sender's side first.
    page = ""
    while "did not get through" not in page:
        page = requests.get(inbox.url, timeout=60).text
    assert "slack.com: the sender does not speak TLS, or does not trust /ca.pem" in page


def test_its_certificate_is_served_and_vouches_for_the_platforms_alone(inbox):
    assert requests.get(f"{inbox.url}/ca.pem", timeout=60).content == inbox.certificate
    assert b"PRIVATE" not in inbox.certificate
    context = ssl.create_default_context(cadata=inbox.certificate.decode())
    host, port = inbox.url.removeprefix("http://").split(":")
    for name, known in (("slack.com", True), ("example.org", False)):
        with socket.create_connection((host, int(port)), timeout=60) as plain:
            plain.sendall(b"CONNECT slack.com:443 HTTP/1.1\r\nHost: slack.com:443\r\n\r\n")
            assert plain.recv(1 << 16).startswith(b"HTTP/1.1 200")
            try:
                with context.wrap_socket(plain, server_hostname=name):
                    assert known
            except ssl.SSLCertVerificationError:
                assert not known
