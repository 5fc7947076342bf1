"""A client for the few requests that are made here: templates, searches, deletions. Whatever Elasticsearch version."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import requests

from windsock import secrets
from windsock.exceptions import WindsockError

if TYPE_CHECKING:
    from windsock.settings import Settings

TIMEOUT = 30.0


class RefusedError(WindsockError):
    """Elasticsearch answered with an error; `status` is its HTTP status."""

    def __init__(self, what: str, status: int, reason: str) -> None:
        self.status = status
        super().__init__(f"{what}: Elasticsearch answered {status}: {reason}")


class Elasticsearch:
    """The first of the configured servers that can be reached. Not for several threads at once."""

    def __init__(self, settings: Settings, timeout: float = TIMEOUT) -> None:
        """Raises SettingsError for a credential that is not to be had here."""
        server = settings.logs.elasticsearch
        self._urls = server.urls
        self._timeout = timeout
        self._session = requests.Session()
        if server.api_key:
            key = secrets.variable(server.api_key, "logs.elasticsearch.api_key")
            self._session.headers["Authorization"] = f"ApiKey {_encoded(key)}"
        elif server.username:
            password = secrets.variable(server.password, "logs.elasticsearch.password") if server.password else ""
            self._session.auth = (server.username, password)
        self._ca_file = server.ca_file

    def request(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. Raises RefusedError, and WindsockError where no server can be reached.

        `body` is sent as JSON; a list as one JSON value a line.
        """
        lines = isinstance(body, list)
        data = (
            "".join(json.dumps(line) + "\n" for line in body) if lines else None if body is None else json.dumps(body)
        )
        kind = "application/x-ndjson" if lines else "application/json"
        problem: Exception | None = None
        for url in self._urls:
            try:
                answer = self._session.request(
                    method,
                    f"{url}/{path}",
                    data=None if data is None else data.encode(),
                    headers={"Content-Type": kind},
                    timeout=self._timeout,
                    # A session's own would give way to $REQUESTS_CA_BUNDLE.
                    verify=self._ca_file,
                )
                found = answer.json()
            except (requests.RequestException, ValueError) as error:
                problem = error
                continue
            if not answer.ok:
                raise RefusedError(f"{method} {path.partition('?')[0]}", answer.status_code, _reason(found))
            return found
        what = _cause(problem) if problem else "no URL is configured"
        raise WindsockError(f"logs.elasticsearch.urls: {', '.join(self._urls)} can't be reached ({what})")


def _cause(problem: Exception) -> str:
    """Its kind; of a certificate, which a person can do something about, what is wrong with it too."""
    kind = type(problem).__name__
    if not isinstance(problem, requests.exceptions.SSLError):
        return kind
    found = re.search(r"certificate verify failed[^('\"]*", str(problem))
    return f"{kind}: {found[0].strip()}; logs.elasticsearch.ca_file says whom to trust" if found else kind


def _encoded(key: str) -> str:
    """`id:key`, as Filebeat wants it, in the form that HTTP wants."""
    return base64.b64encode(key.encode()).decode() if ":" in key else key


def _reason(found: Any) -> str:
    error = found.get("error") if isinstance(found, dict) else None
    if isinstance(error, dict):
        return f"{error.get('type')}: {str(error.get('reason'))[:300]}"
    return str(error)[:300]
