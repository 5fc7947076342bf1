"""Everything else, through Apprise (`pip install 'windsock[apprise]'`): some hundred services by their URLs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windsock import secrets
from windsock.callbacks.rendering import plain
from windsock.exceptions import SettingsError

from . import Answer

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.callbacks.rendering.message import Message
    from windsock.settings import Settings


def preview(message: Message, settings: Settings) -> tuple[Any, str]:
    """What Apprise is given; what people read is up to the service."""
    del settings
    return {"title": message.title, "body": plain.text(message)}, ""


def send(to: str, message: Message, settings: Settings, seconds: float, state: Mapping[str, str]) -> Answer:
    """Notify the URL that `to` refers to. Apprise says whether it worked, and not why."""
    del settings, state
    try:
        import apprise  # noqa: PLC0415  an optional extra
    except ImportError:
        raise SettingsError(["apprise: not installed; pip install 'windsock[apprise]' brings it"]) from None
    url = secrets.value(to, "apprise", lambda found: found.password or found.get_uri())
    joint = "&" if "?" in url else "?"
    # Not through Apprise's own pool: its threads would hold up the end of the task's process.
    service = apprise.Apprise.instantiate(f"{url}{joint}cto={seconds:.1f}&rto={seconds:.1f}")
    if service is None:
        raise SettingsError([f"apprise: {to} holds no URL that Apprise knows"])
    kind = apprise.NotifyType.SUCCESS if message.resolved else apprise.NotifyType.FAILURE
    if service.notify(body=plain.text(message), title=message.title, notify_type=kind):
        return Answer(detail="taken")
    return Answer("unreachable", "Apprise could not deliver it; its log says why")
