"""PagerDuty's Events API v2.

Fields, limits and answers: https://developer.pagerduty.com/docs/send-alert-event and …/events-api-v2-overview. The
error texts for routing_key and severity are PagerDuty's own; those of the other fields follow them.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import TYPE_CHECKING, Any

from . import pagerduty_view
from .exchange import Request, Response, json_response, parse_json
from .messages import Message, Store
from .plaintext import plaintext

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 512 << 10
MAX_SUMMARY = 1_024
MAX_DEDUP_KEY = 255
SEVERITIES = ("critical", "warning", "error", "info")
STATES = {"trigger": "triggered", "acknowledge": "acknowledged", "resolve": "resolved"}

ROUTING_KEY_LENGTH = "Length of 'routing_key' is incorrect (should be 32 characters)"
UNKNOWN_SEVERITY = (
    "'payload.severity' is invalid (must be one of the following: 'critical', 'warning', 'error' or 'info')"
)


class PagerDuty:
    """Every routing key of 32 characters is a service."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def handle(self, request: Request) -> Response:
        """Answer as PagerDuty does."""
        if request.path != "/pagerduty/v2/enqueue" or request.method != "POST":
            return self.refusal(request, 404)
        if len(request.body) > MAX_BYTES:
            return _invalid(["Event is larger than 512 KB"], 413)
        try:
            event = parse_json(request.body)
        except ValueError:
            return _invalid(["Body is not valid JSON"])
        errors = list(_errors(event)) if isinstance(event, dict) else ["Body is not a JSON object"]
        if errors:
            return _invalid(errors)
        message = self._add(event, len(request.body))
        return json_response(
            {"status": "success", "message": "Event processed", "dedup_key": message.id}, 202, message=message.seq
        )

    def endpoint(self, request: Request) -> str:
        """What an attempt calls it."""
        del request
        return "enqueue"

    def refusal(self, request: Request, status: int) -> Response:
        """What PagerDuty says with an HTTP error of its own."""
        del request
        known = {404: "not found", 429: "throttle exceeded"}
        error = known.get(status, "internal error")
        return json_response({"status": error, "message": f"HTTP {status}"}, status, error=error)

    def _add(self, event: dict[str, Any], size: int) -> Message:
        service, action, key = event["routing_key"], event["event_action"], event.get("dedup_key") or uuid.uuid4().hex
        with self._store.lock:
            last = self._store.newest(
                lambda m: m.platform == "pagerduty" and m.channel == service and m.id == key and m.state != "dropped"
            )
            before = last if last and last.state != "resolved" else None
            conversation = before.conversation if before else f"pagerduty/{service}/{key}/{self._store.revision}"
            state, problems, title = STATES[action], [], key
            if action == "trigger":
                title = event["payload"]["summary"]
                # An acknowledgement is not taken back.
                state = before.state or state if before else state
            elif before:
                opening = self._store.newest(
                    lambda m: m.conversation == conversation and m.payload["event_action"] == "trigger"
                )
                title = opening.payload["payload"]["summary"] if opening else key
            else:
                state = "dropped"
                problems.append(f"no open incident has this dedup_key: the {action} changes nothing")
            return self._store.add(
                Message(
                    platform="pagerduty",
                    channel=service,
                    id=key,
                    thread=key if before else None,
                    conversation=conversation,
                    text=plaintext(pagerduty_view.event(state, title, event)),
                    payload=event,
                    state=state,
                    problems=tuple(problems),
                    size=size,
                )
            )


def _errors(event: dict[str, Any]) -> Iterator[str]:
    action = event.get("event_action")
    yield from _string(event, "routing_key")
    if isinstance(event.get("routing_key"), str) and event["routing_key"] and len(event["routing_key"]) != 32:
        yield ROUTING_KEY_LENGTH
    if action not in tuple(STATES):
        yield "'event_action' is invalid (must be one of the following: 'trigger', 'acknowledge' or 'resolve')"
    yield from _string(event, "dedup_key", most=MAX_DEDUP_KEY, needed=action in ("acknowledge", "resolve"))
    for key in ("links", "images"):
        yield from _context(event.get(key), key)
    if action != "trigger":
        return
    payload = event.get("payload")
    if not isinstance(payload, dict):
        yield "'payload' is missing or blank"
        return
    yield from _string(payload, "summary", most=MAX_SUMMARY, within="payload.")
    yield from _string(payload, "source", within="payload.")
    if payload.get("severity") not in SEVERITIES:
        yield UNKNOWN_SEVERITY
    for key in ("component", "group", "class"):
        yield from _string(payload, key, within="payload.", needed=False)
    if not isinstance(payload.get("custom_details") or {}, dict):
        yield "'payload.custom_details' is invalid (must be an object)"
    if not _is_timestamp(payload.get("timestamp") or "1970-01-01"):
        yield "'payload.timestamp' is invalid (must be an ISO 8601 timestamp)"


def _string(holder: dict[str, Any], key: str, *, within: str = "", most: int = 0, needed: bool = True) -> Iterator[str]:
    value = holder.get(key)
    if value is None or value == "":
        if needed:
            yield f"'{within}{key}' is missing or blank"
    elif not isinstance(value, str):
        yield f"'{within}{key}' is invalid (must be a string)"
    elif needed and not value.strip():
        yield f"'{within}{key}' is missing or blank"
    elif most and len(value) > most:
        yield f"'{within}{key}' is too long (must be at most {most} characters)"


def _context(items: Any, key: str) -> Iterator[str]:
    """Links need `href`, images a `src` that is served by HTTPS."""
    if items is None:
        return
    wanted = "href" if key == "links" else "src"
    for index, item in enumerate(items if isinstance(items, list) else [None]):
        url = item.get(wanted) if isinstance(item, dict) else None
        if not isinstance(url, str) or not url:
            yield f"'{key}[{index}].{wanted}' is missing or blank"
        elif key == "images" and not url.startswith("https://"):
            yield f"'{key}[{index}].src' is invalid (must be served by HTTPS)"


def _is_timestamp(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    # Go writes nanoseconds, older tools +0000: Python 3.10 reads neither.
    for form in ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d"):
        head, dot, tail = value.partition(".")
        zone = tail.lstrip("0123456789") if dot else ""
        try:
            datetime.strptime(head + zone, form)  # noqa: DTZ007  only the form matters
        except ValueError:
            continue
        return True
    return False


def _invalid(errors: list[str], status: int = 400) -> Response:
    body = {"status": "invalid event", "message": "Event object is invalid", "errors": errors}
    return json_response(body, status, error="invalid event", details=tuple(errors))
