"""The page as the server draws it: what a person sees without JavaScript."""

from __future__ import annotations

import re

import pytest
import requests


def _page(inbox, query=""):
    answer = requests.get(f"{inbox.url}/{query}", timeout=60)
    assert answer.status_code == 200
    return answer.text


def _cards(page):
    return re.findall(r"<article.*?</article>", page, re.DOTALL)


def test_an_empty_inbox_says_what_to_do(inbox, send):
    page = _page(inbox)
    assert "No messages yet" in page
    for address in send.at.values():
        assert address.rstrip("/") in page


def test_the_page_can_neither_fetch_nor_run_what_is_sent(inbox):
    answer = requests.get(inbox.url, timeout=60)
    policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "img-src data:;" in policy
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    for path, kind in (("/page.css", "text/css"), ("/page.js", "text/javascript")):
        answer = requests.get(inbox.url + path, timeout=60)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith(kind)


def test_newest_first(inbox, send):
    for text in ("first", "second"):
        send.hook({"text": text})
    newest, oldest = _cards(_page(inbox))
    assert "second" in newest
    assert "first" in oldest


def test_a_slack_message_as_it_looks(inbox, send):
    attachment = {
        "color": "danger",
        "title": "FIRING",
        "title_link": "https://x.example/t",
        "text": "*orders* `failed`",
        "fields": [{"title": "DAG", "value": "orders", "short": True}],
        "actions": [{"type": "button", "text": "Log", "url": "https://x.example/log", "style": "primary"}],
    }
    send.hook({"channel": "#a", "username": "Alertmanager", "icon_emoji": ":fire:", "attachments": [attachment]})
    (card,) = _cards(_page(inbox))
    assert '<div class="attachment" style="border-color:#d1315c">' in card
    assert '<div class="avatar">🔥</div>' in card
    assert "<b>orders</b> <code>failed</code>" in card
    assert re.search(r'<a href="https://x.example/log"[^>]* class="button primary">Log</a>', card)
    assert "#a" in card


def test_a_thread_is_one_card_and_an_edit_is_marked(inbox, send):
    first = send.call("chat.postMessage", channel="x", text="first")
    for text in ("one", "two"):
        reply = send.call("chat.postMessage", channel="x", text=text, thread_ts=first["ts"])
    send.call("chat.update", channel=reply["channel"], ts=reply["ts"], text="edited text")
    (card,) = _cards(_page(inbox))
    assert "2 replies" in card
    assert card.index("first") < card.index("one") < card.index("edited text") < card.index("(edited)")


def test_a_long_attachment_folds_as_in_slack(inbox, send):
    send.hook({"attachments": [{"text": "x\n" * 6}]})
    assert "Show more" in _page(inbox)
    assert "Show more" not in inbox.messages()[0].text


def test_an_incident_is_one_card_with_its_state_and_history(inbox, send):
    send.page(
        payload={"custom_details": {"dag_id": "orders", "last": {"state": "failed"}}},
        links=[{"href": "https://x.example/d"}],
    )
    send.page("acknowledge")
    (card,) = _cards(_page(inbox))
    assert '<span class="state acknowledged">acknowledged</span>' in card
    send.page("resolve")
    (card,) = _cards(_page(inbox))
    assert '<span class="state resolved">resolved</span>' in card
    assert "orders_daily failed" in card
    assert re.findall(r"<li><b>(\w+)</b>", card) == ["triggered", "acknowledged", "resolved"]
    assert "&quot;state&quot;: &quot;failed&quot;" in card


def test_a_routing_key_is_not_shown(inbox, send):
    send.page()
    page = _page(inbox)
    assert send.routing_key not in page
    assert "0123…cdef" in page
    assert len(_cards(_page(inbox, "?platform=pagerduty&channel=0123…cdef"))) == 1


