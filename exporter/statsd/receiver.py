"""The thread that listens: datagram sockets in batches, streams line by line, everything into one `Storage`."""

from __future__ import annotations

import contextlib
import errno
import logging
import resource
import selectors
import socket
import threading
import time
from typing import TYPE_CHECKING, cast

from windsock.exporter.process.crowd import Crowd
from windsock.exporter.process.worker import Worker

from .datagrams import BATCH, Datagrams
from .line import LONGEST_LINE
from .storage import Storage
from .stream import Stream

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable

    from windsock.exporter.series.kinds import Counter
    from windsock.exporter.series.own import OwnMetrics
    from windsock.exporter.series.rate import RateWindow

    from .ingest import Ingest
    from .listener import Listener
    from .relay import Relay
    from .senders import Senders

log = logging.getLogger(__name__)

_PAUSE = 0.003
_WAIT = 0.5
_DRAIN = 1.0
_STREAM_READ = 65_536
_CONNECTIONS = 1000
_RESERVED_FILES = 200
"""Of those that the process may open: for scrapes, the database, Alertmanager and the state."""
_QUIET, _UNHEARD = 10.0, 1.0
"""Seconds of silence after which a connection may have to make room for another one; of one that never said anything,
and of whose first words none may wait in the kernel."""
_IDLE = 3600.0
"""Seconds of silence after which it is taken for dead: Airflow's schedulers send every few seconds."""
_REST = 1.0
"""Seconds for which nobody is let in where the process has no files left; trying on would take a core."""
_NO_FILES = {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM}
_COMPLAIN_EVERY = 60.0


