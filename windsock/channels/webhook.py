"""A server of the user's own, which gets JSON: windsock's from callbacks, Alertmanager's from there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windsock.settings.formats import Reference
from windsock.settings.section import Section

from . import Channel

if TYPE_CHECKING:
    from collections.abc import Callable


class WebhookChannel(Section):
    """A server of your own, which gets JSON; docs/channels.md has its fields."""

    secret: Reference | None = None
    """Signs each body (HMAC-SHA256), so that the server can tell who sent it."""
    headers: dict[str, str] = {}


class _Webhook(Channel[WebhookChannel]):
    title = "Webhook"
    receiver = "webhook_configs"

    def central(self, to: str) -> bool:
        """Alertmanager has the URL in its own file, in another one (`url_file`) since 0.26, never in a connection."""
        return "://" in to

    def config(self, section: WebhookChannel, to: str, file: Callable[[str], str]) -> dict[str, Any]:
        """Its JSON: https://prometheus.io/docs/alerting/latest/configuration/#webhook_config."""
        del section, file
        return {"send_resolved": True, "url": to}


CHANNEL = _Webhook()
