"""OTLP over gRPC: MetricsService/Export, with the TLS, the users and the bounds of OTLP over HTTP.

An export is read as a stream that happens to have one message: so it is known who sends it before a byte of it is
taken, and who sends slowly can be hung up on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

# Else its library writes each client's mistake to stderr, without a bound.
os.environ.setdefault("GRPC_VERBOSITY", "NONE")

import grpc
import grpc.aio

from windsock.exceptions import WindsockError
from windsock.exporter.statsd.senders import Senders
from windsock.exporter.web.bodies import RequestError
from windsock.exporter.web.turns import BusyError, Turns

from . import credentials, message
from .message import PROTOBUF

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from windsock.exporter.series.own import OwnMetrics
    from windsock.exporter.web.access import Access
    from windsock.exporter.web.users import Users
    from windsock.settings.exporter import Otlp

    from .intake import Intake

log = logging.getLogger(__name__)

_SERVICE = "opentelemetry.proto.collector.metrics.v1.MetricsService"
_CODES = {
    400: grpc.StatusCode.INVALID_ARGUMENT,
    401: grpc.StatusCode.UNAUTHENTICATED,
    403: grpc.StatusCode.PERMISSION_DENIED,
    408: grpc.StatusCode.DEADLINE_EXCEEDED,
    413: grpc.StatusCode.RESOURCE_EXHAUSTED,
    429: grpc.StatusCode.UNAVAILABLE,
    500: grpc.StatusCode.INTERNAL,
}
"""By the HTTP status that means the same. Of these a sender tries UNAVAILABLE again, and nothing else: with details,
RESOURCE_EXHAUSTED would say that there may be room later."""
_READING, _SHARE = 16, 12
"""Exports that are read at once, and how many of them may be of one address: gRPC does not say before how large one
is."""
_CALLS = 64
"""Exports that are read or wait for that."""
_WAIT, _PATIENCE = 5.0, 30.0
"""Seconds that an export may wait, and that it may take to arrive."""
_CONNECTIONS = 256
_OPTIONS = (
    ("grpc.so_reuseport", 0),  # else two exporters could share an address without knowing
    ("grpc.max_allowed_incoming_connections", _CONNECTIONS),
    ("grpc.max_concurrent_streams", _CALLS),
    ("grpc.max_metadata_size", 8192),
    ("grpc.max_connection_idle_ms", 300_000),  # Airflow exports once a minute
    ("grpc.server_handshake_timeout_ms", 30_000),
)
_LAST = 5.0
"""Seconds for what is being answered when the exporter ends."""


class GrpcServer:
    """Serves one intake. Raises WindsockError where its address can't be had."""

    def __init__(self, settings: Otlp, intake: Intake, own: OwnMetrics, access: Access) -> None:
        self.intake = intake
        self.own = own
        self.access = access
        self.allow(settings.allow)
        self._most = settings.max_body
        self._turns = Turns()
        self._threads = ThreadPoolExecutor(_READING, "otlp-grpc")
        self._loop = asyncio.new_event_loop()
        self._ended = asyncio.Event()
        self._server: Any = None
        self.address = settings.grpc or ""
        self._loop.run_until_complete(self._bind())
        self._refused = own.counter("windsock_refused_total", listener=self.url)

    @property
    def url(self) -> str:
        """As OpenTelemetry's variables name it."""
        return f"{'https' if self.access.rules.context else 'http'}://{self.address}"

    def allow(self, networks: Sequence[str]) -> None:
        """Listen to these networks from now on; to all where there are none."""
        self.senders = Senders(networks) if networks else None

    def run(self) -> None:
        """Serve until `shutdown`."""
        self._loop.run_until_complete(self._serve())
        self._threads.shutdown(wait=False)

    def shutdown(self) -> None:
        """Take no more; from another thread."""
        self._loop.call_soon_threadsafe(self._ended.set)

    async def _bind(self) -> None:
        options = (*_OPTIONS, ("grpc.max_receive_message_length", self._most))
        server = grpc.aio.server(options=options)
        handler = grpc.stream_unary_rpc_method_handler(self._export)
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(_SERVICE, {"Export": handler}),))
        secret = credentials.read(lambda: self.access)
        try:
            port = (
                server.add_insecure_port(self.address)
                if secret is None
                else server.add_secure_port(self.address, secret)
            )
        except RuntimeError:
            raise WindsockError(
                f"can't receive OpenTelemetry's metrics over gRPC on {self.address}: another program has it, or it is "
                "none of this machine's; choose another with exporter.otlp.grpc"
            ) from None
        self.address = f"{self.address.rpartition(':')[0]}:{port}"
        self._server = server
        self._places = Places()

    async def _serve(self) -> None:
        if self._server is None:  # it died, and begins again
            await self._bind()
        try:
            await self._server.start()
            await self._ended.wait()
        finally:
            server, self._server = self._server, None
            await server.stop(_LAST)

    async def _export(self, _: object, context: Any) -> bytes:
        try:
            said = await self._answer(context)
        except RequestError as error:
            status, text = error.status, str(error)
        except Exception:
            log.exception("an export can't be taken")
            status, text = 500, "that is a bug; the exporter's log shows its traceback"
        else:
            self._count(200)
            return said
        self._count(status)
        details = (("grpc-status-details-bin", message.try_again(text)),) if status == 429 else ()
        await context.abort(_CODES[status], text, details)
        raise AssertionError  # abort never returns

    async def _answer(self, context: Any) -> bytes:
        address = host(context.peer())
        if self.senders is not None and not self.senders.allows(address):
            self._refused.value += 1
            raise RequestError(403, "exporter.otlp.allow does not name this network")
        rules = self.access.refresh()
        credentials.check(context.auth_context(), rules)
        async with self._places.place(address):
            try:
                await self._let_in(context, address, rules.users)
                if self.intake.is_full:
                    raise RequestError(429, "too much at once")
                body = await asyncio.wait_for(context.read(), _PATIENCE)
                if not isinstance(body, bytes):
                    raise RequestError(400, "an export has one message")
                return bytes(await self._aside(self._store, body, address))
            except asyncio.TimeoutError:
                raise RequestError(408, f"no whole export within {_PATIENCE:g} s") from None
            except BusyError:
                raise RequestError(429, "too many at once") from None

    async def _let_in(self, context: Any, address: str, users: Users | None) -> None:
        if users is None:
            return
        given = dict(context.invocation_metadata()).get("authorization", "")
        if not given or not await self._aside(users.admits, given, address):
            raise RequestError(401, "expected the authorization of one of basic_auth_users")

    def _store(self, body: bytes, address: str) -> bytes:
        with self._turns.turn(address):
            return message.answer(self.intake.take(message.read(body, PROTOBUF, "", self._most)), PROTOBUF)

    async def _aside(self, work: Callable[..., Any], *given: Any) -> Any:
        return await self._loop.run_in_executor(self._threads, work, *given)

    def _count(self, status: int) -> None:
        self.own.counter("windsock_otlp_requests_total", status=str(status)).value += 1


