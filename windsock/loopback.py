"""Pages that are for this machine alone: the inbox, the preview of the dashboards."""

from __future__ import annotations

import ipaddress
import os
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from windsock.exceptions import StackError, UsageError

if TYPE_CHECKING:
    from email.message import Message


def address(text: str, option: str, why: str) -> tuple[str, int]:
    """The host and the port of HOST:PORT. Raises UsageError, saying `why`, where that is not loopback."""
    host, _, port = text.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host.removeprefix("[").removesuffix("]")
    if not port.isdecimal() or int(port) > 65535:
        raise UsageError(f"{option} {text}: expected HOST:PORT, such as 127.0.0.1:0 for a free port")
    if not _is_loopback(host):
        raise UsageError(
            f"{option} {text}: {why}, so it listens on loopback only; use 127.0.0.1:{port} or [::1]:{port}"
        )
    return host, int(port)


def bind(place: tuple[str, int], option: str, who: str) -> socket.socket:
    """A socket that listens. Raises StackError where the address is taken."""
    family = socket.AF_INET6 if ":" in place[0] else socket.AF_INET
    try:
        return socket.create_server(place, family=family, backlog=128)
    except OSError as error:
        host, port = place
        raise StackError(
            f"{who} can't listen on {host}:{port}: {os.strerror(error.errno or 0)}; "
            f"choose another port with {option} {host}:0"
        ) from None


def shown(bound: socket.socket) -> str:
    """HOST:PORT, as a URL has it."""
    host, port = bound.getsockname()[:2]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_local(headers: Message) -> bool:
    """Whether the caller used a loopback name: a page from elsewhere whose name was bound to us did not."""
    try:
        host = urlsplit(f"//{headers.get('Host', 'localhost')}").hostname or ""
    except ValueError:
        return False
    return host == "localhost" or _is_loopback(host)


def is_own(headers: Message) -> bool:
    """Whether the request is a program's or its own page's."""
    own = f"http://{headers.get('Host')}"
    return headers.get("Origin", own) == own and headers.get("Sec-Fetch-Site", "none") in ("same-origin", "none")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
