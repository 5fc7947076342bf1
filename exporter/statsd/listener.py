"""One address to receive on: a socket of our own, or one that systemd opened."""

from __future__ import annotations

import contextlib
import errno
import grp
import os
import socket
import stat
from pathlib import Path
from urllib.parse import urlsplit

from windsock.exceptions import WindsockError

from .datagrams import Datagrams
from .lag import Lag

_SO_RCVBUFFORCE = 33
_KINDS = {
    (socket.AF_INET, socket.SOCK_DGRAM): "udp",
    (socket.AF_INET6, socket.SOCK_DGRAM): "udp",
    (socket.AF_INET, socket.SOCK_STREAM): "tcp",
    (socket.AF_INET6, socket.SOCK_STREAM): "tcp",
    (socket.AF_UNIX, socket.SOCK_DGRAM): "unixgram",
    (socket.AF_UNIX, socket.SOCK_STREAM): "unix",
}


class Listener:
    """One address; `kind` is udp, unixgram, tcp or unix. Raises WindsockError where it can't be had.

    `mode` and `group` are those of a socket's file: who may write to it may send.
    """

    def __init__(
        self,
        url: str,
        read_buffer: int,
        inherited: socket.socket | None = None,
        *,
        mode: int = 0o660,
        group: str | None = None,
    ) -> None:
        self.url = url
        self._mode, self._group = mode, group
        self.kind = urlsplit(url).scheme
        self.remote = self.kind in {"udp", "tcp"}
        self.read_buffer = read_buffer
        self.lag = Lag()
        self._owned = inherited is None
        self.sock = self._bind() if inherited is None else inherited
        self.sock.setblocking(False)
        if self.kind in {"tcp", "unix"}:
            self.sock.listen(128)
            self.datagrams = None
        else:
            self.datagrams = Datagrams(self.sock)
            if self.datagrams.buffer_bytes() < read_buffer:
                self._ask_for_buffer(read_buffer)

    @classmethod
    def inherit(cls, sock: socket.socket, read_buffer: int) -> Listener:
        """Listen on a socket that is bound already."""
        return cls(address_of(sock), read_buffer, sock)

    @property
    def address(self) -> str:
        """The address with the port that it really got."""
        return address_of(self.sock)

    def close(self) -> None:
        """Close the socket, and remove its file where it is ours."""
        path = self.sock.getsockname() if self._owned and not self.remote else ""
        self.sock.close()
        if path:
            with contextlib.suppress(OSError):
                Path(os.fsdecode(path)).unlink()

    def _bind(self) -> socket.socket:
        parts = urlsplit(self.url)
        kind = socket.SOCK_STREAM if self.kind in {"tcp", "unix"} else socket.SOCK_DGRAM
        try:
            if not self.remote:
                _remove_stale(parts.path, kind)
                return self._bind_file(parts.path, kind)
            family, _, _, _, address = socket.getaddrinfo(
                parts.hostname or None, parts.port or 0, type=kind, flags=socket.AI_PASSIVE
            )[0]
            sock = socket.socket(family, kind)
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
        except OSError as error:
            hint = ": another program has it; choose another with --statsd-listen"
            in_use = hint if error.errno == errno.EADDRINUSE else ""
            raise WindsockError(f"can't listen on {self.url}: {error.strerror or error}{in_use}") from None
        return sock

    def _bind_file(self, path: str, kind: socket.SocketKind) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX, kind)
        try:
            group = _group_id(self._group) if self._group is not None else None
            os.fchmod(sock.fileno(), 0o600)  # the file's first mode: nobody else comes in before it is set
            sock.bind(path)
            if group is not None:
                self._give(path, group)
            Path(path).chmod(self._mode)
        except BaseException:
            sock.close()
            raise
        return sock

    def _give(self, path: str, group: int) -> None:
        try:
            os.chown(path, -1, group)
        except OSError as error:
            Path(path).unlink()
            raise WindsockError(
                f"{self.url}: can't be given to the group {self._group}: {error.strerror}; "
                "the exporter's user must be in it (exporter.statsd.socket_group)"
            ) from None

    def _ask_for_buffer(self, size: int) -> None:
        try:
            # Beyond net.core.rmem_max only with CAP_NET_ADMIN.
            self.sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
        except OSError:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


def _group_id(name: str) -> int:
    try:
        return int(name) if name.isdecimal() else grp.getgrnam(name).gr_gid
    except KeyError:
        raise WindsockError(f"there is no group {name} (exporter.statsd.socket_group)") from None


def kind_of(sock: socket.socket) -> str:
    """`udp`, `tcp`, `unixgram` or `unix`; empty for any other socket."""
    return _KINDS.get((sock.family, sock.type), "")


def address_of(sock: socket.socket) -> str:
    """The URL of the address that `sock` is bound to."""
    name = sock.getsockname()
    if isinstance(name, tuple):
        host = f"[{name[0]}]" if ":" in name[0] else name[0]
        return f"{kind_of(sock)}://{host}:{name[1]}"
    return f"{kind_of(sock)}://{os.fsdecode(name)}"


def _remove_stale(path: str, kind: socket.SocketKind) -> None:
    """Remove a socket file that is left over from a crash: nobody answers on it."""
    with contextlib.suppress(FileNotFoundError), socket.socket(socket.AF_UNIX, kind) as probe:
        if not stat.S_ISSOCK(Path(path).stat().st_mode):
            return
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
