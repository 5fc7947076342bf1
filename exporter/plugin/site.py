"""What the plugin answers, whichever web framework asks. Everything here may block: never on an event loop."""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from windsock import secrets, settings
from windsock.airflow import web
from windsock.alertmanager import Alertmanager, credentials
from windsock.database import find_url
from windsock.exceptions import SettingsError, WindsockError
from windsock.exporter.series.exposition import TEXT
from windsock.storms import SIGNS

from . import page
from .published import Exposition, UnavailableError

if TYPE_CHECKING:
    from collections.abc import Callable

log = logging.getLogger(__name__)

_PATIENCE = 3.0
_SCRIPT = base64.b64encode(hashlib.sha256(page.SCRIPT.encode()).digest()).decode()
_ALLOWED = f"style-src 'unsafe-inline'; script-src 'sha256-{_SCRIPT}'; frame-ancestors 'self'; base-uri 'none'"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": f"default-src 'none'; {_ALLOWED}",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Content:
    """What an HTTP request gets, with HEADERS beside."""

    body: bytes
    status: int = 200
    content_type: str = "text/html; charset=utf-8"


class Site:
    """The metrics and the pages, by one configuration."""

    def __init__(self, config: settings.Settings) -> None:
        self._settings = config
        self._token = _token(config.plugin.token)
        self._exposition: Exposition | None = None

    def fits(self, authorization: str) -> bool:
        """Whether an Authorization header carries the token of `plugin.token`."""
        scheme, _, given = authorization.partition(" ")
        return (
            bool(self._token)
            and scheme.lower() == "bearer"
            and hmac.compare_digest(given.strip().encode(errors="replace"), self._token.encode())
        )

    def metrics(self) -> Content:
        """The collector's exposition."""
        try:
            if self._exposition is None:
                self._exposition = Exposition(self._settings, self._database())
            return Content(self._exposition.read(), content_type=TEXT)
        except UnavailableError as error:
            log.warning("no metrics: %s", error)
            return problem(503, str(error))

    def _database(self) -> str:
        """What `metadata.url` names, or Airflow's own: the file may be the exporter's, and its variable not be here."""
        given = self._settings.metadata.url
        try:
            return (given and find_url(given)) or web.database_url()
        except SettingsError as error:
            log.warning("Airflow's own database is read: %s", error)
            return web.database_url()

    def dag(self, dag_id: str) -> Content:
        """The page of one DAG."""
        facts = web.dag_facts(dag_id)
        if facts is None:
            return problem(404, f"There is no DAG {dag_id}.")
        return _page(page.dag(facts, self._settings, self._alerts({"dag_id": dag_id})))

    def overview(self, may_see: Callable[[str], bool]) -> Content:
        """The page of all alerts that are firing, without those of DAGs that the user may not see."""
        found = self._alerts({})
        allowed = cache(may_see)
        seen = [one for one in found.alerts if not one["labels"].get("dag_id") or allowed(one["labels"]["dag_id"])]
        return _page(page.overview(self._settings, page.Firing(seen, found.trouble)))

    def _alerts(self, labels: dict[str, str]) -> page.Firing:
        """What Alertmanager has of this installation, newest first."""
        config = self._settings.alertmanager
        if not config.urls:
            return page.Firing([], "No Alertmanager is configured (alertmanager.urls).")
        try:
            client = Alertmanager(config, credentials(config.http))
            found = client.find({"cluster": self._settings.cluster, **labels}, _PATIENCE)
        except (OSError, WindsockError) as error:
            log.warning("no alerts: %s", error)
            return page.Firing([], "Alertmanager does not answer.")
        found = [one for one in found if one["labels"].get("alertname") not in SIGNS]
        return page.Firing(sorted(found, key=lambda one: str(one.get("startsAt")), reverse=True))


@cache
def site() -> Site:
    """The site of this process. A configuration that can't be used means the defaults, and a line in the log."""
    try:
        return Site(settings.load(cwd=False))
    except SettingsError as error:
        log.warning("the defaults are in force: %s", error)
        return Site(settings.Settings())


def problem(status: int, text: str) -> Content:
    """An answer that says what is wrong."""
    return Content(f"{text}\n".encode(), status, "text/plain; charset=utf-8")


def _page(text: str) -> Content:
    return Content(text.encode())


def _token(reference: str | None) -> str:
    """The token's value; empty, and nobody has it, where it can't be had."""
    if reference is None:
        return ""
    try:
        return secrets.variable(reference, "plugin.token")
    except SettingsError as error:
        log.warning("%s; only users of Airflow may read the metrics", error)
        return ""
