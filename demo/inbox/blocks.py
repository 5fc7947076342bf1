"""What Slack takes in `blocks` and `attachments`, and the words in which it refuses the rest.

Limits are those of the Block Kit reference (https://docs.slack.dev/reference/block-kit/blocks, …/block-elements and
…/composition-objects/text-object) and of https://api.slack.com/reference/messaging/attachments. Block types that alerts
have no use for are accepted as they are. The texts of errors are those that Slack's Web API returns.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic_core import PydanticCustomError

MAX_BLOCKS = 50
MAX_ATTACHMENTS = 100

BlockId = Annotated[str | None, Field(max_length=255)]
Url = Annotated[str, Field(max_length=3000, pattern=r"^(?:https?://|mailto:|slack://)\S+$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Plain(_Part):
    """A text without markup."""

    type: Literal["plain_text"]
    text: str = Field(min_length=1, max_length=3000)
    emoji: bool = True


class Mrkdwn(_Part):
    """A text with Slack's markup."""

    type: Literal["mrkdwn"]
    text: str = Field(min_length=1, max_length=3000)
    verbatim: bool = False


class HeaderText(Plain):
    """A header's text."""

    text: str = Field(min_length=1, max_length=150)


class ButtonText(Plain):
    """A button's text."""

    text: str = Field(min_length=1, max_length=75)


class FieldPlain(Plain):
    """A section's field without markup."""

    text: str = Field(min_length=1, max_length=2000)


class FieldMrkdwn(Mrkdwn):
    """A section's field with markup."""

    text: str = Field(min_length=1, max_length=2000)


Text: TypeAlias = Annotated[Plain | Mrkdwn, Field(discriminator="type")]
FieldText: TypeAlias = Annotated[FieldPlain | FieldMrkdwn, Field(discriminator="type")]


class ImageElement(_Part):
    """A small picture."""

    type: Literal["image"]
    alt_text: str = Field(min_length=1, max_length=2000)
    image_url: Url | None = None
    slack_file: dict[str, Any] | None = None


class Button(_Part):
    """A button; with `url` it is a link."""

    type: Literal["button"]
    text: ButtonText
    action_id: str | None = Field(default=None, max_length=255)
    url: Url | None = None
    value: str | None = Field(default=None, max_length=2000)
    style: Literal["primary", "danger"] | None = None
    confirm: dict[str, Any] | None = None
    accessibility_label: str | None = Field(default=None, max_length=75)


class OtherElement(BaseModel):
    """An element that asks for input: alerts have none, so its inside is not looked at."""

    model_config = ConfigDict(extra="allow")

    type: Literal[
        "channels_select", "checkboxes", "conversations_select", "datepicker", "datetimepicker", "external_select",
        "multi_static_select", "overflow", "radio_buttons", "static_select", "timepicker", "users_select",
        "workflow_button",
    ]  # fmt: skip


Element: TypeAlias = Annotated[Button | OtherElement, Field(discriminator="type")]
Accessory: TypeAlias = Annotated[Button | ImageElement | OtherElement, Field(discriminator="type")]
ContextElement: TypeAlias = Annotated[Plain | Mrkdwn | ImageElement, Field(discriminator="type")]


class Section(_Part):
    """Text, or fields in two columns, and something beside it."""

    type: Literal["section"]
    block_id: BlockId = None
    text: Text | None = None
    fields: list[FieldText] | None = Field(default=None, min_length=1, max_length=10)
    accessory: Accessory | None = None
    expand: bool | None = None

    @model_validator(mode="after")
    def _say_something(self) -> Section:
        if self.text is None and self.fields is None:
            raise PydanticCustomError("empty", "must define either `fields` or `text`")
        return self


class Header(_Part):
    """Large text."""

    type: Literal["header"]
    block_id: BlockId = None
    text: HeaderText


class Divider(_Part):
    """A line."""

    type: Literal["divider"]
    block_id: BlockId = None


class Context(_Part):
    """Small print."""

    type: Literal["context"]
    block_id: BlockId = None
    elements: list[ContextElement] = Field(min_length=1, max_length=10)


class Actions(_Part):
    """Buttons."""

    type: Literal["actions"]
    block_id: BlockId = None
    elements: list[Element] = Field(min_length=1, max_length=25)


class Image(ImageElement):
    """A large picture."""

    block_id: BlockId = None
    title: Plain | None = None


class Markdown(_Part):
    """Standard Markdown."""

    type: Literal["markdown"]
    block_id: BlockId = None
    text: str = Field(min_length=1, max_length=12_000)


class RichText(_Part):
    """Text as Slack's own editor makes it."""

    type: Literal["rich_text"]
    block_id: BlockId = None
    elements: list[dict[str, Any]] = Field(min_length=1)


