"""Grafana's HTTP API, as far as dashboards need it: folders, a dashboard by its uid, and storing one.

A dashboard is stored with the version that was read before, and never with `overwrite`: with that, Grafana 9.3 puts it
in the place of another one that has the same title.
"""

from __future__ import annotations

import json
import threading
import time
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from windsock.alertmanager import credentials, tls
from windsock.exceptions import WindsockError
from windsock.http import Client, NoReplyError
from windsock.text import line, safe

if TYPE_CHECKING:
    from windsock.http import Reply
    from windsock.settings import Http

    from .targets import Json

TIMEOUT = 15.0
"""Seconds for one request."""
_LIMIT = 64 << 20
"""Bytes of an answer: a dashboard may be megabytes."""
_TRIES = 3
"""Of a request that Grafana, or what stands before it, has no time for."""
_LONGEST_PAUSE = 10.0
"""Seconds, whatever Retry-After says."""
_PAGE = 1000
"""Folders in one answer, as many as Grafana gives."""
_PAGES = 100
_SHOWN = 300
"""Characters of Grafana's own words."""
_BUSY = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)
_MEANING = {
    HTTPStatus.UNAUTHORIZED: "the token is not accepted; grafana.http.bearer names it",
    HTTPStatus.FORBIDDEN: "the token may not do this: its service account needs the role Editor, and the right to"
    " write to the folder",
    HTTPStatus.NOT_FOUND: "is this the address of Grafana, with its path?",
}


GENERAL = "General"


class GrafanaError(WindsockError):
    """Nothing more can be done with this Grafana: it does not answer, or lets nobody in."""


class RefusedError(WindsockError):
    """Grafana does not take this one dashboard."""


@dataclass(frozen=True)
class Stored:
    """A dashboard as Grafana has it."""

    board: Json
    version: int
    folder: str
    """The folder's uid; empty: the general one."""
    folder_title: str = ""
    provisioned: bool = False
    """Whether it comes from a file: nothing else may change it."""
    changed: str = ""
    """By whom, and when."""


