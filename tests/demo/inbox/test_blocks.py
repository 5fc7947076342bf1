"""Block Kit's limits: what is just within one passes, what is just beyond it is refused with its place."""

from __future__ import annotations

import pytest


def _section(text: str = "x", **rest):
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}, **rest}


def _fields(count: int, length: int = 1):
    return {"type": "section", "fields": [{"type": "mrkdwn", "text": "x" * length}] * count}


def _plain(length: int):
    return {"type": "plain_text", "text": "x" * length}


def _button(length: int = 1, **rest):
    return {"type": "actions", "elements": [{"type": "button", "text": _plain(length), **rest}]}


def _context(count: int):
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": "x"}] * count}


def _image(**rest):
    return {"type": "image", "image_url": "https://x.example/i.png", "alt_text": "x", **rest}


LIMITS = [
    ("section text", _section("x" * 3000), _section("x" * 3001), "must be less than 3001 characters", "0/text/text"),
    ("empty text", _section("x"), _section(""), "must be more than 0 characters", "0/text/text"),
    ("fields", _fields(10), _fields(11), "no more than 10 items allowed", "0/fields"),
    ("field text", _fields(1, 2000), _fields(1, 2001), "must be less than 2001 characters", "0/fields/0/text"),
    (
        "header",
        {"type": "header", "text": _plain(150)},
        {"type": "header", "text": _plain(151)},
        "must be less than 151 characters",
        "0/text/text",
    ),
    ("button text", _button(75), _button(76), "must be less than 76 characters", "0/elements/0/text/text"),
    (
        "button url",
        _button(url="https://x.example/" + "x" * 2982),
        _button(url="https://x.example/" + "x" * 2983),
        "must be less than 3001 characters",
        "0/elements/0/url",
    ),
    ("no url", _button(url="http://x"), _button(url=""), "must be a valid url", "0/elements/0/url"),
    ("value", _button(value="x" * 2000), _button(value="x" * 2001), "less than 2001", "0/elements/0/value"),
    (
        "action_id",
        _button(action_id="x" * 255),
        _button(action_id="x" * 256),
        "less than 256",
        "0/elements/0/action_id",
    ),
    ("block_id", _section(block_id="x" * 255), _section(block_id="x" * 256), "less than 256", "0/block_id"),
    ("context", _context(10), _context(11), "no more than 10 items allowed", "0/elements"),
    (
        "buttons",
        {"type": "actions", "elements": _button()["elements"] * 25},
        {"type": "actions", "elements": _button()["elements"] * 26},
        "no more than 25 items allowed",
        "0/elements",
    ),
    ("alt_text", _image(alt_text="x" * 2000), _image(alt_text="x" * 2001), "less than 2001", "0/alt_text"),
    (
        "markdown",
        {"type": "markdown", "text": "x" * 9000},
        {"type": "markdown", "text": "x" * 12_001},
        "must be less than 12001 characters",
        "0/text",
    ),
]

WRONG = [
    ({"type": "unheard_of"}, "unsupported type: unheard_of", "0/type"),
    ({"text": "x"}, "missing required field: type", "0"),
    ({"type": "section"}, "must define either `fields` or `text`", "0"),
    ({"type": "header"}, "missing required field: text", "0"),
    ({"type": "header", "text": {"type": "mrkdwn", "text": "x"}}, "plain_text", "0/text/type"),
    ({"type": "section", "text": "x"}, "must provide an object", "0/text"),
    ({"type": "section", "text": {"type": "mrkdwn", "text": 5}}, "must provide a string", "0/text/text"),
    ({"type": "divider", "text": "x"}, "invalid additional property: text", "0"),
    (_section(text="x") | {"text": {"type": "mrkdwn", "text": "x", "emoji": True}}, "property: emoji", "0/text"),
    (_button(style="success"), "primary", "0/elements/0/style"),
    ({"type": "actions", "elements": []}, "no fewer than 1 items allowed", "0/elements"),
    ({"type": "image", "image_url": "https://x.example"}, "missing required field: alt_text", "0"),
]


@pytest.mark.parametrize(("good", "bad", "words", "where"), [row[1:] for row in LIMITS], ids=[row[0] for row in LIMITS])
def test_a_limit_holds_to_the_character(send, good, bad, words, where):
    assert send.call("chat.postMessage", channel="x", text="x", blocks=[good])["ok"]
    answer = send.call("chat.postMessage", channel="x", text="x", blocks=[bad])
    assert answer["error"] == "invalid_blocks"
    assert words in answer["errors"][0]
    assert answer["errors"][0].endswith(f"[json-pointer:/blocks/{where}]")
    assert answer["response_metadata"]["messages"] == [f"[ERROR] {line}" for line in answer["errors"]]


