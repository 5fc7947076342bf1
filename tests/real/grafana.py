"""What stands for Grafana, which no registry serves: its API as a real 9.3.2 was measured to behave.

A dashboard is stored as it was sent, but for `id` and `version`. Over one that is there only its own last version is
taken; what has the title of another one is refused, and with `overwrite` replaces it; what is provisioned is refused.
"""

from __future__ import annotations

import copy
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "glsa-for-tests"

Answer = tuple[int, dict[str, str], bytes]


def answer(status: int, body: Any = b"", **headers: str) -> Answer:
    """What a test lets Grafana say; `retry_after` is the header Retry-After."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return status, {name.replace("_", "-"): value for name, value in headers.items()}, content


class Grafana:
    """A server with dashboards and folders."""

    def __init__(self) -> None:
        self.folders: dict[str, str] = {}
        """Title by uid."""
        self.boards: dict[str, dict[str, Any]] = {}
        """By uid: the dashboard, its folder, whether it is provisioned."""
        self.posts: list[dict[str, Any]] = []
        """What was sent to be stored."""
        self.says: dict[str, list[Answer]] = {}
        """By the beginning of `METHOD /path`: answers in place of its own, one after the other; the last one stays."""
        self.hangs = ""
        """The beginning of `METHOD /path` that never gets a whole answer, but a byte now and then."""
        self.ended = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._do("GET")

            def do_POST(self) -> None:
                self._do("POST")

            def _do(self, method: str) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                asked = f"{method} {self.path}"
                if outer.hangs and asked.startswith(outer.hangs):
                    self._drip()
                    return
                given = self.headers.get("Authorization", "")
                status, headers, content = outer.answered(asked, json.loads(body or b"null"), given)
                self.send_response(status)
                for name, value in {"Content-Type": "application/json", **headers}.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def _drip(self) -> None:
                self.send_response(200)
                self.send_header("Content-Length", "1000000")
                self.end_headers()
                try:
                    while not outer.ended.wait(0.05):
                        self.wfile.write(b" ")
                except OSError:
                    return

            def log_message(self, *arguments: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self.ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def edit(self, uid: str, **changes: Any) -> None:
        """As a person saves it in the browser."""
        board = self.boards[uid]["dashboard"]
        board.update(changes, version=board["version"] + 1)

    def answered(self, asked: str, body: Any, given: str) -> Answer:
        with self._lock:
            for begin, answers in self.says.items():
                if asked.startswith(begin):
                    return answers.pop(0) if len(answers) > 1 else answers[0]
            if given != f"Bearer {TOKEN}":
                return answer(401, {"message": "Invalid API key"})
            parts = urlsplit(asked.partition(" ")[2])
            match asked.partition(" ")[0], parts.path.split("/")[1:]:
                case "GET", ["api", "folders"]:
                    return self._listed(parse_qs(parts.query))
                case "POST", ["api", "folders"]:
                    return self._folder(body)
                case "GET", ["api", "dashboards", "uid", uid]:
                    return self._read(uid)
                case "POST", ["api", "dashboards", "db"]:
                    self.posts.append(body)
                    return self._store(body)
            return answer(404, {"message": "Not found"})

    def _listed(self, query: dict[str, list[str]]) -> Answer:
        limit, page = int(query["limit"][0]), int(query["page"][0])
        folders = [{"uid": uid, "title": title} for uid, title in self.folders.items()]
        return answer(200, folders[(page - 1) * limit : page * limit])

    def _folder(self, body: dict[str, Any]) -> Answer:
        if body["title"] in self.folders.values():
            return answer(409, {"message": "a folder with the same name already exists"})
        uid = f"folder-{len(self.folders)}"
        self.folders[uid] = body["title"]
        return answer(200, {"uid": uid, "title": body["title"]})

    def _read(self, uid: str) -> Answer:
        if uid not in self.boards:
            return answer(404, {"message": "Dashboard not found"})
        there = self.boards[uid]
        meta = {
            "folderUid": there["folder"],
            "folderTitle": self.folders.get(there["folder"], "General"),
            "provisioned": there.get("provisioned", False),
            "updatedBy": "alice",
            "updated": "2026-11-28T12:00:00Z",
        }
        return answer(200, {"dashboard": there["dashboard"], "meta": meta})

    def _store(self, body: dict[str, Any]) -> Answer:
        board, folder = copy.deepcopy(body["dashboard"]), body.get("folderUid", "")
        uid, overwrite = board["uid"], body.get("overwrite")
        if len(uid) > 40 or not board.get("title"):
            return answer(400, {"message": "invalid uid or empty title"})
        there = self.boards.get(uid)
        if there and there.get("provisioned"):
            return answer(400, {"message": "Cannot save provisioned dashboard"})
        if there and not overwrite and board.get("version") != there["dashboard"]["version"]:
            return answer(412, {"status": "version-mismatch", "message": "The dashboard has been changed by someone"})
        for other, one in self.boards.items():
            if other != uid and one["folder"] == folder and one["dashboard"]["title"] == board["title"]:
                if not overwrite:
                    return answer(412, {"status": "name-exists", "message": "A dashboard with the same name exists"})
                uid = board["uid"] = other
        version = self.boards[uid]["dashboard"]["version"] + 1 if uid in self.boards else 1
        self.boards[uid] = {"dashboard": {**board, "id": len(self.boards) + 1, "version": version}, "folder": folder}
        return answer(200, {"status": "success", "uid": uid, "version": version})
