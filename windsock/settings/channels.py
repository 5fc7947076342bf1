"""The section `channels` of windsock.yaml: which keys a platform has stands in its module of windsock/channels."""

from __future__ import annotations

from windsock.channels.email import EmailChannel
from windsock.channels.opsgenie import OpsgenieChannel
from windsock.channels.pagerduty import PagerDutyChannel
from windsock.channels.slack import SlackChannel
from windsock.channels.webhook import WebhookChannel
from windsock.settings.section import Section


class Channels(Section):
    """How each platform is reached, for all teams."""

    slack: SlackChannel = SlackChannel.unset()
    pagerduty: PagerDutyChannel = PagerDutyChannel.unset()
    email: EmailChannel = EmailChannel.unset()
    webhook: WebhookChannel = WebhookChannel.unset()
    opsgenie: OpsgenieChannel = OpsgenieChannel.unset()
    ca_file: str | None = None
    """Whom to trust beside the machine's certificates; callbacks only."""
