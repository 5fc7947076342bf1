"""The runbooks as pages for people, at /runbooks/: what to do about an alert, one click away from its message.

They are written in a small part of Markdown: headings, paragraphs and lists of one line an item, `code`, **strong** and
*emphasis*. The name of another alert becomes a link to its page.
"""

from __future__ import annotations

import re
from html import escape
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from . import markup, page
from .markup import Html

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PREFIX = "/runbooks/"
# A part of another folder, read as data: beside this one in the tree and in a wheel.
_FOLDER = Path(__file__).parents[2] / "alerts" / "runbooks"

_ITEM = re.compile(r"(?:- |\d+\. )")
_INLINE = re.compile(r"`(?P<code>[^`]+)`|\*\*(?P<strong>[^*]+)\*\*|\*(?P<em>[^*]+)\*|(?P<name>\b[A-Z][A-Za-z]+\b)")


def render(name: str) -> tuple[int, str]:
    """Return the HTTP status and the page of this alert's runbook, or where there is none (404) or no name, of all."""
    known = {file.stem: file for file in sorted(_FOLDER.glob("*.md"))}
    if name in known:
        body = _article(known[name].read_text(encoding="utf-8"), known)
        return 200, _document(name, Html(f"<article>{body}</article>"))
    title = f"There is no runbook {name[:100]}" if name else "Runbooks"
    listed = markup.table(("Alert", "What it says"), (_line(file, known) for file in known.values()))
    return 404 if name else 200, _document(title, markup.section(title, listed))


def _document(title: str, body: Html) -> str:
    header = Html(
        '<header><h1>windsock <span>runbooks</span></h1><nav><a href="./">all runbooks</a> <a href="../">exporter</a>'
        "</nav></header>"
    )
    return page.document(f"{title} · windsock", [header, body])


def _line(file: Path, known: Mapping[str, Path]) -> list[Html]:
    """The alert's name, and the first sentences of its runbook."""
    first = file.read_text(encoding="utf-8").split("\n\n")[1]
    return [_inline(file.stem, known), _inline(first, {})]


def _article(text: str, known: Mapping[str, Path]) -> str:
    return "".join(_blocks(text.splitlines(), known))


def _blocks(lines: list[str], known: Mapping[str, Path]) -> Iterator[str]:
    for kind, group in groupby(lines, _kind):
        part = list(group)
        if kind in ("ul", "ol"):
            items = (f"<li>{_inline(_ITEM.sub('', line, count=1), known)}</li>" for line in part)
            yield f"<{kind}>{''.join(items)}</{kind}>"
        elif kind == "p":
            yield f"<p>{_inline(' '.join(part), known)}</p>"
        elif kind:
            yield "".join(f"<{kind}>{_inline(line.lstrip('# '), {})}</{kind}>" for line in part)


def _kind(line: str) -> str:
    """The HTML element that a line belongs to; of an empty one there is none."""
    if line.startswith("#"):
        return "h2" if line.startswith("# ") else "h3"
    if _ITEM.match(line):
        return "ul" if line.startswith("-") else "ol"
    return "p" if line.strip() else ""


def _inline(text: str, known: Mapping[str, Path]) -> Html:
    def piece(found: re.Match[str]) -> str:
        kind, inner = str(found.lastgroup), found[found.lastgroup or 0]
        if kind == "name":
            return f'<a href="{inner}">{inner}</a>' if inner in known else inner
        return f"<{kind}>{escape(inner)}</{kind}>"

    done, end = "", 0
    for found in _INLINE.finditer(text):
        done += escape(text[end : found.start()]) + piece(found)
        end = found.end()
    return Html(done + escape(text[end:]))
