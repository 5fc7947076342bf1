"""A Slack message as Slack shows it: blocks first, then legacy attachments with their coloured bar."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from .markup import Html, element, escape, join, link
from .mrkdwn import mrkdwn, plain

if TYPE_CHECKING:
    from collections.abc import Callable

_COLORS = {"good": "#2eb67d", "warning": "#daa038", "danger": "#d1315c"}
_HEX = re.compile(r"#?((?:[0-9a-fA-F]{3}){1,2})")
_SAYS = ("text", "title", "pretext", "fallback", "fields", "blocks", "author_name", "image_url")


def content(payload: dict[str, Any]) -> Html:
    """What stands below the sender's name. `text` beside blocks is only for notifications, so it is not shown."""
    text, blocks = payload.get("text") or "", payload.get("blocks") or []
    said = join(map(_block, blocks)) if blocks else text and element("div", mrkdwn(text), class_="text")
    return join([said, *map(_attachment, payload.get("attachments") or [])])


def says_something(attachments: list[dict[str, Any]]) -> bool:
    """Whether one of `attachments` has something to show."""
    return any(attachment.get(key) for attachment in attachments for key in _SAYS)


def color_of(name: str) -> str | None:
    """`#rrggbb` of what an attachment calls its colour; None: Slack knows no such colour."""
    match = _HEX.fullmatch(name)
    return _COLORS.get(name) or (f"#{match[1]}" if match else None)


def _text(item: dict[str, Any]) -> Html:
    return mrkdwn(item["text"]) if item["type"] == "mrkdwn" else plain(item["text"])


def _block(block: dict[str, Any]) -> Html:
    draw = _BLOCKS.get(block["type"])
    return draw(block) if draw else element("div", f"[{block['type']}]", class_="context")


def _context(block: dict[str, Any]) -> Html:
    parts = [_image(item) if item["type"] == "image" else _text(item) for item in block["elements"]]
    return element("div", join(element("span", part) for part in parts), class_="context")


def _section(block: dict[str, Any]) -> Html:
    accessory = block.get("accessory") or {}
    beside = _image(accessory) if accessory.get("type") == "image" else accessory and _button(accessory)
    return element(
        "div",
        element(
            "div",
            block.get("text") and element("div", _text(block["text"])),
            block.get("fields")
            and element("div", join(element("div", _text(item)) for item in block["fields"]), class_="fields"),
        ),
        beside and element("div", beside),
        class_="text section",
    )


def _button(item: dict[str, Any]) -> Html:
    if item["type"] != "button":
        return element("span", f"[{item['type']}]", class_="context")
    label = item["text"]
    style = f"button {item.get('style') or ''}".strip()
    # A block's button has a text object, a legacy one a string.
    return link(item.get("url"), plain(label if isinstance(label, str) else label["text"]), class_=style)


def _image(item: dict[str, Any]) -> Html:
    # Nothing is fetched from elsewhere: an image is its description.
    return element("span", "🖼 ", link(item.get("image_url"), item.get("alt_text") or "image"), class_="image")


def _attachment(attachment: dict[str, Any]) -> Html:
    marked = attachment.get("mrkdwn_in")

    def text_of(key: str, value: Any) -> Html:
        return mrkdwn(str(value)) if marked is None or key in marked or key == "fields" else plain(str(value))

    title, text, fields = (attachment.get(key) for key in ("title", "text", "fields"))
    actions = [item for item in attachment.get("actions") or [] if item.get("type") == "button"][:5]
    image = attachment.get("image_url")
    shown = [
        attachment.get("author_name") and element("div", attachment["author_name"], class_="context"),
        title and element("div", link(attachment.get("title_link"), plain(title)), class_="title"),
        text and _folding(text_of("text", text), text),
        fields and element("div", join(_field(item, text_of) for item in fields), class_="fields"),
        join(map(_block, attachment.get("blocks") or [])),
        image and element("div", _image({"image_url": image})),
        actions and element("div", join(map(_button, actions), " "), class_="buttons"),
        attachment.get("footer") and element("div", mrkdwn(attachment["footer"]), class_="context"),
    ]
    if not any(shown):
        shown = [attachment.get("fallback")]
    color = color_of(attachment.get("color") or "")
    return join(
        [
            attachment.get("pretext") and element("div", text_of("pretext", attachment["pretext"]), class_="text"),
            element("div", *shown, class_="attachment", style=color and f"border-color:{color}"),
        ]
    )


def _field(item: dict[str, Any], text_of: Any) -> Html:
    return element(
        "div",
        element("b", plain(str(item.get("title", "")))),
        element("br"),
        text_of("fields", item.get("value", "")),
        class_=None if item.get("short") else "wide",
    )


def _folding(text: Html, written: str) -> Html:
    """Slack folds an attachment's text that has 700 characters or more than five lines."""
    if len(written) < 700 and written.count("\n") < 5:
        return element("div", text, class_="text")
    more = element("label", element("input", type="checkbox"), element("span", "Show more"), class_="more")
    return element("div", more, element("div", text, class_="text folded"), class_="fold")


def _rich(item: dict[str, Any]) -> Html:
    kind = item.get("type")
    parts = [part for part in item.get("elements") or [] if isinstance(part, dict)]
    if kind == "rich_text_list":
        return element("ul", join(element("li", _rich(part)) for part in parts))
    inside = join(map(_span, parts))
    if kind == "rich_text_preformatted":
        return element("pre", inside)
    if kind == "rich_text_quote":
        return element("blockquote", element("pre", inside, class_="plain"))
    return element("pre", inside, class_="plain")


def _span(part: dict[str, Any]) -> Html:
    if part.get("type") == "link":
        shown = link(part.get("url"), part.get("text") or part.get("url"))
    elif part.get("type") == "emoji":
        shown = plain(f":{part.get('name')}:")
    else:
        shown = escape(part.get("text", ""))
    style = part.get("style")
    for name, tag in (("code", "code"), ("bold", "b"), ("italic", "i"), ("strike", "s")):
        if isinstance(style, dict) and style.get(name):
            shown = element(tag, shown)
    return shown


_BLOCKS: dict[str, Callable[[dict[str, Any]], Html]] = {
    "actions": lambda block: element("div", join(map(_button, block["elements"]), " "), class_="buttons"),
    "context": _context,
    "divider": lambda _: element("hr"),
    "header": lambda block: element("h3", _text(block["text"])),
    "image": lambda block: element("div", block.get("title") and _text(block["title"]), _image(block), class_="text"),
    "markdown": lambda block: element("pre", block["text"], class_="plain"),
    "rich_text": lambda block: join(map(_rich, block["elements"])),
    "section": _section,
}
