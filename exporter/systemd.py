"""What systemd tells a service, and what a service tells systemd: sd_notify(3) and sd_listen_fds(3), without a library.

Everything here does nothing where systemd did not start the process.
"""

from __future__ import annotations

import contextlib
import os
import socket
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windsock.exceptions import WindsockError

from .statsd.listener import address_of, kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, MutableMapping

_FIRST = 3
_VARIABLES = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


def notify(*fields: str) -> None:
    """Send fields such as `READY=1` to the service manager; one that does not listen is no error."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address.startswith(("/", "@")):
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
        sock.settimeout(1)
        sock.sendto("\n".join(fields).encode(), address)


def notify_reloading() -> None:
    """Say that the configuration is being read again; `READY=1` ends it."""
    notify("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")


def watchdog_seconds() -> float | None:
    """How often the service manager wants to hear `WATCHDOG=1` at the latest; None: not at all."""
    text = os.environ.get("WATCHDOG_USEC", "")
    if not text.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(text) / 1e6 or None


@dataclass(frozen=True)
class Sockets:
    """The sockets that systemd opened for this process."""

    web: socket.socket | None = None
    statsd: tuple[socket.socket, ...] = ()

    def kinds(self) -> set[str]:
        """Of which kinds there are StatsD sockets; they take the place of the configured listeners of that kind."""
        return {kind_of(sock) for sock in self.statsd}


def sockets(web_listen: str, environ: MutableMapping[str, str] = os.environ) -> Sockets:
    """Take over the inherited sockets; the variables that announce them are removed.

    The web socket is the TCP socket named `web` (`FileDescriptorName=`), or the one with the port of `web_listen`; all
    others are for StatsD. Raises WindsockError for one that is no use.
    """
    announced = {name: environ.pop(name, "") for name in _VARIABLES}
    count = announced["LISTEN_FDS"]
    if announced["LISTEN_PID"] != str(os.getpid()) or not count.isdigit():
        return Sockets()
    names = announced["LISTEN_FDNAMES"].split(":")
    found = list(_open(int(count), names))
    web = next((sock for sock, name in found if name == "web"), None) or next(
        (sock for sock, _ in found if kind_of(sock) == "tcp" and _port(sock) == web_listen.rpartition(":")[2]), None
    )
    if web is not None and kind_of(web) != "tcp":
        raise WindsockError(f"the socket named web, {address_of(web)}, is not one for TCP; use ListenStream=PORT")
    return Sockets(web, tuple(sock for sock, _ in found if sock is not web))


def _open(count: int, names: list[str]) -> Iterable[tuple[socket.socket, str]]:
    for index in range(count):
        number = _FIRST + index
        try:
            sock = socket.socket(fileno=number)
        except OSError as error:
            raise WindsockError(f"file descriptor {number} of the service manager is no socket: {error}") from None
        sock.set_inheritable(False)
        kind = kind_of(sock)
        if not kind or (kind in {"tcp", "unix"} and not _listens(sock)):
            raise WindsockError(
                f"file descriptor {number} of the service manager is no socket to receive on; "
                "use ListenDatagram= or ListenStream=, with Accept=no"
            )
        yield sock, names[index] if index < len(names) else ""


def _listens(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _port(sock: socket.socket) -> str:
    return str(sock.getsockname()[1])