class OtherBlock(BaseModel):
    """A block that alerts have no use for."""

    model_config = ConfigDict(extra="allow")

    type: Literal["call", "context_actions", "file", "input", "table", "video"]


Block: TypeAlias = Annotated[
    Section | Header | Divider | Context | Actions | Image | Markdown | RichText | OtherBlock,
    Field(discriminator="type"),
]
Blocks: TypeAlias = Annotated[list[Block], Field(max_length=MAX_BLOCKS)]
Cell: TypeAlias = str | int | float | bool


class AttachmentField(BaseModel):
    """A field of a legacy attachment; `short` ones stand side by side."""

    title: Cell | None = None
    value: Cell | None = None
    short: bool = False


class AttachmentAction(BaseModel):
    """A button of a legacy attachment."""

    type: str
    text: str
    url: str | None = None
    style: str | None = None


class Attachment(BaseModel):
    """What Alertmanager sends; keys that Slack does not know it ignores."""

    color: str | None = None
    fallback: str | None = None
    pretext: str | None = None
    author_name: str | None = None
    title: str | None = None
    title_link: str | None = None
    text: str | None = None
    image_url: str | None = None
    footer: str | None = None
    mrkdwn_in: list[str] | None = None
    fields: list[AttachmentField] | None = None
    actions: list[AttachmentAction] | None = None
    blocks: Blocks | None = None


class _Rich(BaseModel):
    blocks: Blocks | None = None
    attachments: list[Attachment] | None = None


_WORDS = {
    "string_too_short": "must be more than 0 characters",
    "string_pattern_mismatch": "must be a valid url",
    "string_type": "must provide a string",
    "list_type": "must provide an array",
    "model_type": "must provide an object",
    "model_attributes_type": "must provide an object",
    "union_tag_not_found": "missing required field: type",
}


def errors_of(payload: dict[str, Any]) -> list[str]:
    """What is wrong with the `blocks` and `attachments` of `payload`, each with a JSON pointer; none: nothing is."""
    rich = {key: payload.get(key) for key in ("blocks", "attachments")}
    try:
        _Rich.model_validate(rich)
    except ValidationError as error:
        return [_explain(dict(item), rich) for item in error.errors(include_url=False)]
    return _repeated(payload)


def _explain(item: dict[str, Any], rich: dict[str, Any]) -> str:
    kind, context, loc = item["type"], item.get("ctx", {}), item["loc"]
    if kind in ("missing", "extra_forbidden"):
        words = "missing required field" if kind == "missing" else "invalid additional property"
        return f"{words}: {loc[-1]} [json-pointer:{_pointer(loc[:-1], rich)}]"
    if kind == "string_too_long":
        words = f"must be less than {context['max_length'] + 1} characters"
    elif kind == "too_long":
        words = f"no more than {context['max_length']} items allowed"
    elif kind == "too_short":
        words = f"no fewer than {context['min_length']} items allowed"
    elif kind == "union_tag_invalid":
        return f"unsupported type: {context['tag']} [json-pointer:{_pointer(loc, rich)}/type]"
    else:
        words = _WORDS.get(kind, item["msg"])
    return f"{words} [json-pointer:{_pointer(loc, rich)}]"


def _pointer(loc: tuple[str | int, ...], value: Any) -> str:
    """`/blocks/0/text`: pydantic's place without the types that it puts between."""
    pointer = ""
    for step in loc:
        if isinstance(value, dict) and step not in value and step == value.get("type"):
            continue
        pointer += f"/{step}"
        try:
            value = value[step]
        except (KeyError, IndexError, TypeError):
            value = None
    return pointer


def _repeated(payload: dict[str, Any]) -> list[str]:
    """block_id and action_id are unique in a message."""
    seen: set[tuple[str, str]] = set()
    repeated = []
    for pointer, key, value in _ids(payload):
        if (key, value) in seen:
            repeated.append(f'`{key}` "{value}" already exists [json-pointer:{pointer}/{key}]')
        seen.add((key, value))
    return repeated


def _ids(payload: dict[str, Any]) -> list[tuple[str, str, str]]:
    """Every block_id and action_id, with the pointer to what has it."""
    found: list[tuple[str, str, str]] = []
    attachments = payload.get("attachments") or []
    places = [("", payload), *((f"/attachments/{index}", item) for index, item in enumerate(attachments))]
    for place, holder in places:
        for index, block in enumerate(holder.get("blocks") or []):
            pointer = f"{place}/blocks/{index}"
            parts = [(pointer, block), (f"{pointer}/accessory", block.get("accessory"))]
            parts += [(f"{pointer}/elements/{n}", part) for n, part in enumerate(block.get("elements") or [])]
            for where, part in parts:
                if isinstance(part, dict):
                    found += [(where, key, part[key]) for key in ("block_id", "action_id") if part.get(key)]
    return found