class Places:
    """Who may be read at once; of the event loop."""

    def __init__(self) -> None:
        self._calls = 0
        self._reading: Counter[str] = Counter()
        self._change = asyncio.Condition()

    @contextlib.asynccontextmanager
    async def place(self, address: str) -> AsyncIterator[None]:
        """Have a place for the block. Raises RequestError where there is none in time."""
        if self._calls >= _CALLS:
            raise RequestError(429, "too many exports at once")
        self._calls += 1
        try:
            await self._take(address)
            try:
                yield
            finally:
                async with self._change:
                    self._reading[address] -= 1
                    self._reading += Counter()  # forgets who has none
                    self._change.notify_all()
        finally:
            self._calls -= 1

    async def _take(self, address: str) -> None:
        def is_free() -> bool:
            return self._reading.total() < _READING and self._reading[address] < _SHARE

        try:
            async with self._change:
                await asyncio.wait_for(self._change.wait_for(is_free), _WAIT)
                self._reading[address] += 1
        except asyncio.TimeoutError:
            raise RequestError(429, "too many exports at once") from None


def host(peer: str) -> str:
    """The address in what gRPC calls a peer: `ipv4:127.0.0.1:4711`, `ipv6:%5B::1%5D:4711`."""
    return unquote(peer).partition(":")[2].rpartition(":")[0].strip("[]").partition("%")[0]
