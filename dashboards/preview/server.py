"""The preview's HTTP server: the page, its scripts, the boards, and what Prometheus answers.

GET /d/UID…             the page that draws the board UID; / leads to the first one
GET /page/NAME          its scripts and style; /page/plotly.min.js is plotly's
GET /api/boards         {"boards": [{"uid", "title", "tags", "description"}, …], "prometheus", "scrape_interval"}
GET /api/boards/UID     the board's JSON, as Grafana would be given it
GET /api/v1/…           what Prometheus answers to that, see `source.py`; an error is {"status": "error", "error"}
GET /healthz
"""

from __future__ import annotations

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import urlsplit

from windsock import loopback
from windsock.links import OVERVIEW_UID

from .source import Source, SourceError

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from types import TracebackType

    from typing_extensions import Self

_PAGE = Path(__file__).with_name("page")
_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
_PLOTLY = "plotly.min.js"
Answers: TypeAlias = dict[str, tuple[str, bytes]]
_SECURITY = {
    # Nothing is fetched from elsewhere, and no script runs but the page's own; plotly sets styles on what it draws.
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; "
    "connect-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}


class Preview:
    """`with Preview(boards, source) as preview:` serves on loopback until the block ends.

    `boards` are texts of JSON by file name; `scrape_interval` is what Grafana's data source would be told, in seconds.
    Raises UsageError for an address that is not loopback, StackError for one that is taken.
    """

    def __init__(
        self, boards: Mapping[str, str], source: Source, listen: str = "127.0.0.1:0", scrape_interval: float = 15.0
    ) -> None:
        self.source = source
        self._boards = sorted(
            map(json.loads, boards.values()), key=lambda board: (board["uid"] != OVERVIEW_UID, board["title"])
        )
        self._scrape_interval = scrape_interval
        self._address = loopback.address(listen, "--listen", "the preview asks Prometheus for anyone who reaches it")

    @property
    def uids(self) -> list[str]:
        """Of all boards; the first is the one to begin with."""
        return [board["uid"] for board in self._boards]

    def __enter__(self) -> Self:
        bound = loopback.bind(self._address, "--listen", "the preview")
        self.url = f"http://{loopback.shown(bound)}"
        """Without a slash at its end."""
        self._server = _Server(bound, self.source, self._answers(), f"/d/{self.uids[0]}")
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="preview", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def _answers(self) -> Answers:
        """Type and content of what does not change, by path."""
        listed = [{key: board.get(key) for key in ("uid", "title", "tags", "description")} for board in self._boards]
        index = {"boards": listed, "prometheus": self.source.url, "scrape_interval": self._scrape_interval}
        found = {"/healthz": ("text/plain", b"ok\n"), "/api/boards": ("application/json", json.dumps(index).encode())}
        for file in _PAGE.iterdir():
            if file.suffix in _TYPES:
                found[f"/page/{file.name}"] = (_TYPES[file.suffix], file.read_bytes())
        script = resources.files("plotly") / "package_data" / _PLOTLY
        found[f"/page/{_PLOTLY}"] = (_TYPES[".js"], script.read_bytes())
        for board in self._boards:
            found[f"/api/boards/{board['uid']}"] = ("application/json", json.dumps(board).encode())
            found[f"/d/{board['uid']}"] = found["/page/page.html"]
        return found


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # a browser keeps its connections open

    def __init__(self, bound: socket.socket, source: Source, answers: Answers, first: str) -> None:
        super().__init__(bound.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = bound
        self.source = source
        self.answers = answers
        self.first = first

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of a page that was left while it was being answered."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError)):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "windsock-preview"
    disable_nagle_algorithm = True
    timeout = 60
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  the base class names it
        del format, args

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        is_page = url.path == "/" or url.path.startswith("/d/")
        if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
            self.close_connection = True  # its body would be read as the next request
        if not loopback.is_local(self.headers):
            self._refuse(403, "the preview answers to loopback names only")
        # To look at a board, others may lead there.
        elif not is_page and not loopback.is_own(self.headers):
            self._refuse(403, "the preview does not answer to a page of another site")
        elif url.path == "/":
            self._head(302, {"Location": self.server.first, "Content-Length": "0"})
        elif url.path.startswith("/api/v1/"):
            self._ask(url.path, url.query)
        else:
            # Grafana's own addresses of a board end with a word that anyone may choose.
            path = "/".join(url.path.split("/")[:3]) if is_page else url.path
            if path in self.server.answers:
                self._send(200, *self.server.answers[path])
            else:
                self._refuse(404, f"there is no {url.path[:100]}")

    def _ask(self, path: str, query: str) -> None:
        try:
            self._send(200, "application/json", self.server.source.ask(path, query))
        except SourceError as error:
            self._refuse(error.status, str(error))

    def _refuse(self, status: int, why: str) -> None:
        self._send(status, "application/json", json.dumps({"status": "error", "error": why}).encode())

    def _send(self, status: int, kind: str, content: bytes) -> None:
        # Of this machine: plotly's 5 MB are asked for again where they may have changed only.
        cache = "max-age=3600" if self.path == f"/page/{_PLOTLY}" else "no-store"
        self._head(
            status,
            {
                "Content-Type": f"{kind}; charset=utf-8",
                "Content-Length": str(len(content)),
                "Cache-Control": cache,
            },
        )
        self.wfile.write(content)

    def _head(self, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**_SECURITY, **headers}.items():
            self.send_header(name, value)
        self.end_headers()
