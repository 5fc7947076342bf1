"""Sockets in, batches of datagrams out.

On Linux many datagrams come with one system call (recvmmsg); elsewhere one by one. A batch that is not full is followed
by a short sleep: the kernel's buffer holds far more than what arrives meanwhile, and few large batches cost less than
half of many small ones.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import os
import socket
import struct
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

BATCH = 512
_LARGEST = 65_536
_SLOT = 1024
"""Bytes of a datagram that stand side by side with those of the others; what is longer goes on elsewhere. So a batch
of Airflow's lines touches half a MiB, not a page of memory each."""
# Not a power of two: else the beginnings of all slots would share the same few cache lines.
_STRIDE = _SLOT + 64
_NAME = 32
_SO_MEMINFO = 55
_SK_MEMINFO_RMEM_ALLOC = 0
_SK_MEMINFO_DROPS = 8

Batch = dict["Hashable", list[bytes]]
"""Datagrams by their sender."""
# Where the address stands in the kernel's `sockaddr`, in words of four bytes; those of a UNIX socket have none.
_ADDRESS = {socket.AF_INET: slice(1, 2), socket.AF_INET6: slice(2, 6)}


class Iovec(ctypes.Structure):
    """struct iovec: one piece of memory."""

    _fields_ = (("base", ctypes.c_void_p), ("len", ctypes.c_size_t))


class _Msghdr(ctypes.Structure):
    _fields_ = (
        ("name", ctypes.c_void_p),
        ("namelen", ctypes.c_uint32),
        ("iov", ctypes.c_void_p),
        ("iovlen", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("controllen", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    )


class Mmsghdr(ctypes.Structure):
    """struct mmsghdr: one datagram of recvmmsg and sendmmsg."""

    _fields_ = (("hdr", _Msghdr), ("len", ctypes.c_uint32))


class Datagrams:
    """Reads the datagrams of one socket in batches, by their sender: its address without the port."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._reader = _recvmmsg(sock) if sys.platform == "linux" else None

    def read(self) -> Batch:
        """Up to `BATCH` datagrams that are there now."""
        if self._reader is not None:
            return self._reader.read()
        batch: Batch = {}
        for _ in range(BATCH):
            try:
                datagram, address = self._sock.recvfrom(_LARGEST, socket.MSG_DONTWAIT)
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EINTR, errno.ECONNREFUSED):
                    raise
                break
            batch.setdefault(address[0] if isinstance(address, tuple) else "", []).append(datagram)
        return batch

    def kernel_drops(self) -> int:
        """Datagrams that the kernel dropped since the socket was opened: its buffer was full (Linux 4.12 or newer)."""
        return self._meminfo(_SK_MEMINFO_DROPS)

    def backlog_bytes(self) -> int:
        """The kernel's memory that unread datagrams take up, with its overhead for each (Linux 4.12 or newer)."""
        return self._meminfo(_SK_MEMINFO_RMEM_ALLOC)

    def buffer_bytes(self) -> int:
        """The receive buffer that the kernel granted; it reports twice what is usable."""
        return self._sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) // (2 if sys.platform == "linux" else 1)

    def _meminfo(self, index: int) -> int:
        try:
            values = self._sock.getsockopt(socket.SOL_SOCKET, _SO_MEMINFO, 4 * (_SK_MEMINFO_DROPS + 1))
        except OSError:
            return 0
        return int(struct.unpack_from("=I", values, 4 * index)[0]) if len(values) >= 4 * (index + 1) else 0


class _Recvmmsg:
    """The memory that one socket's batches are read into, and the call."""

    def __init__(self, sock: socket.socket, libc: ctypes.CDLL) -> None:
        self._fd = sock.fileno()
        self._call = libc.recvmmsg
        # ctypes' own memory is filled with zeros, and so resident, 32 MiB of it; of this only what datagrams touch is.
        self._data, self._rest = (
            mmap.mmap(-1, size * BATCH, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS) for size in (_STRIDE, _LARGEST)
        )
        self._held = [ctypes.c_char.from_buffer(memory) for memory in (self._data, self._rest)]
        self._names = (ctypes.c_char * (_NAME * BATCH))()
        self._iovecs = (Iovec * (2 * BATCH))()
        self._headers = (Mmsghdr * BATCH)()
        data, rest, names, iovecs = map(ctypes.addressof, (*self._held, self._names, self._iovecs))
        for index in range(BATCH):
            self._iovecs[2 * index] = Iovec(data + index * _STRIDE, _SLOT)
            self._iovecs[2 * index + 1] = Iovec(rest + index * _LARGEST, _LARGEST - _SLOT)
            self._headers[index].hdr.name = names + index * _NAME
            self._headers[index].hdr.namelen = _NAME
            self._headers[index].hdr.iov = iovecs + 2 * index * ctypes.sizeof(Iovec)
            self._headers[index].hdr.iovlen = 2
        # The kernel writes lengths into the headers: they are laid out anew before each call.
        self._fresh = bytes(self._headers)
        step = ctypes.sizeof(Mmsghdr) // 4
        self._lengths = memoryview(self._headers).cast("B").cast("I")[Mmsghdr.len.offset // 4 :: step]
        words = memoryview(self._names).cast("B").cast("I")
        where = range(_NAME // 4)[_ADDRESS.get(sock.family, slice(0))]
        self._address = [words[word :: _NAME // 4] for word in where]
        self._starts = [index * _STRIDE for index in range(BATCH)]

    def read(self) -> Batch:
        ctypes.memmove(self._headers, self._fresh, len(self._fresh))
        count = self._call(self._fd, self._headers, BATCH, socket.MSG_DONTWAIT, None)
        if count <= 0:
            code = ctypes.get_errno()
            if count < 0 and code not in (errno.EAGAIN, errno.EINTR, errno.ECONNREFUSED):
                raise OSError(code, os.strerror(code))
            return {}
        data = self._data
        lengths = self._lengths[:count].tolist()
        datagrams = [data[start : start + length] for start, length in zip(self._starts, lengths, strict=False)]
        if max(lengths) > _SLOT:
            for index, length in enumerate(lengths):
                if length > _SLOT:
                    start, more = self._starts[index], index * _LARGEST
                    datagrams[index] = data[start : start + _SLOT] + self._rest[more : more + length - _SLOT]
        # Nearly always there is one sender, and to compare the memory costs a tenth of looking at each.
        columns = [words[:count].tobytes() for words in self._address]
        if all(column == column[:4] * count for column in columns):
            return {b"".join(column[:4] for column in columns): datagrams}
        batch: Batch = {}
        for index, datagram in enumerate(datagrams):
            sender = b"".join(column[4 * index : 4 * index + 4] for column in columns)
            batch.setdefault(sender, []).append(datagram)
        return batch


def _recvmmsg(sock: socket.socket) -> _Recvmmsg | None:
    libc = ctypes.CDLL(None, use_errno=True)
    return _Recvmmsg(sock, libc) if hasattr(libc, "recvmmsg") else None
