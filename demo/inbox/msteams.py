"""A workflow of Microsoft Teams that posts what its webhook is sent: one adaptive card in the documented envelope.

The envelope: https://learn.microsoft.com/en-us/connectors/teams/#microsoft-teams-webhook. A message of more than 28 KB
is an error, and of more than four requests a second the rest is throttled:
https://learn.microsoft.com/en-us/microsoftteams/platform/webhooks-and-connectors/how-to/add-incoming-webhook. A real
workflow answers 202 before it looks at the card, and says later, to its owner alone, that it could not post it; this
one says it at once.
"""

from __future__ import annotations

import re
import time
import uuid
from collections import deque
from typing import TYPE_CHECKING, Any

from . import adaptive_card
from .exchange import Request, Response, json_response, parse_json
from .messages import Message, Store
from .plaintext import plaintext

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BYTES = 28 << 10
MAX_A_SECOND = 4
CARD = "application/vnd.microsoft.card.adaptive"

_PATH = re.compile(r"/msteams/workflows/([\w.-]{1,80})")
_CODES = {
    400: "InvalidRequestContent",
    401: "DirectApiAuthorizationRequired",
    404: "WorkflowNotFound",
    413: "RequestEntityTooLarge",
    429: "TooManyRequests",
}


class MsTeams:
    """Every name is a workflow; its messages appear in a channel of that name."""

    def __init__(self, store: Store, *, rate_limit: bool) -> None:
        self._store = store
        self._rate_limit = rate_limit
        self._recent: dict[str, deque[float]] = {}

    def handle(self, request: Request) -> Response:
        """Answer as a workflow does."""
        match = _PATH.fullmatch(request.path)
        if match is None or request.method != "POST":
            return self.refusal(request, 404)
        if self._rate_limit and self._is_throttled(match[1]):
            return self.refusal(request, 429)
        if len(request.body) > MAX_BYTES:
            return _refused(413, [f"the message has {len(request.body):,} bytes; Teams takes {MAX_BYTES:,}"])
        try:
            payload = parse_json(request.body)
        except ValueError:
            return _refused(400, ["the body is not valid JSON"])
        errors = list(_errors(payload))
        if errors:
            return _refused(400, errors)
        return Response(202, b"", message=self._add(match[1], payload, len(request.body)).seq)

    def endpoint(self, request: Request) -> str:
        """What an attempt calls it."""
        del request
        return "workflow"

    def refusal(self, request: Request, status: int) -> Response:
        """What a workflow says with an HTTP error of its own."""
        del request
        return _refused(status, [])

    def _is_throttled(self, workflow: str) -> bool:
        with self._store.lock:
            recent, now = self._recent.setdefault(workflow, deque(maxlen=MAX_A_SECOND)), time.monotonic()
            if len(recent) == MAX_A_SECOND and now - recent[0] < 1:
                return True
            recent.append(now)
            return False

    def _add(self, workflow: str, payload: dict[str, Any], size: int) -> Message:
        cards = [attachment["content"] for attachment in payload["attachments"]]
        name = uuid.uuid4().hex
        return self._store.add(
            Message(
                platform="msteams",
                channel=workflow,
                id=name,
                conversation=f"msteams/{name}",
                text=plaintext(adaptive_card.content(cards)),
                payload=payload,
                problems=tuple(dict.fromkeys(problem for card in cards for problem in adaptive_card.problems(card))),
                size=size,
            )
        )


def _errors(payload: Any) -> Iterator[str]:
    attachments = payload.get("attachments") if isinstance(payload, dict) else None
    if not isinstance(attachments, list) or not attachments:
        yield "expected an object with `attachments`, a list of cards"
        return
    if payload.get("type") != "message":
        yield "type: expected message"
    for index, attachment in enumerate(attachments):
        where = f"attachments[{index}]"
        if not isinstance(attachment, dict) or attachment.get("contentType") != CARD:
            yield f"{where}.contentType: expected {CARD}"
        else:
            yield from adaptive_card.errors(attachment.get("content"), f"{where}.content")


def _refused(status: int, details: list[str]) -> Response:
    code = _CODES.get(status, "InternalServerError")
    error = {"code": code, "message": "; ".join(details) or f"HTTP {status}"}
    return json_response({"error": error}, status, error=code, details=tuple(details))
