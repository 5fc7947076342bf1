"""Slack's markup as HTML: *bold*, _italic_, ~strike~, `code`, > quotes, <url|label>, <!here>, <@user>, <#channel>.

The grammar: https://docs.slack.dev/messaging/formatting-message-text
"""

from __future__ import annotations

import re
from datetime import datetime, timezone

from .emoji import with_emoji
from .markup import Html, element, escape, link

# What is looked at before styles: code and links keep the marks that stand in them.
_ATOM = re.compile(
    r"```\n?(?P<pre>.+?)\n?```|`(?P<code>[^`\n]+)`|<(?P<control>[^<>\n]+)>|(?P<url>https?://[^\s<>|*`]+)", re.DOTALL
)
_URL = re.compile(r"https?://|mailto:", re.IGNORECASE)
_UNESCAPED = re.compile(r"<(?!https?://|mailto:|[@#!])[^<>\n]+>", re.IGNORECASE)
_HELD = re.compile("\ue000(\\d+)\ue001")
_STYLES = tuple(
    (re.compile(rf"(?<![\w{mark}]){mark}(?=\S)([^{mark}\n]+)(?<=\S){mark}(?![\w{mark}])"), rf"<{tag}>\1</{tag}>")
    for mark, tag in ((r"\*", "b"), ("_", "i"), ("~", "s"))
)
_QUOTE = re.compile(r"(?:^&gt;[^\n]*(?:\n|\Z))+", re.MULTILINE)


def unescape(text: str) -> str:
    """`text` without the three escapes that Slack knows."""
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def unescaped(text: str) -> str | None:
    """The first `<…>` that its sender forgot to escape: Slack reads it as the address of a link."""
    match = _UNESCAPED.search(text)
    return match[0] if match else None


def mrkdwn(text: str) -> Html:
    """`text` as HTML."""
    held: list[Html] = []

    def hold(match: re.Match[str]) -> str:
        held.append(_atom(match))
        return f"\ue000{len(held) - 1}\ue001"

    marked = _ATOM.sub(hold, text.replace("\ue000", "").replace("\ue001", ""))
    marked = escape(with_emoji(unescape(marked)))
    for pattern, styled in _STYLES:
        marked = pattern.sub(styled, marked)
    marked = _QUOTE.sub(_quote, marked).replace("\n", "<br>")
    return Html(_HELD.sub(lambda match: held[int(match[1])], marked))


def plain(text: str) -> Html:
    """A plain_text object's text as HTML: emoji, and nothing else."""
    return Html(escape(with_emoji(unescape(text))).replace("\n", "<br>"))


def _quote(match: re.Match[str]) -> str:
    lines = [line.removeprefix("&gt;").strip() for line in match[0].rstrip("\n").split("\n")]
    return f"<blockquote>{'<br>'.join(lines)}</blockquote>"


def _atom(match: re.Match[str]) -> Html:
    if match["pre"]:
        return element("pre", unescape(match["pre"]))
    if match["code"]:
        return element("code", unescape(match["code"]))
    if match["url"]:
        return link(unescape(match["url"]), unescape(match["url"]))
    return _control(match["control"])


def _control(written: str) -> Html:
    """What stands between angle brackets: a link, a person, a channel, a group, a date."""
    target, bar, label = unescape(written).partition("|")
    if target.startswith("!date^"):
        return element("span", _date(target, label))
    if target[:1] in "@#!":
        sign, name = ("@", target.removeprefix("!").removeprefix("@")) if target[0] != "#" else ("#", target[1:])
        return element("span", sign + (label.removeprefix(sign) or name.partition("^")[0]), class_="mention")
    if not _URL.match(target):
        return escape(f"<{target}{bar}{label}>")
    return link(target, plain(label) if label else target.removeprefix("mailto:"))


def _date(target: str, fallback: str) -> str:
    try:
        moment = datetime.fromtimestamp(int(target.split("^")[1]), timezone.utc)
    except (IndexError, ValueError, OverflowError, OSError):
        return fallback
    return fallback or moment.strftime("%Y-%m-%d %H:%M UTC")
