"""Who may send: the networks of `exporter.statsd.allow`."""

from __future__ import annotations

from ipaddress import IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

# Source addresses of UDP can be made up, so what is remembered of them has a bound.
_REMEMBERED = 10_000


class Senders:
    """Tells who is allowed, with one look-up in a dict for a sender that was seen before."""

    def __init__(self, networks: Iterable[str]) -> None:
        self._networks = tuple(ip_network(network) for network in networks)
        self._known: dict[Hashable, bool] = {}

    def allows(self, sender: Hashable) -> bool:
        """Whether `sender`, as a listener names it, is in one of the networks."""
        known = self._known.get(sender)
        if known is None:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            known = self._known[sender] = self._look(sender)
        return known

    def _look(self, sender: Hashable) -> bool:
        if not isinstance(sender, (bytes, str)) or not sender:
            return False
        address = ip_address(sender)
        if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped  # IPv4, on a socket that takes both
        return any(address in network for network in self._networks)
