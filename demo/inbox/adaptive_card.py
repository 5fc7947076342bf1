"""An adaptive card as Teams shows it, and what Teams would not show of it.

Elements: https://adaptivecards.io/explorer/. A TextBlock and a fact have Markdown, of which Teams knows bold, italic,
lists and links, and a line ends with an empty one; a TextRun has none:
https://learn.microsoft.com/en-us/microsoftteams/platform/task-modules-and-cards/cards/cards-format
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .markup import Html, element, escape, join, link

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

NEWEST = (1, 5)
"""The schema's version that Teams shows."""
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})")
_ESCAPED = re.compile(r"\\([!-/:-@\[-`{-~])")
_HELD = re.compile("\ue000(\\d+)\ue001")
_LINK = re.compile(r"\[([^\[\]\n]+)\]\(([^()\s]+)\)")
_STYLES = (
    (re.compile(r"\*\*(?=\S)([^*]+)(?<=\S)\*\*"), "b"),
    (re.compile(r"(?<!\w)_(?=\S)([^_]+)(?<=\S)_(?!\w)"), "i"),
)
_UNSHOWN = re.compile(r"^(#{1,6} |> |```|\|)|!\[", re.MULTILINE)


def errors(card: Any, where: str) -> Iterator[str]:
    """What makes `card` none, a line each."""
    if not isinstance(card, dict) or card.get("type") != "AdaptiveCard":
        yield f"{where}.type: expected AdaptiveCard"
        return
    if not _VERSION.fullmatch(str(card.get("version", ""))):
        yield f"{where}.version: expected a version such as 1.4"
    if not isinstance(card.get("body", []), list) or not isinstance(card.get("actions", []), list):
        yield f"{where}: expected lists as body and actions"
        return
    for part in (*card.get("body", []), *card.get("actions", [])):
        yield from _wrong(part, where)


def problems(card: dict[str, Any]) -> Iterator[str]:
    """What Teams takes and shows badly, or not at all."""
    version = _VERSION.fullmatch(str(card["version"]))
    if version and (int(version[1]), int(version[2])) > NEWEST:
        yield f"version {card['version']}: Teams shows cards up to {NEWEST[0]}.{NEWEST[1]}"
    if not card.get("body"):
        yield "the card has no body: nothing is shown"
    for part in _all(card.get("body", [])):
        if part["type"] not in _DRAWN:
            yield f"{part['type']}: not drawn here"
        if part["type"] == "TextBlock" and _UNSHOWN.search(part["text"]):
            yield "a TextBlock has Markdown that Teams does not know: headings, tables, images, quotes, code"
    if len(card.get("actions", [])) > 6:
        yield "more than six actions: the rest is behind a menu"


def content(cards: Sequence[dict[str, Any]]) -> Html:
    """What stands below the sender's name."""
    return join(
        element(
            "div",
            join(map(_draw, card.get("body", []))),
            card.get("actions") and element("div", join(map(_action, card["actions"]), " "), class_="buttons"),
            class_="adaptive",
        )
        for card in cards
    )


def _children(part: dict[str, Any]) -> list[Any]:
    """The elements in a container, and a set's columns."""
    inner = part.get("items", []) if part.get("type") != "ColumnSet" else part.get("columns", [])
    return inner if isinstance(inner, list) else [None]


def _actions(part: dict[str, Any]) -> list[Any]:
    inner = part.get("actions", []) if part.get("type") == "ActionSet" else []
    return inner if isinstance(inner, list) else [None]