def test_a_mail_is_framed_without_scripts(inbox, send):
    send.mail("text", '<p class="x">Hi</p><script>alert(1)</script>')
    (card,) = _cards(_page(inbox))
    sandbox = re.search(r'sandbox="([^"]*)"', card)[1]
    assert "allow-scripts" not in sandbox
    assert "&lt;p class=&quot;x&quot;&gt;Hi&lt;/p&gt;" in card
    assert "<script" not in card


def test_a_mail_thread_is_one_card_with_the_newest_on_top(inbox, send):
    first = send.mail("firing now")
    send.mail("resolved now", References=first)
    (card,) = _cards(_page(inbox))
    assert "1 earlier in this thread" in card
    assert card.index("resolved now") < card.index("firing now")


HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(1)>"


@pytest.mark.parametrize("where", ["text", "username", "icon_emoji", "icon_url", "extra"])
def test_slack_data_is_escaped(inbox, send, where):
    send.hook({"text": "x", where: HOSTILE})
    send.hook({"attachments": [dict.fromkeys(("title", "title_link", "text", "footer", "pretext", "color"), HOSTILE)]})
    _check_escaped(_page(inbox))


def test_pagerduty_and_mail_data_is_escaped(inbox, send):
    send.page(key=HOSTILE, payload={"summary": HOSTILE, "custom_details": {HOSTILE: [HOSTILE]}}, client_url=HOSTILE)
    send.page(key="b", links=[{"href": f"javascript:{HOSTILE}", "text": HOSTILE}])
    send.mail(HOSTILE, HOSTILE, Subject=HOSTILE, References=HOSTILE)
    send.raw_mail(b"To: <script>\r\nSubject: x\r\n\r\nx", to="o'neil&co@x.example")
    _check_escaped(_page(inbox))
    _check_escaped(_page(inbox, "?platform=%3Cscript%3E&channel=%3Cscript%3E"))


def _check_escaped(page):
    assert page.count("<script") == 1
    assert "<img" not in page
    assert 'href="javascript' not in page
    assert "onerror=alert(1)>" not in page


def test_filters_lead_to_a_platform_and_a_channel(inbox, send):
    send.hook({"channel": "#a", "text": "in a"})
    send.hook({"channel": "#b", "text": "in b"})
    send.page()
    page = _page(inbox)
    for link in ("/?platform=slack", "/?platform=pagerduty", "/?platform=slack&amp;channel=%23a"):
        assert f'href="{link}"' in page
    assert len(_cards(_page(inbox, "?platform=slack"))) == 2
    (card,) = _cards(_page(inbox, "?platform=slack&channel=%23b"))
    assert "in b" in card
    assert "Nothing here matches" in _page(inbox, "?platform=mail")


def test_limits_that_were_broken_are_shown_with_the_message(inbox, send):
    send.hook({"attachments": [{"text": "x", "footer": "x" * 301}]})
    assert '<ul class="problems"><li>attachments/0/footer has more than 300 characters' in _page(inbox)


def test_what_was_refused_is_shown(inbox, send):
    send.call("chat.postMessage", channel="x", text="x", blocks=[{"type": "header"}])
    inbox.fault(platform="pagerduty", kind="status", status=500, count=1)
    send.page()
    page = _page(inbox)
    assert "2 requests did not get through" in page
    assert "<b>invalid_blocks</b>" in page
    assert "missing required field: text [json-pointer:/blocks/0]" in page
    assert "(as asked)" in page


def test_times_are_relative_with_the_date_behind(inbox, send):
    send.hook({"text": "x"})
    assert re.search(
        r'<time datetime="\d{4}-\d\d-\d\dT[^"]+\+00:00" title="\w+day, [^"]+">just now</time>', _page(inbox)
    )


def test_the_page_follows_by_server_sent_events(inbox, send):
    with requests.get(f"{inbox.url}/api/stream", stream=True, timeout=60) as stream:
        lines = stream.iter_lines(chunk_size=1)
        assert next(lines) == b"data: 0"
        send.hook({"text": "x"})
        assert next(line for line in lines if line) == b"data: 1"
        send.hook({})
        assert next(line for line in lines if line) == b"data: 2"
