"""The mail server."""

from __future__ import annotations

import smtplib

import pytest
import requests

PAGE = '<html><head><style>p{}</style></head><body><p>DAG <a href="https://x.example/log">failed</a></p></body></html>'


def test_a_mail_is_kept_with_both_parts(inbox, send):
    id_ = send.mail("It failed.\n\n  at line 5", PAGE, Subject="orders_daily föhlt 🔥")
    message = inbox.messages("mail")[0]
    assert (message.channel, message.id, message.thread) == ("ana@example.org", id_, None)
    assert message.text == "orders_daily föhlt 🔥\n\nIt failed.\n\n  at line 5"
    assert message.payload["html"].strip() == PAGE
    assert message.payload["mail_from"] == "w@example.org"
    assert message.payload["headers"]["To"] == "ana@example.org"
    assert message.problems == ()
    assert [(a.endpoint, a.status, a.message) for a in inbox.attempts()] == [("smtp", 250, message.seq)]


def test_html_alone_is_read_as_text(inbox, send):
    head = b"From: a\r\nDate: x\r\nMessage-ID: <1@x>\r\nSubject: s\r\nContent-Type: text/html; charset=utf-8\r\n\r\n"
    send.raw_mail(head + PAGE.encode())
    assert inbox.messages()[0].text == "s\n\nDAG failed (https://x.example/log)"


def test_a_thread_belongs_together(inbox, send):
    first = send.mail("firing")
    send.mail("still", References=first)
    send.mail("resolved", In_Reply_To=first)
    send.mail("another")
    one, two, three, four = inbox.messages()
    assert one.conversation == two.conversation == three.conversation != four.conversation
    assert (two.thread, three.thread, four.thread) == (first, first, None)


def test_mails_without_an_id_do_not_belong_together(inbox, send):
    for _ in range(2):
        send.raw_mail(b"Subject: s\r\n\r\ntext")
    one, two = inbox.messages()
    assert one.conversation != two.conversation
    assert one.problems == tuple(f"the header {name} is missing (RFC 5322)" for name in ("From", "Date", "Message-ID"))


def test_a_line_is_too_long_for_the_standard(inbox, send):
    send.raw_mail(b"From: a\r\nDate: x\r\nMessage-ID: <1@x>\r\n\r\n" + b"x" * 999)
    assert inbox.messages()[0].problems == ("a line has 999 octets (RFC 5322: at most 998)",)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe\x00",
        b"Content-Type: text/plain; charset=no-such\r\n\r\n\xff",
        b"Content-Type: multipart/mixed\r\n\r\nno boundary",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n",
        b"Subject: =?utf-8?b?\xff?=\r\nTo: @@,,<\r\nReferences: \r\nFrom: =?x\r\n\r\n",
        b"Content-Type: text/plain\r\nContent-Transfer-Encoding: base64\r\n\r\n%%%",
        b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\nx",
        b"Message-ID: <\r\nDate: never\r\n\r\nx",
    ],
)
def test_a_broken_mail_is_shown_not_refused(inbox, send, content):
    send.raw_mail(content)
    assert len(inbox.messages()) == 1
    assert requests.get(inbox.url, timeout=60).status_code == 200


def test_several_recipients_are_one_channel(inbox, send):
    host, port = send.at["smtp"].split(":")
    with smtplib.SMTP(host, int(port), timeout=60) as server:
        server.sendmail("w@example.org", ["a@example.org", "b@example.org"], b"Subject: s\r\n\r\nx")
    assert inbox.messages()[0].channel == "a@example.org, b@example.org"
