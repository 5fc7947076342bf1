"""One POST with a body of JSON to a platform, and what the platform's status means."""

from __future__ import annotations

import email.utils
import re
import ssl
import time
from typing import TYPE_CHECKING

from windsock.http import Client, NoReplyError

from . import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.http import Reply
    from windsock.settings import Settings


def post(
    url: str, body: bytes, settings: Settings, seconds: float, headers: Mapping[str, str] | None = None
) -> Reply | Answer:
    """Send `body`; an Answer says why there is no reply."""
    client = Client(lambda: tls(settings), proxied=True)
    try:
        return client.request(
            url, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})}, seconds
        )
    except NoReplyError as error:
        return Answer("timeout" if error.timed_out else "unreachable", str(error), uncertain=error.sent)


def judge(reply: Reply, says: str) -> Answer:
    """What an HTTP status means: 2xx taken, 429 and 5xx later, all else never."""
    detail = f"HTTP {reply.status}" + (f": {says}" if says else "")
    if 200 <= reply.status < 300:
        return Answer(detail=detail)
    if reply.status in (408, 425, 429):
        return Answer("throttled", detail, wait=retry_after(reply))
    if reply.status >= 500:
        return Answer("server_error", detail, wait=retry_after(reply))
    return Answer("rejected", detail)


def retry_after(reply: Reply) -> float:
    """Seconds of the Retry-After header, which may be a date; 0: none."""
    value = reply.headers.get("retry-after", "").strip()
    if re.fullmatch(r"\d{1,9}(\.\d+)?", value):
        return float(value)
    try:
        return max(0.0, email.utils.parsedate_to_datetime(value).timestamp() - time.time())
    except (TypeError, ValueError, OverflowError):
        return 0.0


def tls(settings: Settings) -> ssl.SSLContext:
    """Whom to trust: the machine's certificates, and `channels.ca_file` beside them."""
    context = ssl.create_default_context()
    if settings.channels.ca_file:
        context.load_verify_locations(settings.channels.ca_file)
    return context