@pytest.mark.parametrize(("block", "words", "where"), WRONG, ids=[row[1] for row in WRONG])
def test_a_wrong_block_is_refused_with_its_place(inbox, send, block, words, where):
    answer = send.call("chat.postMessage", channel="x", text="x", blocks=[block])
    assert answer["error"] == "invalid_blocks"
    assert words in answer["errors"][0]
    assert f"[json-pointer:/blocks/{where}]" in answer["errors"][0]
    assert inbox.messages() == []
    assert inbox.attempts()[0].details == tuple(answer["errors"])


def test_a_message_has_fifty_blocks_at_most(send):
    assert send.call("chat.postMessage", channel="x", blocks=[{"type": "divider"}] * 50, text="x")["ok"]
    answer = send.call("chat.postMessage", channel="x", blocks=[{"type": "divider"}] * 51, text="x")
    assert answer["errors"] == ["no more than 50 items allowed [json-pointer:/blocks]"]


@pytest.mark.parametrize(
    ("block", "where"),
    [
        (_button(action_id="same"), "elements/0/action_id"),
        (_section(block_id="same"), "block_id"),
        (_section(accessory=_button(action_id="same")["elements"][0]), "accessory/action_id"),
    ],
)
def test_ids_are_unique_in_a_message(send, block, where):
    answer = send.call("chat.postMessage", channel="x", text="x", blocks=[block, block])
    assert answer["error"] == "invalid_blocks"
    assert answer["errors"][0].endswith(f"already exists [json-pointer:/blocks/1/{where}]")
    answer = send.call("chat.postMessage", channel="x", blocks=[block], attachments=[{"blocks": [block]}])
    assert answer["errors"][0].endswith(f"[json-pointer:/attachments/0/blocks/0/{where}]")


def test_blocks_that_are_too_long_together_are_refused_by_the_api_and_a_problem_before(inbox, send):
    too_long = [_section("x" * 2401) for _ in range(5)]
    assert send.call("chat.postMessage", channel="x", blocks=too_long)["error"] == "msg_blocks_too_long"
    risky = [_section("x" * 2400) for _ in range(4)]
    assert send.call("chat.postMessage", channel="x", blocks=risky)["ok"]
    assert inbox.messages()[0].problems == ("the blocks' texts have 9,600 characters together: Slack has refused less",)


def test_every_kind_of_block_is_read(inbox, send):
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": ":fire: *orders* failed"}},
        _section("*Try* 3 of 3", accessory={"type": "button", "text": _plain(3), "url": "https://x.example/a"}),
        {"type": "section", "fields": [{"type": "mrkdwn", "text": "*Since*\n02:14"}, _plain(2)]},
        {"type": "divider"},
        _button(url="https://x.example/b"),
        _image(title=_plain(4)),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": "`airflow`"}, _image(alt_text="a fan")]},
        {"type": "markdown", "text": "**as written**"},
        {
            "type": "rich_text",
            "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": "bold", "style": {"bold": True}}]},
                {"type": "rich_text_preformatted", "elements": [{"type": "text", "text": "  if a < b:\n    c"}]},
                {
                    "type": "rich_text_list",
                    "elements": [
                        {"type": "rich_text_section", "elements": [{"type": "link", "url": "https://x.example/c"}]},
                        {"type": "rich_text_section", "elements": [{"type": "emoji", "name": "x"}]},
                    ],
                },
                {"type": "rich_text_quote", "elements": [{"type": "text", "text": "quoted"}]},
            ],
        },
    ]
    assert send.call("chat.postMessage", channel="x", text="only for notifications", blocks=blocks)["ok"]
    assert inbox.messages()[0].text.splitlines() == [
        "🔥 *orders* failed",
        "Try 3 of 3",
        "xxx (https://x.example/a)",
        "Since",
        "02:14",
        "xx",
        "———",
        "x (https://x.example/b)",
        "xxxx🖼 x (https://x.example/i.png)",
        "airflow🖼 a fan (https://x.example/i.png)",
        "**as written**",
        "bold",
        "  if a < b:",
        "    c",
        "• https://x.example/c",
        "• ❌",
        "quoted",
    ]
