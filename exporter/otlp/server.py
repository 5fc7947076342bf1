"""OTLP over HTTP: POST /v1/metrics, with the TLS, the users and the bounds of the exporter's HTTP side."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from windsock.exporter.web.bodies import JSON, BodyHandler, BodyServer, RequestError

from . import message
from .message import PROTOBUF

if TYPE_CHECKING:
    from windsock.exporter.series.own import OwnMetrics
    from windsock.exporter.web.access import Access
    from windsock.settings.exporter import Otlp

    from .intake import Intake

log = logging.getLogger(__name__)


class OtlpServer(BodyServer):
    """Serves one intake."""

    purpose = "receive OpenTelemetry's metrics"
    chosen_by = "exporter.otlp.listen"
    path = "/v1/metrics"
    setting = message.SETTING
    requests = "windsock_otlp_requests_total"

    def __init__(self, settings: Otlp, intake: Intake, own: OwnMetrics, access: Access) -> None:
        self.intake = intake
        super().__init__(settings.listen or "", _Handler, access, own, settings.max_body, settings.allow)


class _Handler(BodyHandler):
    server: OtlpServer

    def do_POST(self) -> None:  # noqa: N802  http.server calls it by this name
        content = self.media()
        told = content if content in (PROTOBUF, JSON) else PROTOBUF
        try:
            said = self._export(content)
        except OSError:
            raise  # hung up
        except RequestError as error:
            self.say(error.status, message.failure(str(error), content), told)
        except Exception:
            log.exception("an export can't be taken")
            self.say(500, message.failure("that is a bug; the exporter's log shows its traceback", content), told)
        else:
            self.say(200, said, told)

    def do_GET(self) -> None:  # noqa: N802  as above
        self.close_connection = True
        self.say(405, b"POST OpenTelemetry's metrics to /v1/metrics\n", "text/plain", {"Allow": "POST"})

    do_HEAD = do_PUT = do_GET  # noqa: N815  as above

    def _export(self, content: str) -> bytes:
        if self.path.partition("?")[0] != self.server.path:
            raise RequestError(404, "there is /v1/metrics alone")
        if content not in (PROTOBUF, JSON):
            raise RequestError(415, f"expected the Content-Type {PROTOBUF} or {JSON}")
        if self.server.intake.is_full:
            raise RequestError(self.server.busy, "too much at once")
        with self.whole_body() as body:
            request = message.read(body, content, self.packing(), self.server.most)
            return message.answer(self.server.intake.take(request), content)
