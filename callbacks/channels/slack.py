"""Slack: with a bot token one thread a run, whose first message is edited when it is resolved; or a webhook.

https://docs.slack.dev/reference/methods/chat.postMessage, …/chat.update; a webhook's message can't be changed, and
nothing can be put below it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from windsock import secrets
from windsock.callbacks.rendering import slack as rendering
from windsock.destinations import mention
from windsock.exceptions import SettingsError

from . import Answer, web

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.callbacks.rendering.message import Message
    from windsock.settings import Settings

_LATER = {"ratelimited", "rate_limited", "fatal_error", "internal_error", "service_unavailable", "request_timeout"}
"""What Slack says with status 200 and does not mean for ever."""
_HOOKS = "https://hooks.slack.com/services"


def send(to: str, message: Message, settings: Settings, seconds: float, state: Mapping[str, str]) -> Answer:
    """Post to the channel `to`, below the first message of the run, or edit that one when the failure is resolved."""
    config = settings.channels.slack
    payload = rendering.payload(message, _mention(message, settings))
    if config.token:
        token = secrets.value(config.token, "channels.slack.token")
        if not (state.get("channel") and state.get("ts")):
            return _call("chat.postMessage", token, {"channel": to, **payload}, settings, seconds)
        # chat.update takes no channel's name: the id comes from the first answer.
        first = {"channel": state["channel"], "ts": state["ts"]}
        if message.resolved:
            answer = _call("chat.update", token, {**first, **payload}, settings, seconds)
            if answer.detail != "Slack: message_not_found":
                return answer
            return _call("chat.postMessage", token, {"channel": to, **payload}, settings, seconds)
        below = {"channel": first["channel"], "thread_ts": first["ts"], **payload}
        return _call("chat.postMessage", token, below, settings, seconds)
    if config.webhook:
        url = secrets.value(config.webhook, "channels.slack.webhook", _hook)
        reply = web.post(url, json.dumps({"channel": to, **payload}).encode(), settings, seconds)
        return reply if isinstance(reply, Answer) else web.judge(reply, reply.text)
    raise SettingsError(["channels.slack: no credential; set channels.slack.token or channels.slack.webhook"])


def preview(message: Message, settings: Settings) -> tuple[Any, str]:
    """What is sent, but for the channel, and what a person reads."""
    return rendering.payload(message, _mention(message, settings)), f"{message.title}\n{rendering.text(message)}"


def _mention(message: Message, settings: Settings) -> str:
    """Whom the first message of an incident calls."""
    event = message.event
    return mention(settings, event.team, event.severity) if message.first and not message.resolved else ""


def _call(method: str, token: str, body: dict[str, Any], settings: Settings, seconds: float) -> Answer:
    url = f"{settings.channels.slack.api_url}/{method}"
    reply = web.post(url, json.dumps(body).encode(), settings, seconds, {"Authorization": f"Bearer {token}"})
    if isinstance(reply, Answer):
        return reply
    said = reply.json()
    if reply.status != 200:
        return web.judge(reply, str(said.get("error", "")) or reply.text)
    if said.get("ok") is True:
        return Answer(detail="ok", state={"channel": str(said.get("channel", "")), "ts": str(said.get("ts", ""))})
    if not said:
        # A log-in page answers 200 too.
        return Answer("server_error", f"HTTP 200, but no answer of Slack's: {reply.text}", uncertain=True)
    error = str(said.get("error", ""))
    return Answer("server_error" if error in _LATER else "rejected", f"Slack: {error}")


def _hook(found: Any) -> str:
    """Airflow's own connection type keeps the path after /services as the password."""
    host, secret = secrets.address(found) or _HOOKS, str(found.password or "")
    return secret if secret.startswith("http") else f"{host.rstrip('/')}/{secret.lstrip('/')}" if secret else host
