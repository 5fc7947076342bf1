"""The inbox as a whole: its sockets, its threads, and what a test asks of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windsock import loopback
from windsock.exceptions import StackError

from .faults import Fault, Faults
from .mail import MailServer
from .messages import KEEP, Attempt, Message, Platform, Store
from .msteams import MsTeams
from .pagerduty import PagerDuty
from .slack import Slack
from .web import HttpPlatform, WebServer

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from types import TracebackType

    from typing_extensions import Self


class Inbox:
    """`with Inbox() as inbox:` serves on free loopback ports until the block ends.

    `listen` and `smtp_listen` are HOST:PORT; port 0 takes a free one. `rate_limit` holds Slack's senders to one message
    a second a channel and fifty edits a minute, those of Teams to four requests a second a workflow. Raises UsageError
    for an address that is not loopback, StackError for one that is taken.
    """

    def __init__(
        self,
        listen: str = "127.0.0.1:0",
        smtp_listen: str = "127.0.0.1:0",
        *,
        keep: int = KEEP,
        rate_limit: bool = False,
    ) -> None:
        self._addresses = (_address(listen, "--listen"), _address(smtp_listen, "--smtp-listen"))
        self._store = Store(keep)
        self._faults = Faults()
        self._rate_limit = rate_limit

    def __enter__(self) -> Self:
        sockets: list[socket.socket] = []
        try:
            for address, option in zip(self._addresses, ("--listen", "--smtp-listen"), strict=True):
                sockets.append(loopback.bind(address, option, "the inbox"))
        except StackError:
            for bound in sockets:
                bound.close()
            raise
        self.url = f"http://{loopback.shown(sockets[0])}"
        """Of the page, without a slash at its end."""
        self.smtp_address = loopback.shown(sockets[1])
        """HOST:PORT."""
        platforms: dict[Platform, HttpPlatform] = {
            "slack": Slack(self._store, rate_limit=self._rate_limit),
            "msteams": MsTeams(self._store, rate_limit=self._rate_limit),
            "pagerduty": PagerDuty(self._store),
        }
        self._mail = MailServer(sockets[1], self._store, self._faults)
        self._web = WebServer(sockets[0], self._store, self._faults, platforms, self.addresses)
        self._web.start()
        self._mail.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._store.close()
        self._web.stop()
        self._mail.stop()

    @property
    def addresses(self) -> dict[str, str]:
        """What to configure a sender with."""
        return {
            "url": self.url,
            "slack_webhook": f"{self.url}/slack/services/T0WINDSOCK/B0WINDSOCK/inbox",
            "slack_api": f"{self.url}/slack/api",
            "msteams": f"{self.url}/msteams/workflows/inbox",
            "pagerduty": f"{self.url}/pagerduty/v2/enqueue",
            "smtp": self.smtp_address,
        }

    @property
    def certificate(self) -> bytes:
        """PEM: whom a sender has to trust that reaches the platforms' own addresses with `url` as its proxy."""
        return self._web.authority.certificate

    def messages(self, platform: str | None = None, channel: str | None = None, since: int = 0) -> list[Message]:
        """Oldest first: those of `platform` and `channel` that arrived or were edited after the number `since`."""
        return self._store.messages(platform, channel, since)

    def attempts(self, platform: str | None = None) -> list[Attempt]:
        """Every request to a platform, oldest first, refused ones too."""
        return self._store.attempts(platform)

    def wait_for(self, test: Callable[[Message], bool], timeout: float = 60.0) -> Message:
        """The first message that `test` is true of. Raises TimeoutError, saying what there is instead."""
        found = self._store.wait(lambda: next((m for m in self.messages() if test(m)), None), timeout)
        if found is None:
            seen = [f"{m.platform} {m.channel}: {m.text[:200]!r}" for m in self.messages()]
            seen += [f"refused by {a.platform}: {a.error or a.fault} {a.details}" for a in self.attempts() if a.refused]
            raise TimeoutError(f"no such message within {timeout:g} s; there are: {'; '.join(seen) or 'none'}")
        return found

    def fault(self, **fault: Any) -> None:
        """Misbehave: the fields of `Fault`, as in `fault(platform="slack", kind="status", status=429, count=1)`."""
        self._faults.add(Fault(**fault))

    def clear(self) -> None:
        """Forget all messages, attempts and faults."""
        self._store.clear()
        self._faults.clear()


def _address(text: str, option: str) -> tuple[str, int]:
    return loopback.address(text, option, "the inbox takes messages from anyone")