class Grafana:
    """One Grafana; holds no connection."""

    def __init__(self, url: str, http: Http, timeout: float = TIMEOUT) -> None:
        """`timeout`: seconds for one request. Raises SettingsError for a secret that can't be had."""
        self._url = url
        self._client = Client(lambda: tls(http), limit=_LIMIT)
        self._headers = {"Accept": "application/json", "Content-Type": "application/json"}
        self._headers |= credentials(http, "grafana")
        self._timeout = timeout

    def folder(self, name: str) -> str | None:
        """Return the uid of the folder with this uid or this title; None: there is none. Raises GrafanaError.

        The general one, which Grafana does not list, has an empty uid.
        """
        if name == GENERAL:
            return ""
        found: list[str] = []
        for page in range(1, _PAGES + 1):
            folders = self._read(f"/api/folders?limit={_PAGE}&page={page}", list)
            for one in folders:
                uid, title = (str(one.get(key, "")) for key in ("uid", "title")) if isinstance(one, dict) else ("", "")
                if uid == name:
                    return uid
                found += [uid] if uid and title == name else []
            if len(folders) < _PAGE:
                break
        if len(found) > 1:
            uids = ", ".join(found)
            raise GrafanaError(f"{self._url}: {len(found)} folders are called {name!r}; give the uid: {uids}")
        return found[0] if found else None

    def create_folder(self, title: str) -> str:
        """Make a folder and return its uid. Raises GrafanaError."""
        reply = self._request("/api/folders", {"title": title})
        uid = reply.json().get("uid")
        if reply.status == HTTPStatus.OK and uid:
            return str(uid)
        # Somebody else was faster.
        if reply.status in (HTTPStatus.CONFLICT, HTTPStatus.PRECONDITION_FAILED) and (there := self.folder(title)):
            return there
        raise GrafanaError(f"{self._url}: the folder {title!r} can't be made: {_said(reply)}")

    def dashboard(self, uid: str) -> Stored | None:
        """Return the dashboard with this uid; None: there is none. Raises GrafanaError, RefusedError."""
        reply = self._request(f"/api/dashboards/uid/{quote(uid, safe='')}", None)
        if reply.status == HTTPStatus.NOT_FOUND:
            return None
        if reply.status != HTTPStatus.OK:
            raise RefusedError(_said(reply))
        found = reply.json()
        board, meta = found.get("dashboard"), found.get("meta")
        if not isinstance(board, dict) or not isinstance(meta, dict) or not isinstance(board.get("version"), int):
            raise GrafanaError(f"{self._url}: no dashboard of Grafana's API, but: {line(reply.text, 80)}")
        who = line(f"{meta.get('updatedBy') or 'somebody'}, {meta.get('updated') or 'at an unknown time'}", 100)
        return Stored(
            board,
            board["version"],
            str(meta.get("folderUid") or ""),
            line(str(meta.get("folderTitle") or GENERAL), 100),
            meta.get("provisioned") is True,
            who,
        )

    def save(self, board: Json, folder: str, version: int | None, message: str) -> None:
        """Store a dashboard over its `version`, or anew where that is None. Raises GrafanaError, RefusedError."""
        of_version = {} if version is None else {"version": version}
        body = {"dashboard": {**board, **of_version}, "folderUid": folder, "message": message, "overwrite": False}
        reply = self._request("/api/dashboards/db", body)
        if reply.status == HTTPStatus.OK and reply.json().get("status") == "success":
            return
        if reply.status == HTTPStatus.PRECONDITION_FAILED:
            raise RefusedError(_precondition(reply.json().get("status"), board, reply))
        raise RefusedError(_said(reply))

    def _read(self, path: str, kind: type) -> Any:
        reply = self._request(path, None)
        if reply.status != HTTPStatus.OK:
            raise GrafanaError(f"{self._url}: {_said(reply)}")
        try:
            found = json.loads(reply.body)
        except ValueError:
            found = None
        if not isinstance(found, kind):
            raise GrafanaError(f"{self._url}: no answer of Grafana's API, but: {line(reply.text, 80)}")
        return found

    def _request(self, path: str, body: Json | None) -> Reply:
        """Raises GrafanaError where there is no answer, or where nobody is let in."""
        reply = self._once(path, body)
        for _ in range(_TRIES - 1):
            if reply.status not in _BUSY:
                break
            time.sleep(_pause(reply))
            reply = self._once(path, body)
        if reply.status == HTTPStatus.UNAUTHORIZED:
            raise GrafanaError(f"{self._url}: {_said(reply)}")
        if not reply.whole:
            raise GrafanaError(f"{self._url}: an answer of more than {_LIMIT >> 20} MiB")
        return reply

    def _once(self, path: str, body: Json | None) -> Reply:
        content = None if body is None else json.dumps(body).encode()
        found: list[Reply | str] = []

        def ask() -> None:
            try:
                found.append(self._client.request(self._url + path, content, self._headers, self._timeout))
            except NoReplyError as error:
                found.append(str(error))

        # A socket's timeout begins anew with each byte that arrives.
        thread = threading.Thread(target=ask, daemon=True)
        thread.start()
        thread.join(self._timeout)
        answer = found[0] if found else f"no answer within {self._timeout:g} s"
        if isinstance(answer, str):
            again = "; it may have been taken all the same: push again" if body else ""
            raise GrafanaError(f"{self._url}: {answer}{again}")
        return answer


def _precondition(status: Any, board: Json, reply: Reply) -> str:
    if status == "version-mismatch":
        return "somebody changed it in Grafana this very moment: push again to see what"
    if status == "name-exists":
        return f"another dashboard of the folder is called {board.get('title')!r}: rename it, or take another folder"
    return _said(reply)


def _said(reply: Reply) -> str:
    """The status, Grafana's own words and what can be done."""
    words = reply.json().get("message")
    # What is no JSON is a page of a proxy, or of a log-in.
    text = line(safe(str(words), _SHOWN), _SHOWN) if words else ""
    meaning = _MEANING.get(HTTPStatus(reply.status)) if reply.status in HTTPStatus._value2member_map_ else None
    if 300 <= reply.status < 400:
        meaning = f"it sends elsewhere: {line(safe(reply.headers.get('location', ''), _SHOWN), 100)}; give that address"
    return "; ".join(part for part in (f"HTTP {reply.status}" + (f": {text}" if text else ""), meaning) if part)


def _pause(reply: Reply) -> float:
    asked = reply.headers.get("retry-after", "")
    return min(float(asked), _LONGEST_PAUSE) if asked.isdecimal() else 1.0
