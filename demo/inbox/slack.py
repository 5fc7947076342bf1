"""Slack's incoming webhooks and Web API (chat.postMessage, chat.update, auth.test), as far as alerts need them.

Sources: the webhooks' errors, https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks and
https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks; the API's,
https://docs.slack.dev/reference/methods; 429 and Retry-After, https://docs.slack.dev/apis/web-api/rate-limits.

Any token `xoxb-…` or `xoxp-…`, any webhook and any channel is known. To meet a refusal that depends on the workspace,
name it: a webhook whose last part is the name of such an error gets it, and so does a channel, and a token
(`xoxb-token_revoked`).
"""

from __future__ import annotations

import math
import re
import threading
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from . import slack_limits, slack_view
from .channels import channel_of, id_of, is_id
from .exchange import Request, Response, json_response, parse_json, text_response
from .messages import Message, Store
from .plaintext import plaintext

if TYPE_CHECKING:
    from collections.abc import Iterator

WEBHOOK_ERRORS = {
    "action_prohibited": 403,
    "channel_is_archived": 410,
    "channel_not_found": 404,
    "invalid_token": 403,
    "no_active_hooks": 404,
    "no_service": 404,
    "no_team": 404,
    "rollup_error": 500,
    "team_disabled": 403,
    "user_not_found": 400,
}
CHANNEL_ERRORS = frozenset({"channel_not_found", "is_archived", "not_in_channel", "restricted_action"})
TOKEN_ERRORS = frozenset({"account_inactive", "missing_scope", "token_expired", "token_revoked"})

_WEBHOOK = re.compile(r"/slack/services/[^/]+/([^/]+)/([^/]+)")
_API = "/slack/api/"
_FORM = "application/x-www-form-urlencoded"
_TS = re.compile(r"\d{10}\.\d{6}")
_POSTS = (1, 1.0)
"""Messages of a channel, and seconds."""
_UPDATES = (50, 60.0)
"""Edits of the whole workspace, tier 3."""
_SAID = ("text", "blocks", "attachments")


class Slack:
    """One workspace."""

    def __init__(self, store: Store, *, rate_limit: bool = False) -> None:
        self._store = store
        self._rate_limit = rate_limit
        self._took: dict[str, list[float]] = {}
        self._lock = threading.Lock()
        self._last_ts = 0
        self._methods = {
            "auth.test": self._auth_test,
            "chat.postMessage": self._post_message,
            "chat.update": self._update,
        }

    def handle(self, request: Request) -> Response:
        """Answer as Slack does."""
        return self._call(request) if request.path.startswith(_API) else self._hook(request)

    def endpoint(self, request: Request) -> str:
        """What an attempt calls it."""
        return request.path.removeprefix(_API) if request.path.startswith(_API) else "webhook"

    def refusal(self, request: Request, status: int) -> Response:
        """What Slack says with an HTTP error of its own."""
        if request.path.startswith(_API):
            return _failed("ratelimited" if status == 429 else "fatal_error", status=status)
        return _refused("rate_limited" if status == 429 else "rollup_error", status)

    def _hook(self, request: Request) -> Response:
        match, payload = _WEBHOOK.fullmatch(request.path), _hook_payload(request)
        refused = next(_hook_refusals(match[2] if match else "no_service", payload), None)
        if refused or payload is None or match is None:
            return _refused(*(refused or ("invalid_payload", 400, ())))
        channel = channel_of(payload.get("channel")) or match[1]
        return self._slow_down(request, channel, _POSTS) or text_response(
            "ok", message=self._post(payload, channel, request).seq
        )

    def _call(self, request: Request) -> Response:
        method = self._methods.get(self.endpoint(request))
        is_json = request.content_type == "application/json"
        if method is None:
            return _failed("unknown_method")
        if request.body and not is_json and request.content_type != _FORM:
            return _failed("invalid_post_type")
        try:
            payload = _fields(request) if request.body else {}
        except ValueError:
            return _failed("invalid_json" if is_json else "invalid_form_data")
        if not isinstance(payload, dict):
            return _failed("json_not_object")
        # The token never reaches a message; only a form may carry it outside the header.
        in_form = payload.pop("token", "")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        error = _token_error(token.strip() if scheme.lower() == "bearer" else "" if is_json else str(in_form))
        return _failed(error) if error else method(request, payload)

    def _auth_test(self, request: Request, payload: dict[str, Any]) -> Response:
        del payload
        url = f"http://{request.headers.get('host', 'localhost')}/"
        names = {"team": "windsock", "user": "windsock", "team_id": "T0WINDSOCK", "user_id": "U0WINDSOCK"}
        return json_response({"ok": True, "url": url, **names, "bot_id": "B0WINDSOCK", "is_enterprise_install": False})

    def _post_message(self, request: Request, payload: dict[str, Any]) -> Response:
        channel = channel_of(payload.get("channel")) or "#channel_not_found"
        if channel[1:] in CHANNEL_ERRORS:
            return _failed(channel[1:])
        if payload.get("thread_ts") and not _TS.fullmatch(str(payload["thread_ts"])):
            return _failed("invalid_thread_ts")
        refused = slack_limits.refusal(payload, "chat.postMessage")
        if refused:
            return _failed(*refused)
        slow_down = self._slow_down(request, channel, _POSTS)
        if slow_down:
            return slow_down
        message = self._post(payload, channel, request)
        body = _body(message)
        if len(payload.get("text") or "") > slack_limits.MAX_TEXT:
            warning = "[WARN] Your message was truncated but still posted."
            body["response_metadata"] = {"warnings": ["message_truncated"], "messages": [warning]}
        return json_response(body, message=message.seq)

    def _update(self, request: Request, payload: dict[str, Any]) -> Response:
        # A name will not do here, although it does in chat.postMessage:
        # https://github.com/slackapi/python-slack-sdk/issues/696
        given = str(payload.get("channel", ""))
        channel, ts = channel_of(given), payload.get("ts")
        if not is_id(given):
            return _failed("channel_not_found")
        refused = slack_limits.refusal(payload, "chat.update")
        slow_down = None if refused else self._slow_down(request, "chat.update", _UPDATES)
        if slow_down:
            return slow_down
        with self._store.lock:
            old = self._store.newest(lambda m: m.platform == "slack" and m.channel == channel and m.id == ts)
            if old is None:
                return _failed("message_not_found")
            if refused:
                return _failed(*refused)
            # Who posted it stays; what is said is replaced as a whole.
            kept = {key: value for key, value in old.payload.items() if key not in _SAID}
            new = {**kept, **{key: payload[key] for key in _SAID if payload.get(key)}}
            message = self._store.edit(
                old,
                payload=new,
                text=plaintext(slack_view.content(new)),
                problems=tuple(slack_limits.problems(payload)),
                size=len(request.body),
            )
        return json_response({**_body(message), "text": new.get("text", "")}, message=message.seq)

    def _post(self, payload: dict[str, Any], channel: str, request: Request) -> Message:
        cut = payload["text"][: slack_limits.MAX_TEXT] if payload.get("text") else None
        shown = {**payload, "text": cut} if cut else payload
        thread = str(payload.get("thread_ts") or "") or None
        problems = list(slack_limits.problems(payload))
        with self._store.lock:
            if thread and not self._store.newest(lambda m: m.channel == channel and m.id == thread):
                problems.append(f"thread_ts {thread} is no message of {channel} that is still here")
            self._last_ts = max(time.time_ns() // 1000, self._last_ts + 1)
            ts = f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06}"
            return self._store.add(
                Message(
                    platform="slack",
                    channel=channel,
                    id=ts,
                    thread=thread,
                    conversation=f"slack/{channel}/{thread or ts}",
                    text=plaintext(slack_view.content(shown)),
                    payload=shown,
                    problems=tuple(problems),
                    size=len(request.body),
                )
            )

    def _slow_down(self, request: Request, what: str, limit: tuple[int, float]) -> Response | None:
        """429 where `what` had so many requests in so many seconds already."""
        if not self._rate_limit:
            return None
        now, (most, seconds) = time.monotonic(), limit
        with self._lock:
            took = self._took[what] = [at for at in self._took.get(what, []) if now - at < seconds]
            if len(took) < most:
                took.append(now)
                return None
        answer = self.refusal(request, 429)
        retry = {"Retry-After": str(math.ceil(took[0] + seconds - now))}
        return Response(429, answer.body, answer.content_type, retry, answer.error)


