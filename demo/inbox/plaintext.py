"""What a person reads of a piece of HTML, without the HTML.

Not by `html.parser`: some hostile mails of 100 KB take it minutes, others raise in it. This reads any text in one pass.
"""

from __future__ import annotations

import html
import re

_TOKEN = re.compile(
    r"<!--|<[!?][^<>]*>|<(?P<end>/?)(?P<tag>[a-zA-Z][a-zA-Z0-9]*)(?P<attributes>[^<>]*)>|(?P<text>[^<]+|<)"
)
_HREF = re.compile(r"""\bhref\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_LINES = frozenset(
    {"article", "blockquote", "div", "dl", "dt", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "li"}
    | {"ol", "p", "pre", "section", "table", "tr", "ul"}
)
_UNSEEN = frozenset({"head", "label", "script", "style", "template", "title"})


def plaintext(markup: str) -> str:
    """The text of `markup`: one line a paragraph, a link as `label (url)`."""
    reader, place = _Reader(), 0
    while match := _TOKEN.match(markup, place):
        place = match.end()
        if match["text"]:
            reader.read(html.unescape(match["text"]))
        elif match["tag"] and match["end"]:
            reader.leave(match["tag"].lower())
        elif match["tag"]:
            reader.enter(match["tag"].lower(), match["attributes"])
        elif match[0] == "<!--":
            end = markup.find("-->", place)
            place = end + 3 if end >= 0 else len(markup)
    text = re.sub(r"[ \t]+\n", "\n", "".join(reader.parts))
    return re.sub(r"\n{3,}", "\n\n", text).strip()


class _Reader:
    def __init__(self) -> None:
        self.parts: list[str] = []
        self._unseen = 0
        self._verbatim = 0
        self._link: tuple[str, int] | None = None
        self._begun = False
        """Whether a list item or a table cell has only just begun, so that its first paragraph goes on in that line."""

    def enter(self, tag: str, attributes: str) -> None:
        if tag in _UNSEEN:
            self._unseen += 1
        elif tag == "body":
            # The end of the head may be left out.
            self._unseen = 0
        elif tag == "br":
            self.parts.append("\n")
        elif tag in _LINES:
            self._line()
            self._verbatim += tag == "pre"
            self.parts += {"hr": ["———\n"], "li": ["• "]}.get(tag, [])
            self._begun |= tag == "li"
        elif tag in ("td", "th"):
            self.parts += [" "] * (not self._at_start())
            self._begun = True
        elif tag == "a":
            match = _HREF.search(attributes)
            self._link = (html.unescape("".join(filter(None, match.groups()))) if match else "", len(self.parts))

    def leave(self, tag: str) -> None:
        if tag in _UNSEEN:
            self._unseen = max(0, self._unseen - 1)
        elif tag in _LINES:
            self._verbatim -= tag == "pre" and self._verbatim > 0
            self._line()
        elif tag == "a" and self._link:
            url, start = self._link
            self._link = None
            if url and url.removeprefix("mailto:") != "".join(self.parts[start:]).strip():
                self.parts.append(f" ({url})")

    def read(self, text: str) -> None:
        if self._unseen:
            return
        if not self._verbatim:
            text = re.sub(r"\s+", " ", text)
            text = text.lstrip() if self._at_start() or self.parts[-1].endswith(" ") else text
        self._begun &= not text
        self.parts += [text] * bool(text)

    def _line(self) -> None:
        if not self._begun and not self._at_start():
            self.parts.append("\n")

    def _at_start(self) -> bool:
        return not self.parts or self.parts[-1].endswith("\n")
