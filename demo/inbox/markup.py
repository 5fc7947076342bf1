"""HTML that can't be forgotten to escape: whatever is not `Html` already is text."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

_VOID = frozenset({"br", "hr", "input", "link", "meta"})
_SAFE_URL = re.compile(r"(?:https?://|mailto:)\S+", re.IGNORECASE)


class Html(str):
    """A string that is HTML."""

    __slots__ = ()


def escape(value: Any) -> Html:
    """`value` as text in HTML; `Html` stays as it is."""
    return value if isinstance(value, Html) else Html(html.escape(str(value)))


def element(name: str, /, *children: Any, **attributes: Any) -> Html:
    """`element("a", "label", href=url, class_="button")`; what is empty is left out."""
    given = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{html.escape(str(value))}"')
        for key, value in attributes.items()
        if value not in (None, False)
    )
    if name in _VOID:
        return Html(f"<{name}{given}>")
    return Html(f"<{name}{given}>{join(children)}</{name}>")


def join(parts: Iterable[Any], between: str = "") -> Html:
    """`parts` in a row; what is empty is left out."""
    return Html(between.join(escape(part) for part in parts if part))


def link(url: Any, label: Any, **attributes: Any) -> Html:
    """A link that opens beside the page; of an address that is neither web nor mail only the label is shown."""
    if not isinstance(url, str) or not _SAFE_URL.fullmatch(url):
        return element("span", label, **attributes)
    return element("a", label, href=url, target="_blank", rel="noopener noreferrer", **attributes)