def _hook_payload(request: Request) -> dict[str, Any] | None:
    """What a webhook was sent; a form has the JSON in its field `payload`."""
    try:
        payload = _fields(request)
        payload = parse_json(payload["payload"]) if request.content_type == _FORM else payload
    except (ValueError, KeyError):
        return None
    return payload if isinstance(payload, dict) and request.method == "POST" else None


def _hook_refusals(hook: str, payload: dict[str, Any] | None) -> Iterator[tuple[str, int, tuple[str, ...]]]:
    if hook in WEBHOOK_ERRORS:
        yield hook, WEBHOOK_ERRORS[hook], ()
    if payload is not None:
        name = (channel_of(payload.get("channel") or "inbox") or "#channel_not_found")[1:]
        if name in WEBHOOK_ERRORS:
            yield name, WEBHOOK_ERRORS[name], ()
        refused = slack_limits.refusal(payload, "webhook")
        if refused:
            error, details = refused
            yield "invalid_payload" if error == "invalid_arguments" else error, 400, details


def _fields(request: Request) -> Any:
    """What the body says. Raises ValueError."""
    if request.content_type != _FORM:
        return parse_json(request.body)
    fields: dict[str, Any] = dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    for key in ("blocks", "attachments"):
        if key in fields:
            try:
                fields[key] = parse_json(fields[key])
            except ValueError:
                # Left as it is: no list, and refused for that.
                continue
    return fields


def _token_error(token: str) -> str | None:
    if not token:
        return "not_authed"
    if not token.startswith(("xoxb-", "xoxp-")):
        return "invalid_auth"
    return token[5:] if token[5:] in TOKEN_ERRORS else None


def _refused(error: str, status: int, details: tuple[str, ...] = ()) -> Response:
    return text_response(error, status, error=error, details=details)


def _failed(error: str, details: tuple[str, ...] = (), status: int = 200) -> Response:
    value: dict[str, Any] = {"ok": False, "error": error}
    if details:
        value |= {"errors": details, "response_metadata": {"messages": [f"[ERROR] {line}" for line in details]}}
    return json_response(value, status, error=error, details=details)


def _body(message: Message) -> dict[str, Any]:
    said = {key: message.payload[key] for key in ("blocks", "attachments", "username") if key in message.payload}
    if message.thread:
        said["thread_ts"] = message.thread
    return {
        "ok": True,
        "channel": id_of(message.channel),
        "ts": message.id,
        "message": {
            "type": "message",
            "subtype": "bot_message",
            "bot_id": "B0WINDSOCK",
            "ts": message.id,
            "text": message.payload.get("text", ""),
            **said,
        },
    }