class Receiver(Worker):
    """Receives on all listeners until `stop`. `senders` and `relay` may be exchanged while it runs."""

    def __init__(self, listeners: Iterable[Listener], ingest: Ingest, own: OwnMetrics, rates: RateWindow) -> None:
        super().__init__("receiver", self._receive)
        self.listeners = tuple(listeners)
        self.senders: Senders | None = None
        """Who is listened to; None: everyone."""
        self.relay: Relay | None = None
        self.storage = Storage(ingest, rates)
        """Where all of it goes."""
        self.woke = time.monotonic()
        """When the thread last looked for something to read."""
        self._since = self.woke
        self._own = own
        self._stopping = threading.Event()
        self._selector = selectors.DefaultSelector()
        self._alarm, self._bell = socket.socketpair()
        self._selector.register(self._alarm, selectors.EVENT_READ)
        self._streams: dict[socket.socket, Stream] = {}
        """In the order in which they spoke: the first has been silent for longest."""
        self._crowd = Crowd(_places())
        self._resting: dict[Listener, float] = {}
        self._complained: dict[str, float] = {}
        self._received = self._counters("windsock_datagrams_total")
        self._refused = self._counters("windsock_refused_total")
        self._drops = self._counters("windsock_kernel_drops_total")
        for listener in self.listeners:
            self._selector.register(listener.sock, selectors.EVENT_READ, listener)

    def start(self) -> None:
        """Receive, and store."""
        self.storage.start()
        super().start()

    def _receive(self) -> None:
        """An error of one socket is logged and does not end the others."""
        ticked = time.monotonic()
        while not self._stopping.is_set():
            asked = time.monotonic()
            ready = self._selector.select(_WAIT)
            # What came while the thread waited woke it at once; what it finds may be as old as its last look.
            self._since = time.monotonic() - (asked - self.woke)
            self.woke = time.monotonic()
            busy = False
            if self.storage.full():
                ready = []
            for key, _ in ready:
                if key.data is None:
                    break
                listener: Listener = key.data
                try:
                    busy |= self._serve(listener, cast("socket.socket", key.fileobj))
                except OSError as error:
                    self._complain(listener, error)
                    if error.errno in _NO_FILES and key.fileobj is listener.sock:
                        self._rest(listener)
            if not busy:
                time.sleep(_PAUSE)
            if time.monotonic() - ticked >= 1:
                ticked = time.monotonic()
                self._tick(ticked)
        self._drain()

    def stop(self) -> None:
        """Take and store what has arrived, then close; returns when that is done."""
        self._stopping.set()
        self._bell.close()
        if self.is_alive():
            self.join()
        for sock in list(self._streams):
            self._hang_up(sock)
        self.storage.stop()
        for listener in self.listeners:
            listener.close()
        self._selector.close()
        self._alarm.close()

    def report(self) -> None:
        """Bring the figures that the kernel keeps up to date, for a scrape."""
        for listener in self.listeners:
            url = listener.url
            self._own.set("windsock_receive_pause_seconds", round(listener.lag.longest, 6), listener=url)
            if listener.datagrams is not None:
                self._drops[url].value = listener.datagrams.kernel_drops()
                self._own.set("windsock_read_buffer_bytes", listener.datagrams.buffer_bytes(), listener=url)
                self._own.set("windsock_read_buffer_asked_bytes", listener.read_buffer, listener=url)
                self._own.set("windsock_receive_backlog_bytes", listener.datagrams.backlog_bytes(), listener=url)

    def _counters(self, name: str) -> dict[str, Counter]:
        return {one.url: self._own.counter(name, listener=one.url) for one in self.listeners}

    def _tick(self, now: float) -> None:
        self.report()
        self._hang_up_idle()
        for listener, since in list(self._resting.items()):
            if now - since >= _REST:
                del self._resting[listener]
                self._selector.register(listener.sock, selectors.EVENT_READ, listener)
        for listener in self.listeners:
            listener.lag.tick()

    def _serve(self, listener: Listener, sock: socket.socket) -> bool:
        """Returns whether there is more to read at once."""
        if listener.datagrams is not None:
            return self._read_batch(listener, listener.datagrams)
        if sock is listener.sock:
            self._accept(listener)
            return True
        return self._read_stream(listener, sock)

    def _accept(self, listener: Listener) -> None:
        connection, address = listener.sock.accept()
        sender = address[0] if isinstance(address, tuple) else ""
        if self._refuses(listener, sender):
            self._refused[listener.url].value += 1
            connection.close()
            return
        if not self._make_room(sender):
            self._own.counter("windsock_sample_errors_total", reason="too_many_connections").value += 1
            connection.close()
            return
        connection.setblocking(False)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._streams[connection] = Stream(sender)
        self._crowd.add(connection, sender)
        self._selector.register(connection, selectors.EVENT_READ, listener)

    def _read_batch(self, listener: Listener, source: Datagrams) -> bool:
        batch = source.read()
        if not batch:
            return False
        count = sum(map(len, batch.values()))
        self._received[listener.url].value += count
        more = count == BATCH
        since = listener.lag.since(self._since, more=more)
        for sender, datagrams in batch.items():
            self._take(listener, datagrams, sender, since)
        return more

    def _read_stream(self, listener: Listener, sock: socket.socket) -> bool:
        try:
            data = sock.recv(_STREAM_READ)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._hang_up(sock)
            return False
        stream = self._streams[sock] = self._streams.pop(sock)
        self._received[listener.url].value += 1
        more = len(data) == _STREAM_READ
        since = listener.lag.since(self._since, more=more)
        lines = stream.take(data)
        if len(stream.rest) > LONGEST_LINE:
            # Its beginning is as much too long, and who stores it counts that.
            self.storage.put([stream.rest], stream.sender, listener.lag, since)
            stream.skip()
        self._take(listener, lines, stream.sender, since)
        return more

    def _take(self, listener: Listener, lines: list[bytes], sender: Hashable, since: float) -> None:
        if self._refuses(listener, sender):
            self._refused[listener.url].value += len(lines)
            return
        if self.relay is not None:
            self.relay.offer(lines)
        self.storage.put(lines, sender, listener.lag, since)

    def _refuses(self, listener: Listener, sender: Hashable) -> bool:
        return self.senders is not None and listener.remote and not self.senders.allows(sender)

    def _make_room(self, sender: Hashable) -> bool:
        """Whether there is a place for one more of `sender`; who said nothing for a while gives way."""
        while not self._crowd.has_room(sender):
            sock = self._crowd.first_to_go(self._quiet(), sender)
            if sock is None:
                return False
            self._hang_up(sock, "crowded")
        return True

    def _quiet(self) -> list[socket.socket]:
        return [
            sock for sock, one in self._streams.items() if one.silent() > (_UNHEARD if one.heard is None else _QUIET)
        ]

    def _hang_up_idle(self) -> None:
        for sock, stream in list(self._streams.items()):
            if stream.silent() > _IDLE:
                self._hang_up(sock, "idle")

    def _rest(self, listener: Listener) -> None:
        """Let nobody in for a while, and have one file more for what is more important."""
        self._resting[listener] = time.monotonic()
        self._selector.unregister(listener.sock)
        sock = self._crowd.first_to_go(self._quiet())
        if sock is not None:
            self._hang_up(sock, "no_files")

    def _hang_up(self, sock: socket.socket, why: str = "") -> None:
        if why:
            self._own.counter("windsock_connections_hung_up_total", reason=why).value += 1
        listener: Listener = self._selector.unregister(sock).data
        stream = self._streams.pop(sock)
        self._crowd.remove(sock)
        if stream.rest:
            self._take(listener, [stream.rest], stream.sender, self._since)
        sock.close()

    def _drain(self) -> None:
        until = time.monotonic() + _DRAIN
        for key in list(self._selector.get_map().values()):
            listener, sock = key.data, cast("socket.socket", key.fileobj)
            if listener is None or (listener.datagrams is None and sock is listener.sock):
                continue
            with contextlib.suppress(OSError):
                while self._serve(listener, sock) and time.monotonic() < until:
                    pass

    def _complain(self, listener: Listener, error: OSError) -> None:
        """Log an error, but not each time: what is wrong with a socket tends to stay so."""
        now = time.monotonic()
        if now - self._complained.get(listener.url, -_COMPLAIN_EVERY) >= _COMPLAIN_EVERY:
            self._complained[listener.url] = now
            log.warning("%s: %s", listener.url, error.strerror or error)


def _places() -> int:
    """How many connections there may be, with files left for everything else."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _CONNECTIONS if files == resource.RLIM_INFINITY else max(1, min(_CONNECTIONS, files - _RESERVED_FILES))
