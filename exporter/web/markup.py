"""Pieces of HTML; every text that is not `Html` is escaped."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


_TYPED = re.compile(r"`([^`]+)`")


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


Cell = str | int | float


def text(value: Cell) -> Html:
    """A value as it is read: figures with separators, texts escaped."""
    if isinstance(value, Html):
        return value
    return Html(escape(value) if isinstance(value, str) else f"{value:,.0f}")


def code(value: str) -> Html:
    """A text that was sent, or that could be typed."""
    return Html(f"<code>{escape(value)}</code>") if value else Html("")


def prose(value: str) -> Html:
    """Sentences, in which what could be typed stands between backticks."""
    return Html(_TYPED.sub(r"<code>\1</code>", escape(value)))


def bullets(items: Iterable[Cell]) -> Html:
    """A list."""
    return Html(f"<ul>{''.join(f'<li>{text(item)}</li>' for item in items)}</ul>")


def facts(items: Iterable[tuple[str, Cell]]) -> Html:
    """Names and what they stand for."""
    rows = (f"<div><dt>{text(name)}</dt><dd>{text(value)}</dd></div>" for name, value in items)
    return Html(f"<dl>{''.join(rows)}</dl>")


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]]) -> Html:
    """A table; figures stand at the right."""
    head = "".join(f"<th>{text(name)}</th>" for name in heads)
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    body = body or f'<tr><td class="none" colspan="{len(heads)}">nothing yet</td></tr>'
    return Html(f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>')


def section(title: str, *parts: Html) -> Html:
    """A part of the page with its heading."""
    return Html(f"<section><h2>{text(title)}</h2>{''.join(parts)}</section>")


def document(title: str, icon: str, style: str, body: Iterable[str]) -> str:
    """The whole page."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<title>{escape(title)}</title><link rel="icon" href="{escape(icon)}"><style>{style}</style></head>'
        f"<body>{''.join(body)}</body></html>\n"
    )


def _cell(value: Cell) -> str:
    figure = not isinstance(value, str) or value[:1].isdigit()
    return f"<td{' class=figure' if figure else ''}>{text(value)}</td>"