def _all(parts: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for part in parts:
        yield part
        yield from _all(_children(part))


def _wrong(part: Any, where: str) -> Iterator[str]:
    if not isinstance(part, dict) or not isinstance(part.get("type"), str):
        yield f"{where}: expected elements with a type"
        return
    kind = part["type"]
    if kind == "TextBlock" and not isinstance(part.get("text"), str):
        yield f"{where}: a TextBlock needs a text"
    if kind == "RichTextBlock" and not _are(part.get("inlines"), lambda run: isinstance(_text(run), str)):
        yield f"{where}: a RichTextBlock needs inlines, each a TextRun with a text"
    if kind == "FactSet" and not _are(part.get("facts"), lambda fact: isinstance(fact, dict)):
        yield f"{where}: a FactSet needs facts"
    if kind == "Action.OpenUrl" and not isinstance(part.get("url"), str):
        yield f"{where}: an Action.OpenUrl needs a url"
    for inner in (*_children(part), *_actions(part)):
        yield from _wrong(inner, where)


def _are(parts: Any, test: Callable[[Any], bool]) -> bool:
    return isinstance(parts, list) and all(map(test, parts))


def _text(run: Any) -> Any:
    return run.get("text") if isinstance(run, dict) else run


def _draw(part: dict[str, Any]) -> Html:
    draw = _DRAWN.get(part["type"])
    return draw(part) if draw else element("div", f"[{part['type']}]", class_="context")


def _run(run: Any) -> Html:
    if not isinstance(run, dict):
        return escape(run)
    shown = element("code", run["text"]) if run.get("fontType") == "Monospace" else escape(run["text"])
    for key, value, tag in (("weight", "Bolder", "b"), ("italic", True, "i"), ("strikethrough", True, "s")):
        shown = element(tag, shown) if run.get(key) == value else shown
    return element("span", shown, class_=_color(run))


def _color(part: dict[str, Any]) -> str | None:
    color = part.get("color")
    return color.lower() if color in ("Good", "Warning", "Attention") else None


def _block(part: dict[str, Any]) -> Html:
    text = markdown(part["text"])
    return element("div", element("b", text) if part.get("weight") == "Bolder" else text, class_=_color(part))


def _facts(part: dict[str, Any]) -> Html:
    rows = [(str(fact.get("title", "")), str(fact.get("value", ""))) for fact in part["facts"]]
    return element(
        "table",
        join(element("tr", element("th", markdown(key)), element("td", markdown(value))) for key, value in rows),
    )


def _container(part: dict[str, Any]) -> Html:
    return element(
        "div", join(map(_draw, _children(part))), class_="quoted" if part.get("style") == "emphasis" else None
    )


def _action(action: dict[str, Any]) -> Html:
    title = str(action.get("title") or action["type"])
    return link(action.get("url"), title, class_="button")


def markdown(text: str) -> Html:
    """`text` with the Markdown that Teams knows; one end of a line is a blank, and an empty line ends it."""
    held: list[Html] = []

    def hold(shown: Any) -> str:
        held.append(escape(shown))
        return f"\ue000{len(held) - 1}\ue001"

    marked = _ESCAPED.sub(lambda match: hold(match[1]), text.replace("\ue000", "").replace("\ue001", ""))
    # A label may hold an escaped character, which is put back with everything else.
    marked = _LINK.sub(
        lambda match: hold(link(_put_back(match[2], held), Html(_put_back(escape(match[1]), held)))), marked
    )
    marked = str(escape(marked))
    for pattern, tag in _STYLES:
        marked = pattern.sub(rf"<{tag}>\1</{tag}>", marked)
    lines = [line.replace("\n", " ") for line in re.split(r"\n\s*\n", marked.strip("\n"))]
    return Html(_put_back("<br>".join(lines), held))


def _put_back(text: str, held: Sequence[Html]) -> str:
    return _HELD.sub(lambda match: held[int(match[1])], text)


_DRAWN: dict[str, Callable[[dict[str, Any]], Html]] = {
    "ActionSet": lambda part: element("div", join(map(_action, _actions(part)), " "), class_="buttons"),
    "Column": _container,
    "ColumnSet": _container,
    "Container": _container,
    "FactSet": _facts,
    "RichTextBlock": lambda part: element("div", join(map(_run, part["inlines"]))),
    "TextBlock": _block,
}
