"""A server of the user's own, which gets JSON: windsock's from callbacks, Alertmanager's from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windsock.settings.formats import Headers, Reference
from windsock.settings.section import Section
from windsock.versions import at_least

from . import Channel, timeout

if TYPE_CHECKING:
    from collections.abc import Callable


class WebhookChannel(Section):
    """A server of your own, which gets JSON; docs/channels.md has its fields."""

    secret: Reference | None = None
    """Signs each body (HMAC-SHA256), so that the server can tell who sent it."""
    headers: Headers = {}
    """`${VARIABLE}` in a value is the variable's."""


class _Webhook(Channel[WebhookChannel]):
    title = "Webhook"
    receiver = "webhook_configs"

    def central(self, to: str, version: str) -> bool:
        """Alertmanager has the URL in its own file, or in another one: `url_file`, which works from 0.28 on."""
        return _is_open(to) or (bool(to) and at_least(version, "0.28"))

    def references(self, section: WebhookChannel, to: str) -> tuple[str | None, ...]:
        del section
        return () if _is_open(to) else (to,)

    def config(self, section: WebhookChannel, to: str, file: Callable[[str], str], version: str) -> dict[str, Any]:
        """Its JSON: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config."""
        del section
        url = {"url": to} if _is_open(to) else {"url_file": file(to)}
        return {"send_resolved": True, **url, **timeout(version, "0.28")}


def _is_open(to: str) -> bool:
    """Whether `to` is the URL itself, and not what holds it."""
    return "://" in to


CHANNEL = _Webhook()
