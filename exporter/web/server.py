"""The exporter's HTTP side: /metrics, /doctor, /-/healthy, /-/ready, /-/reload; for people a page and the runbooks."""

from __future__ import annotations

import json
import logging
import time
import zlib
from itertools import chain
from typing import TYPE_CHECKING

from windsock import __version__
from windsock.doctor.finding import VERSION
from windsock.exceptions import WindsockError
from windsock.exporter.series import process
from windsock.exporter.series.exposition import ZeroInit, content_type, pieces

from . import findings
from .http import HttpHandler, HttpServer

if TYPE_CHECKING:
    import socket

    from windsock.exporter.pipeline import Pipeline

    from .access import Access

log = logging.getLogger(__name__)

_GZIP = 31  # zlib writes a gzip header with this many window bits


class Server(HttpServer):
    """Serves one exporter."""

    def __init__(self, address: str, pipeline: Pipeline, access: Access, sock: socket.socket | None = None) -> None:
        self.pipeline = pipeline
        super().__init__(address, _Handler, access, sock)


class _Handler(HttpHandler):
    server: Server

    def do_GET(self) -> None:  # noqa: N802  as below
        try:
            self._get()
        except OSError:
            raise  # hung up
        except Exception:
            log.exception("%s can't be answered", self.path)
            self.answer(500, "that is a bug; the exporter's log shows its traceback\n")

    def _get(self) -> None:
        path = self.path.partition("?")[0]
        pipeline = self.server.pipeline
        if path == "/metrics":
            self._metrics(pipeline)
        elif path == "/-/healthy":
            alive = pipeline.alive()
            self.answer(200 if alive else 503, "ok\n" if alive else "nothing is being received any more\n")
        elif path == "/-/ready":
            ready, said = pipeline.ready()
            self.answer(200 if ready else 503, f"{said}\n")
        elif path == "/doctor":
            found = [one.json() for one in findings.findings(pipeline)]
            self.answer(200, json.dumps(found, indent=2) + "\n", "application/json", {VERSION: __version__})
        elif path == "/-/reload":
            self.answer(405, "POST it\n", headers={"Allow": "POST"})
        else:
            self._show(path, pipeline)

    do_HEAD = do_GET  # noqa: N815  http.server calls it by this name

    def do_POST(self) -> None:  # noqa: N802  as above
        if self.path.partition("?")[0] != "/-/reload":
            self.answer(405, "only /-/reload takes a POST\n", headers={"Allow": "GET, HEAD"})
            return
        try:
            told = self.server.pipeline.reload()
        except WindsockError as error:
            self.answer(400, f"the configuration stays as it was:\n{error}\n")
            return
        self.answer(200, f"{told}\n")

    def _metrics(self, pipeline: Pipeline) -> None:
        started = time.perf_counter()
        content = content_type(self.headers.get("Accept", ""))
        # Only Prometheus itself says how long it waits; someone who looks with curl must not use up a series' 0.
        scraped = "X-Prometheus-Scrape-Timeout-Seconds" in self.headers
        zero = ZeroInit(time.monotonic(), pipeline.settings.exporter.web.birth_hold) if scraped else None
        headers = {}
        with pipeline.rendering:
            findings.note(pipeline)
            parts = chain(pieces(pipeline.stores(), content, zero=zero), [process.exposition(content)])
            if "gzip" in self.headers.get("Accept-Encoding", ""):
                gzip = zlib.compressobj(1, zlib.DEFLATED, _GZIP)
                body = b"".join([*map(gzip.compress, parts), gzip.flush()])
                headers["Content-Encoding"] = "gzip"
            else:
                body = b"".join(parts)
        pipeline.own.set("windsock_scrape_duration_seconds", round(time.perf_counter() - started, 6))
        self.answer(200, body, content, headers)

    def _show(self, path: str, pipeline: Pipeline) -> None:
        from . import page, runbooks  # noqa: PLC0415  most exporters are only scraped

        if path == "/":
            status, html = 200, page.render(pipeline)
        elif path.startswith(runbooks.PREFIX):
            status, html = runbooks.render(path.removeprefix(runbooks.PREFIX))
        else:
            self.answer(404, f"there are /metrics, /doctor, /-/healthy, /-/ready, /-/reload, {runbooks.PREFIX} and /\n")
            return
        self.answer(status, html, "text/html; charset=utf-8", {"Content-Security-Policy": page.POLICY})
