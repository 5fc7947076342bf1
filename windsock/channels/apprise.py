"""Everything else, through Apprise: each of a team's URLs is told by itself, by callbacks alone."""

from __future__ import annotations

from . import Channel


class _Apprise(Channel[None]):
    title = "Apprise"

    def addresses(self, value: tuple[str, ...]) -> tuple[str, ...]:
        return value


CHANNEL = _Apprise()
