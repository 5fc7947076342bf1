"""The inbox's own requests: the page, and what tests ask.

GET /api/messages?platform=&channel=&since=&wait=   {"messages": […], "last": n}; waits up to `wait` seconds for one
DELETE /api/messages                                forgets messages and attempts
GET /api/attempts?platform=                         {"attempts": […]}
GET /ca.pem                                         whom a sender has to trust whose proxy the inbox is
GET, POST, DELETE /api/faults                       those still to be met; one more; none
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from .exchange import Response, json_response, parse_json, text_response
from .faults import Fault, Faults
from .page import page

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .certificates import Authority
    from .messages import Store

MAX_WAIT = 60.0
_FILES = {"/page.css": "text/css; charset=utf-8", "/page.js": "text/javascript; charset=utf-8"}


class Api:
    """Answers from the store and the faults."""

    def __init__(self, store: Store, faults: Faults, addresses: Mapping[str, str], authority: Authority) -> None:
        self._store = store
        self._faults = faults
        self._addresses = addresses
        self._routes: dict[str, Callable[[dict[str, str], bytes], Response]] = {
            "GET /": self._page,
            "GET /healthz": lambda *_: text_response("ok\n"),
            "GET /ca.pem": lambda *_: Response(200, authority.certificate, "application/x-pem-file"),
            "GET /api/messages": self._messages,
            "DELETE /api/messages": self._clear,
            "GET /api/attempts": self._attempts,
            "GET /api/faults": self._list_faults,
            "POST /api/faults": self._add_fault,
            "DELETE /api/faults": self._clear_faults,
        }

    def handle(self, method: str, path: str, query: dict[str, str], body: bytes) -> Response:
        """The answer; 400 says what is wrong with the request."""
        route = self._routes.get(f"{method} {path}")
        if route is None and method == "GET" and path in _FILES:
            return Response(200, Path(__file__).with_name(path[1:]).read_bytes(), _FILES[path])
        if route is None:
            return json_response({"error": f"there is no {method} {path}"}, 404)
        try:
            return route(query, body)
        except ValidationError as error:
            lines = [f"{'.'.join(map(str, item['loc'])) or 'body'}: {item['msg']}" for item in error.errors()]
            return json_response({"error": "; ".join(lines)}, 400)
        except ValueError as error:
            return json_response({"error": str(error)}, 400)

    def _page(self, query: dict[str, str], _: bytes) -> Response:
        # Task data may hold half a surrogate pair, which has no UTF-8.
        text = page(self._store, self._addresses, query).encode("utf-8", "replace")
        return Response(200, text, "text/html; charset=utf-8")

    def _messages(self, query: dict[str, str], _: bytes) -> Response:
        store, since, wait = self._store, int(query.get("since", 0)), min(float(query.get("wait", 0)), MAX_WAIT)
        with store.lock:
            found = store.wait(lambda: store.messages(query.get("platform"), query.get("channel"), since), wait)
            last = store.revision
        return json_response({"messages": [dataclasses.asdict(message) for message in found], "last": last})

    def _clear(self, *_: object) -> Response:
        self._store.clear()
        return json_response({"last": self._store.revision})

    def _attempts(self, query: dict[str, str], _: bytes) -> Response:
        found = self._store.attempts(query.get("platform"))
        return json_response({"attempts": [dataclasses.asdict(attempt) for attempt in found]})

    def _list_faults(self, *_: object) -> Response:
        return json_response({"faults": self._faults.json()})

    def _add_fault(self, _: dict[str, str], body: bytes) -> Response:
        self._faults.add(Fault.model_validate(parse_json(body)))
        return self._list_faults()

    def _clear_faults(self, *_: object) -> Response:
        self._faults.clear()
        return self._list_faults()
