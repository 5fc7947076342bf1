"""The site that MkDocs makes, in one file of the package, and a server of it for this machine."""

from __future__ import annotations

import mimetypes
import threading
import zipfile
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from windsock.exceptions import WindsockError

if TYPE_CHECKING:
    import socket

FILE = Path(__file__).with_name("site.zip")
"""`make docs` writes it, and a package that is built after that has it."""


class Site:
    """The pages by their address. Raises WindsockError where there are none."""

    def __init__(self, file: Path = FILE) -> None:
        try:
            self._archive = zipfile.ZipFile(file)
        except FileNotFoundError:
            raise WindsockError(
                f"this windsock was built without the site ({file} is not there): `make docs` in a checkout makes it,"
                " and a package that `make build` makes after that has it; docs/index.md is where the pages begin"
            ) from None
        except (OSError, zipfile.BadZipFile) as error:
            raise WindsockError(f"{file} can't be read: {error}; install windsock again") from None
        self._names = frozenset(self._archive.namelist())
        self._lock = threading.Lock()

    def find(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        """Return what there is at a path: the status, the type, the content; of a redirection, the address."""
        name = unquote(urlsplit(path).path).strip("/")
        if name in self._names:
            return HTTPStatus.OK, mimetypes.guess_type(name)[0] or "application/octet-stream", self._read(name)
        index = f"{name}/index.html".lstrip("/")
        if index not in self._names:
            missing = self._read("404.html") if "404.html" in self._names else b"there is no such page\n"
            return HTTPStatus.NOT_FOUND, "text/html", missing
        if name and not urlsplit(path).path.endswith("/"):
            # A page's links are relative to its folder.
            return HTTPStatus.MOVED_PERMANENTLY, "text/plain", f"/{name}/".encode()
        return HTTPStatus.OK, "text/html", self._read(index)

    def _read(self, name: str) -> bytes:
        with self._lock:
            return self._archive.read(name)


class Server(ThreadingHTTPServer):
    """Serves a site on a socket that listens."""

    daemon_threads = True

    def __init__(self, sock: socket.socket, site: Site) -> None:
        super().__init__(sock.getsockname()[:2], _Handler, bind_and_activate=False)
        self.socket.close()
        self.socket = sock
        self.site = site


class _Handler(BaseHTTPRequestHandler):
    server: Server
    timeout = 30

    def do_GET(self) -> None:
        status, kind, content = self.server.site.find(self.path)
        self.send_response(status)
        if status == HTTPStatus.MOVED_PERMANENTLY:
            self.send_header("Location", content.decode("ascii", "ignore"))
            content = b""
        text = kind.startswith("text/") or kind.endswith(("javascript", "json"))
        self.send_header("Content-Type", f"{kind}; charset=utf-8" if text else kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_HEAD = do_GET  # noqa: N815  http.server calls it by this name

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  its name there
        """Say nothing: the terminal shows the address."""
