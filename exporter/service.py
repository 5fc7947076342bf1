"""The exporter as a whole: the pipeline and its HTTP side, started and stopped together."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from typing_extensions import override

from windsock.extras import MissingPackageError

from . import systemd
from .pipeline import Pipeline
from .process.worker import Worker
from .web import findings
from .web.access import Access
from .web.server import Server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from typing_extensions import Self

    from windsock.settings import Settings

    from .celery.broker import Broker
    from .openlineage.server import LineageServer
    from .otlp.forward import Forward
    from .otlp.grpc_server import GrpcServer
    from .otlp.server import OtlpServer
    from .series.store import SeriesStore

log = logging.getLogger(__name__)

_NANOSECONDS = 10**9


class Service(Pipeline):
    """A running exporter. `with Service(settings) as service:` receives and serves until the block ends."""

    def __init__(self, settings: Settings, *, inherited: systemd.Sockets | None = None, **given: Any) -> None:
        inherited = inherited or systemd.Sockets()
        access = Access(settings.exporter.web.config_file)
        super().__init__(settings, inherited=inherited, **given)
        try:
            self.web = Server(settings.exporter.web.listen, self, access, inherited.web)
            self.otlp = self._otlp(settings, access)
            self.grpc = self._grpc(settings, access)
            self.lineage = self._lineage(settings, access)
            self.forward = self._forward(settings)
            self.broker = self._broker(settings)
        except BaseException:
            self.close()
            raise
        self._serving = [Worker("web", self.web.run)]
        if self.otlp is not None:
            self._serving.append(Worker("otlp", self.otlp.run))
        if self.lineage is not None:
            self._serving.append(Worker("openlineage", self.lineage.run))
        if self.grpc is not None:
            self._serving.append(Worker("otlp-grpc", self.grpc.run))

    def __enter__(self) -> Self:
        self.start()
        for worker in self._serving:
            worker.start()
        for one in (self.forward, self.broker):
            if one is not None:
                one.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # First: what is answered as taken must be stored.
        if self.otlp is not None:
            self.otlp.shutdown()
            self.otlp.server_close()
        if self.grpc is not None:
            self.grpc.shutdown()
            self._serving[-1].join()  # its thread, which is the last of them
        if self.lineage is not None:
            self.lineage.shutdown()
            self.lineage.server_close()
        self.stop()
        for one in (self.forward, self.broker):
            if one is not None:
                one.stop()
        self.web.shutdown()
        self.web.server_close()

    @override
    def workers(self) -> Iterator[Worker]:
        yield from super().workers()
        yield from self._serving
        yield from (one for one in (self.forward, self.broker) if one is not None)

    @override
    def use(self, settings: Settings) -> None:
        access = Access(settings.exporter.web.config_file)
        super().use(settings)
        self.web.access = access
        if self.otlp is not None:
            self.otlp.access = access
            self.otlp.allow(settings.exporter.otlp.allow)
        if self.lineage is not None:
            self.lineage.access = access
            self.lineage.allow(settings.exporter.openlineage.allow)
        if self.grpc is not None:
            self.grpc.access = access
            self.grpc.allow(settings.exporter.otlp.allow)

    def _otlp(self, settings: Settings, access: Access) -> OtlpServer | None:
        if self.intake is None or settings.exporter.otlp.listen is None:
            return None
        from .otlp.server import OtlpServer  # noqa: PLC0415  only where its package is

        return OtlpServer(settings.exporter.otlp, self.intake, self.own, access)

    def _grpc(self, settings: Settings, access: Access) -> GrpcServer | None:
        if self.intake is None or settings.exporter.otlp.grpc is None:
            return None
        try:
            from .otlp.grpc_server import GrpcServer  # noqa: PLC0415  as above
        except ImportError:
            raise MissingPackageError("grpc", "exporter.otlp.grpc") from None
        return GrpcServer(settings.exporter.otlp, self.intake, self.own, access)

    def _lineage(self, settings: Settings, access: Access) -> LineageServer | None:
        if settings.exporter.openlineage.listen is None:
            return None
        from .openlineage.lineage import Lineage  # noqa: PLC0415  an exporter that takes none builds no model of events
        from .openlineage.server import LineageServer  # noqa: PLC0415  as above

        lineage = Lineage(settings.exporter.openlineage.namespace, self.own)
        if self.parts.reconciler is not None:
            self.parts.reconciler.hear(lineage.stale)
        else:
            log.warning("exporter.openlineage.listen: nobody reads what is received: %s", self.parts.no_reconciler)
        return LineageServer(settings.exporter.openlineage, lineage, self.own, access)

    def _broker(self, settings: Settings) -> Broker | None:
        if not settings.exporter.celery.broker:
            return None
        from .celery.broker import Broker  # noqa: PLC0415  as above

        return Broker(settings.exporter.celery, self.own)

    def _forward(self, settings: Settings) -> Forward | None:
        if settings.exporter.otlp.forward is None:
            return None
        try:
            from .otlp.forward import Forward  # noqa: PLC0415  as above
        except ImportError:
            raise MissingPackageError("opentelemetry", "exporter.otlp.forward") from None

        def stores() -> Iterator[tuple[SeriesStore, int]]:
            began = int(self.started * _NANOSECONDS)
            if not self.alive():  # it has stopped, and of its sockets nothing can be said any more
                yield self.store, 0 if self.restored else began
                return
            findings.note(self)
            for store in self.stores():
                yield store, 0 if store is self.store and self.restored else began

        return Forward(settings.exporter.otlp, settings.cluster, stores, self.rendering, self.own)
