"""Slack's markup, and what is left of it as text."""

from __future__ import annotations

import time

import pytest

from windsock.demo.inbox.mrkdwn import mrkdwn
from windsock.demo.inbox.plaintext import plaintext


@pytest.mark.parametrize(
    ("written", "html"),
    [
        ("*bold* _italic_ ~gone~", "<b>bold</b> <i>italic</i> <s>gone</s>"),
        ("*_both_*", "<b><i>both</i></b>"),
        ("2 * 3 * 4, a*b*c, snake_case_name", "2 * 3 * 4, a*b*c, snake_case_name"),
        ("* not bold *", "* not bold *"),
        ("`*code*`", "<code>*code*</code>"),
        ("```\nline *one*\n  two\n```", "<pre>line *one*\n  two</pre>"),
        ("a\nb", "a<br>b"),
        ("&lt;b&gt; &amp;amp; \"'", "&lt;b&gt; &amp;amp; &quot;&#x27;"),
        ("&nbsp;", "&amp;nbsp;"),
        ("> one\n> two\nthree", "<blockquote>one<br>two</blockquote>three"),
        (":fire: :no_such_emoji: 12:30:45", "🔥 :no_such_emoji: 12:30:45"),
        ("<!here> <!channel>", '<span class="mention">@here</span> <span class="mention">@channel</span>'),
        ("<@U123|ana> <#C123|data>", '<span class="mention">@ana</span> <span class="mention">#data</span>'),
        ("<!subteam^S1|@oncall>", '<span class="mention">@oncall</span>'),
        ("<!date^1392734382^{date}|18 Feb>", "<span>18 Feb</span>"),
        ("<!date^99999999999999999999^{date}|never>", "<span>never</span>"),
        ("in <module> and <a|b>", "in &lt;module&gt; and &lt;a|b&gt;"),
        ("\ue0000\ue001", "0"),
    ],
)
def test_markup(written, html):
    assert mrkdwn(written) == html


@pytest.mark.parametrize(
    ("written", "label", "href"),
    [
        ("<https://x.example/a_b_c|the *log*>", "the *log*", "https://x.example/a_b_c"),
        ("<https://x.example/?a=1&amp;b=2>", "https://x.example/?a=1&amp;b=2", "https://x.example/?a=1&amp;b=2"),
        ("see https://x.example/a_b_c now", "https://x.example/a_b_c", "https://x.example/a_b_c"),
        ("<mailto:a@x.example|Ana>", "Ana", "mailto:a@x.example"),
    ],
)
def test_links(written, label, href):
    assert f'<a href="{href}" target="_blank" rel="noopener noreferrer">{label}</a>' in mrkdwn(written)


@pytest.mark.parametrize(
    "written",
    [
        "<javascript:alert(1)|click>",
        "<data:text/html,x|click>",
        "<script>alert(1)</script>",
        "*<img src=x onerror=alert(1)>*",
        '<https://x.example/"onmouseover="alert(1)|x>',
        "`<b onclick=x>`",
        "```<iframe>```",
    ],
)
def test_nothing_that_is_sent_becomes_markup_of_the_page(written):
    html = mrkdwn(written)
    for danger in ("<script", "<img", "<iframe", 'href="javascript', 'href="data', '"onmouseover', "<b onclick"):
        assert danger not in html


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>one</p><p>two</p>", "one\ntwo"),
        ("one<br>two", "one\ntwo"),
        ("  many \n  spaces  ", "many spaces"),
        ("<pre>  kept\n    as is</pre>", "kept\n    as is"),
        ("x<pre>  kept</pre>y", "x\n  kept\ny"),
        ('<a href="https://x.example">here</a>', "here (https://x.example)"),
        ("<a href=https://x.example>https://x.example</a>", "https://x.example"),
        ("<ul><li>a</li><li>b</li></ul>", "• a\n• b"),
        ("<table><tr><th>a</th><td>b</td></tr></table>", "a b"),
        ("<table><tr><th>a</th><td><pre>b\n c</pre></td></tr><tr><td>d</td></tr></table>", "a b\n c\nd"),
        ("<ul><li><p>a</p><p>b</p></li></ul>c", "• a\nb\nc"),
        ("<!doctype html><head><title>x</title><style>p{}</style></head><body>seen</body>", "seen"),
        ("<head><title>x</title><body>seen", "seen"),
        ("a<!-- <p>b</p> -->c<!-- open", "ac"),
        ("1 < 2 &amp; 3 &gt; 2", "1 < 2 & 3 > 2"),
    ],
)
def test_plain_text(html, text):
    assert plaintext(html) == text


@pytest.mark.parametrize(
    "piece", ["*", "_", "`", "```", "<", "< ", "<a ", "<a href='", "<!--", "</", "<![", "> ", "*a ", "&lt;"]
)
def test_hostile_text_takes_no_time(piece):
    text = (piece * 40_000)[:40_000]
    begun = time.process_time()
    mrkdwn(text)
    plaintext(text)
    assert time.process_time() - begun < 5
