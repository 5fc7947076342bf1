"""Free ports, and a clear word where one that is asked for is taken."""

from __future__ import annotations

import errno
import socket
from urllib.parse import urlsplit

from windsock.exceptions import StackError


class Ports:
    """Hands out ports that nothing listens on, none of them twice."""

    def __init__(self) -> None:
        self._given: set[int] = set()

    def free(self, kind: socket.SocketKind = socket.SOCK_STREAM) -> int:
        """A port that is free on all interfaces: Airflow's log servers can't be told to listen on loopback only."""
        while True:
            with socket.socket(socket.AF_INET, kind) as probe:
                probe.bind(("", 0))
                port: int = probe.getsockname()[1]
            if port not in self._given:
                self._given.add(port)
                return port


def require(address: str, key: str, origin: str) -> None:
    """Raise StackError where `address` (HOST:PORT, or with udp:// or tcp://) can't be bound.

    `key` and `origin` say which setting asks for it, and where that stands.
    """
    url = urlsplit(address if "//" in address else f"//{address}")
    if url.scheme in ("unix", "unixgram"):
        return
    host, port = url.hostname or "", url.port or 0
    kind = socket.SOCK_DGRAM if url.scheme == "udp" else socket.SOCK_STREAM
    try:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        what = "is in use" if error.errno == errno.EADDRINUSE else f"can't be used ({error.strerror})"
        raise StackError(f"{address} {what}: free it, or change {key} ({origin})") from None
