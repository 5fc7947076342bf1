"""The thread that listens: datagram sockets in batches, streams line by line, everything into one `Ingest`."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import selectors
import socket
import stat
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, cast
from urllib.parse import urlsplit

from windsock.exceptions import WindsockError

from .receive import BATCH, Datagrams

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from windsock.exporter.own import OwnMetrics

    from .ingest import Ingest

log = logging.getLogger(__name__)

_PAUSE = 0.003
_WAIT = 0.5
_STREAM_READ = 65_536
_LONGEST_LINE = 65_536
_CONNECTIONS = 1000
_SO_RCVBUFFORCE = 33


class Listener:
    """One address; `kind` is udp, unixgram, tcp or unix."""

    def __init__(self, url: str, read_buffer: int) -> None:
        parts = urlsplit(url)
        self.url = url
        self.kind = parts.scheme
        self.sock = self._bind(parts.hostname or "", parts.port or 0, parts.path)
        self.sock.setblocking(False)
        if self.kind in {"tcp", "unix"}:
            self.sock.listen(128)
            self.datagrams = None
        else:
            self._ask_for_buffer(read_buffer)
            self.datagrams = Datagrams(self.sock)

    @property
    def address(self) -> str:
        """The address with the port that it really got."""
        name = self.sock.getsockname()
        if isinstance(name, tuple):
            return f"{self.kind}://[{name[0]}]:{name[1]}" if ":" in name[0] else f"{self.kind}://{name[0]}:{name[1]}"
        return f"{self.kind}://{os.fsdecode(name)}"

    def close(self) -> None:
        """Close the socket, and remove its file where it has one."""
        path = self.sock.getsockname() if self.kind in {"unix", "unixgram"} else ""
        self.sock.close()
        if path:
            with contextlib.suppress(OSError):
                Path(os.fsdecode(path)).unlink()

    def _bind(self, host: str, port: int, path: str) -> socket.socket:
        kind = socket.SOCK_STREAM if self.kind in {"tcp", "unix"} else socket.SOCK_DGRAM
        try:
            if self.kind in {"unix", "unixgram"}:
                _remove_stale(path, kind)
                sock = socket.socket(socket.AF_UNIX, kind)
                sock.bind(path)
                return sock
            family, _, _, _, address = socket.getaddrinfo(host or None, port, type=kind, flags=socket.AI_PASSIVE)[0]
            sock = socket.socket(family, kind)
            if kind == socket.SOCK_STREAM:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            sock.bind(address)
        except OSError as error:
            hint = ": another program has it; choose another port" if error.errno == errno.EADDRINUSE else ""
            raise WindsockError(f"can't listen on {self.url}: {error.strerror or error}{hint}") from None
        return sock

    def _ask_for_buffer(self, size: int) -> None:
        try:
            # Beyond net.core.rmem_max only with CAP_NET_ADMIN.
            self.sock.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, size)
        except OSError:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, size)


class Receiver(threading.Thread):
    """Receives on all listeners until `stop`."""

    def __init__(self, listeners: Iterable[Listener], ingest: Ingest, own: OwnMetrics) -> None:
        super().__init__(name="receiver", daemon=True)
        self.listeners = tuple(listeners)
        self._ingest = ingest
        self._own = own
        self._stopping = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._streams: dict[socket.socket, _Stream] = {}
        self._received = {one.url: own.counter("windsock_datagrams_total", listener=one.url) for one in self.listeners}
        for listener in self.listeners:
            self._selector.register(listener.sock, selectors.EVENT_READ, listener)

    def run(self) -> None:
        """Receive; an error of one socket is logged and does not end the others."""
        ticked = time.monotonic()
        while not self._stopping.is_set():
            busy = False
            for key, _ in self._selector.select(_WAIT):
                try:
                    busy |= self._serve(key)
                except OSError as error:
                    log.warning("%s: %s", key.data.url, error.strerror or error)
            if not busy:
                time.sleep(_PAUSE)
            if time.monotonic() - ticked >= 1:
                ticked = time.monotonic()
                self._ingest.tick()
        self._drain()

    def stop(self) -> None:
        """Take what has arrived, then close; returns when that is done."""
        self._stopping.set()
        if self.is_alive():
            self.join()
        for sock in list(self._streams):
            self._hang_up(sock)
        for listener in self.listeners:
            listener.close()
        self._selector.close()

    def report(self) -> None:
        """Bring the figures that the kernel keeps up to date, for a scrape."""
        for listener in self.listeners:
            if listener.datagrams is not None:
                drops = self._own.counter("windsock_kernel_drops_total", listener=listener.url)
                drops.value = listener.datagrams.kernel_drops()
                self._own.set("windsock_read_buffer_bytes", listener.datagrams.buffer_bytes(), listener=listener.url)

    def _serve(self, key: selectors.SelectorKey) -> bool:
        """Returns whether there is more to read at once."""
        listener: Listener = key.data
        sock = cast("socket.socket", key.fileobj)
        if listener.datagrams is not None:
            return self._read_batch(listener, listener.datagrams)
        if sock is listener.sock:
            self._accept(listener)
            return True
        return self._read_stream(listener, sock)

    def _accept(self, listener: Listener) -> None:
        connection, address = listener.sock.accept()
        if len(self._streams) >= _CONNECTIONS:
            self._own.counter("windsock_sample_errors_total", reason="too_many_connections").value += 1
            connection.close()
            return
        connection.setblocking(False)
        self._streams[connection] = _Stream(address[0] if isinstance(address, tuple) else "")
        self._selector.register(connection, selectors.EVENT_READ, listener)

    def _read_batch(self, listener: Listener, source: Datagrams) -> bool:
        datagrams, senders = source.read()
        if not datagrams:
            return False
        self._received[listener.url].value += len(datagrams)
        if senders.count(senders[0]) == len(senders):
            self._ingest.feed(datagrams, senders[0])
        else:
            by_sender: dict[Hashable, list[bytes]] = {}
            for datagram, sender in zip(datagrams, senders, strict=True):
                by_sender.setdefault(sender, []).append(datagram)
            for sender, own in by_sender.items():
                self._ingest.feed(own, sender)
        return len(datagrams) == BATCH

    def _read_stream(self, listener: Listener, sock: socket.socket) -> bool:
        try:
            data = sock.recv(_STREAM_READ)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._selector.unregister(sock)
            self._hang_up(sock)
            return False
        stream = self._streams[sock]
        self._received[listener.url].value += 1
        lines = stream.take(data)
        if len(stream.rest) > _LONGEST_LINE:
            self._own.counter("windsock_sample_errors_total", reason="line_too_long").value += 1
            stream.skip()
        self._ingest.feed(lines, stream.sender)
        return len(data) == _STREAM_READ

    def _hang_up(self, sock: socket.socket) -> None:
        stream = self._streams.pop(sock)
        if stream.rest:
            self._ingest.feed([stream.rest], stream.sender)
        sock.close()

    def _drain(self) -> None:
        for listener in self.listeners:
            if listener.datagrams is not None:
                with contextlib.suppress(OSError):
                    while self._read_batch(listener, listener.datagrams):
                        pass


class _Stream:
    """What one connection sent after its last line feed."""

    def __init__(self, sender: Hashable) -> None:
        self.sender = sender
        self.rest = b""
        self._skipping = False

    def take(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes."""
        *lines, self.rest = (self.rest + data).split(b"\n")
        if self._skipping and lines:
            self._skipping = False
            del lines[0]
        if self._skipping:
            self.rest = b""
        return [line for line in lines if line]

    def skip(self) -> None:
        """Forget the line that is coming in, up to its end."""
        self._skipping = True
        self.rest = b""


def _remove_stale(path: str, kind: socket.SocketKind) -> None:
    """Remove a socket file that is left over from a crash: nobody answers on it."""
    with contextlib.suppress(FileNotFoundError), socket.socket(socket.AF_UNIX, kind) as probe:
        if not stat.S_ISSOCK(Path(path).stat().st_mode):
            return
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            Path(path).unlink()
