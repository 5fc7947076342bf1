"""OpenLineage over HTTP: POST /api/v1/lineage, with the TLS, the users and the bounds of the exporter's HTTP side."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from windsock.exporter.web.bodies import JSON, BodyHandler, BodyServer, RequestError, unpacked

from . import event

if TYPE_CHECKING:
    from windsock.exporter.series.own import OwnMetrics
    from windsock.exporter.web.access import Access
    from windsock.settings.exporter import OpenLineage

    from .lineage import Lineage

log = logging.getLogger(__name__)

_PLAIN = "text/plain; charset=utf-8"


class LineageServer(BodyServer):
    """Serves one lineage."""

    purpose = "receive OpenLineage's events"
    chosen_by = "exporter.openlineage.listen"
    path = "/api/v1/lineage"
    setting = "exporter.openlineage.max_body"
    requests = "windsock_openlineage_requests_total"
    busy = 503  # OpenLineage's client comes again after this one, and not after 429

    def __init__(self, settings: OpenLineage, lineage: Lineage, own: OwnMetrics, access: Access) -> None:
        self.lineage = lineage
        super().__init__(settings.listen or "", _Handler, access, own, settings.max_body, settings.allow)


class _Handler(BodyHandler):
    server: LineageServer

    def do_POST(self) -> None:  # noqa: N802  http.server calls it by this name
        try:
            self._take()
        except OSError:
            raise  # hung up
        except RequestError as error:
            self.say(error.status, f"{error}\n".encode(), _PLAIN)
        except Exception:
            log.exception("an event of OpenLineage's can't be taken")
            self.say(500, b"that is a bug; the exporter's log shows its traceback\n", _PLAIN)
        else:
            self.say(200, b"", _PLAIN)

    def do_GET(self) -> None:  # noqa: N802  as above
        self.close_connection = True
        self.say(405, b"POST OpenLineage's events to /api/v1/lineage\n", _PLAIN, {"Allow": "POST"})

    do_HEAD = do_PUT = do_GET  # noqa: N815  as above

    def _take(self) -> None:
        if self.path.partition("?")[0] != self.server.path:
            raise RequestError(404, f"there is {self.server.path} alone")
        if self.media() != JSON:
            raise RequestError(415, f"expected the Content-Type {JSON}")
        with self.whole_body() as body:
            try:
                found = event.read(unpacked(body, self.packing(), self.server.most, self.server.setting))
            except ValueError as error:
                raise RequestError(400, str(error)) from None
            self.server.lineage.take(found)
