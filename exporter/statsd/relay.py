"""Passes what arrives on to another StatsD server, byte for byte.

A thread of its own sends, from a queue with an upper bound: a name that does not resolve, a route that is gone or a
server that is slow cost datagrams of the relay, never of the exporter.
"""

from __future__ import annotations

import errno
import logging
import queue
import socket
import time
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from windsock.exporter.process.worker import Worker

from .send import BATCH, Sender

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from windsock.exporter.series.own import OwnMetrics

log = logging.getLogger(__name__)

_MOST_WAITING = 16 << 20
_RESOLVE_EVERY = 60.0
_RETRY_AFTER = 5.0
_REFUSED_PAUSE = 0.1
_WELL_AFTER = 10.0
_FULL_PAUSE = 0.002
_FULL_PAUSES = 50
_FLUSH = 0.5


class Relay(Worker):
    """Sends to udp://HOST:PORT until `stop`. `listening` are the UDP ports of this exporter: it never sends to itself.

    `problem` says in words why nothing gets through; it is empty while all is well.
    """

    def __init__(self, url: str, own: OwnMetrics, listening: Collection[int] = ()) -> None:
        super().__init__("relay", self._relay)
        self.url = url
        self.problem = ""
        self._listening = listening
        self._queue: queue.SimpleQueue[tuple[list[bytes], int] | None] = queue.SimpleQueue()
        # One thread only writes each figure: of two that add to it, one would be lost now and then.
        self._offered = self._overflowed = 0
        self._taken = self._counted = 0
        self._relayed = own.counter("windsock_relay_datagrams_total", outcome="relayed")
        self._dropped = own.counter("windsock_relay_datagrams_total", outcome="dropped")
        self._refused = own.counter("windsock_relay_datagrams_total", outcome="refused")
        self._sender: Sender | None = None
        self._resolve_at = self._send_at = self._troubled = 0.0

    def offer(self, datagrams: list[bytes]) -> None:
        """Queue them, or drop them where too much waits already. One thread calls it."""
        size = sum(map(len, datagrams))
        if self._offered - self._taken + size > _MOST_WAITING:
            self._overflowed += len(datagrams)
            return
        self._offered += size
        self._queue.put((datagrams, size))

    def stop(self) -> None:
        """Send what is queued, for half a second at most."""
        self._queue.put(None)
        self.join(_FLUSH)

    def _relay(self) -> None:
        """What can't be sent is dropped and counted, whatever stands against it."""
        while (queued := self._queue.get()) is not None:
            datagrams, size = queued
            sent = 0
            try:
                sent = self._send(datagrams)
            finally:
                overflowed = self._overflowed
                self._relayed.value += sent
                self._dropped.value += len(datagrams) - sent + overflowed - self._counted
                self._counted = overflowed
                self._taken += size
        if self._sender is not None:
            self._sender.close()

    def _send(self, datagrams: Sequence[bytes]) -> int:
        """How many were sent."""
        sent = index = pauses = 0
        most = BATCH
        while index < len(datagrams) and time.monotonic() >= self._send_at and (sender := self._connected()):
            part = datagrams[index : index + most]
            try:
                done = sender.send(part)
            except OSError as error:
                if error.errno in {errno.EAGAIN, errno.ENOBUFS} and pauses < _FULL_PAUSES:
                    pauses += 1
                    time.sleep(_FULL_PAUSE)
                elif error.errno == errno.EMSGSIZE:
                    index += 1
                else:
                    self._lose(error)
                continue
            # The kernel keeps to itself why it sent only a part: the next one, alone, brings it out.
            most = BATCH if done == len(part) else 1
            sent += done
            index += done
        if sent and self.problem and time.monotonic() - self._troubled > _WELL_AFTER:
            self.problem = ""
            log.info("%s: datagrams get through again", self.url)
        return sent

    def _lose(self, error: OSError) -> None:
        """Nothing can be sent for now; a refusal is an answer to an earlier datagram, and may end any moment."""
        if error.errno == errno.ECONNREFUSED:
            self._refused.value += 1
            self._send_at = time.monotonic() + _REFUSED_PAUSE
            self._trouble("nothing listens there")
            return
        self._send_at = self._resolve_at = time.monotonic() + _RETRY_AFTER
        self._trouble(error.strerror or str(error))

    def _trouble(self, text: str) -> None:
        self._troubled = time.monotonic()
        if text != self.problem:
            self.problem = text
            log.warning("%s: datagrams can't be passed on: %s", self.url, text)

    def _connected(self) -> Sender | None:
        """The socket to send by; the name is looked up again once a minute."""
        now = time.monotonic()
        if now < self._resolve_at:
            return self._sender
        self._resolve_at = now + _RESOLVE_EVERY
        try:
            self._connect()
        except OSError as error:
            self._resolve_at = now + _RETRY_AFTER
            self._trouble(error.strerror or str(error))
        return self._sender

    def _connect(self) -> None:
        parts = urlsplit(self.url)
        family, _, _, _, address = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_DGRAM)[0]
        if self._sender is not None and self._sender.address == address:
            return
        new = Sender(family, address)
        if new.is_local and parts.port in self._listening:
            new.close()
            raise OSError(errno.ELOOP, "that is this exporter itself")
        if self._sender is not None:
            self._sender.close()
        self._sender = new
