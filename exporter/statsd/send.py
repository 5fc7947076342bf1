"""Batches of datagrams out: on Linux many with one system call (sendmmsg), elsewhere one by one."""

from __future__ import annotations

import ctypes
import os
import socket
import sys
from array import array
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

from .datagrams import Iovec, Mmsghdr

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BATCH = 512
_WORD: Literal["Q", "I"] = "Q" if ctypes.sizeof(ctypes.c_size_t) == 8 else "I"


class Sender:
    """A datagram socket that is connected to `address`. Nothing here waits."""

    def __init__(self, family: int, address: Any) -> None:
        self.address = address
        self._sock = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self._sock.setblocking(False)
            self._sock.connect(address)
        except OSError:
            self._sock.close()
            raise
        call = getattr(ctypes.CDLL(None, use_errno=True), "sendmmsg", None) if sys.platform == "linux" else None
        self._batch = _Sendmmsg(self._sock, call) if call is not None else None

    @property
    def is_local(self) -> bool:
        """Whether the datagrams stay on this host."""
        return bool(self._sock.getsockname()[0] == self.address[0])

    def send(self, datagrams: Sequence[bytes]) -> int:
        """Send up to `BATCH` datagrams; returns how many went. Raises OSError where the first could not."""
        if self._batch is not None:
            return self._batch.send(datagrams)
        for count, datagram in enumerate(datagrams):
            try:
                self._sock.send(datagram)
            except OSError:
                if not count:
                    raise
                return count
        return len(datagrams)

    def close(self) -> None:
        """Close the socket."""
        self._sock.close()


class _Sendmmsg:
    """The headers that describe a batch to the kernel, and the call."""

    def __init__(self, sock: socket.socket, call: Callable[..., int]) -> None:
        self._fd = sock.fileno()
        self._call = call
        self._iovecs = (Iovec * BATCH)()
        self._headers = (Mmsghdr * BATCH)()
        for index in range(BATCH):
            self._headers[index].hdr.iov = ctypes.addressof(self._iovecs) + index * ctypes.sizeof(Iovec)
            self._headers[index].hdr.iovlen = 1
        self._words = memoryview(self._iovecs).cast("B").cast(_WORD)  # address, length, address, length, …

    def send(self, datagrams: Sequence[bytes]) -> int:
        text = b"".join(datagrams)
        lengths = array(_WORD, map(len, datagrams))
        start = ctypes.cast(ctypes.c_char_p(text), ctypes.c_void_p).value or 0
        end = 2 * len(datagrams)
        self._words[0:end:2] = array(_WORD, accumulate(lengths[:-1], initial=start))
        self._words[1:end:2] = lengths
        count = self._call(self._fd, self._headers, len(datagrams), socket.MSG_DONTWAIT)
        if count < 0:
            code = ctypes.get_errno()
            raise OSError(code, os.strerror(code))
        return count
