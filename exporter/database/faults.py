"""What goes wrong with a database: counted, said once in the log, and kept until it works again."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from windsock.redaction import redact

from . import schema
from .deadline import UnansweredError
from .query import DependencyError

if TYPE_CHECKING:
    from windsock.exporter.series.own import OwnMetrics

    from .dialects import Dialect

log = logging.getLogger(__name__)


class Fault(NamedTuple):
    """Why a query failed when it was last tried."""

    reason: str
    """One word: `connection`, `permission`, `timeout`, …"""
    text: str
    """The first line of what the driver said, without secrets."""
    error: Exception


class Faults:
    """By query; `connection` is among them where the database does not answer, `schema` where it is no Airflow's."""

    def __init__(self, where: str, dialect: Dialect, own: OwnMetrics) -> None:
        self.now: dict[str, Fault] = {}
        self._where = where
        self._dialect = dialect
        self._own = own

    def reason(self, error: Exception) -> str:
        """One word for it."""
        if isinstance(error, DependencyError):
            return "depends"
        if isinstance(error, TimeoutError):
            return "no_time"
        if isinstance(error, UnansweredError):
            return "connection"
        return "schema" if isinstance(error, schema.UnsupportedError) else self._dialect.reason(error)

    def count(self, name: str, error: Exception) -> str:
        """Note that a query failed; returns the reason."""
        reason = self.reason(error)
        self._own.counter("windsock_metadata_query_errors_total", query=name, reason=reason).value += 1
        self.note(name, reason, error)
        return reason

    def note(self, name: str, reason: str, error: Exception) -> None:
        """The same for what is no error of the database's."""
        text = said(error)
        if name not in self.now or self.now[name].reason != reason:
            log.warning("%s: query %s: %s: %s", self._where, name, reason, text)
        self.now[name] = Fault(reason, text, error)

    def over(self, name: str) -> None:
        """The query works."""
        if self.now.pop(name, None) is not None:
            log.info("%s: query %s: works again", self._where, name)


def said(error: Exception) -> str:
    """The first line of what a driver said, without secrets."""
    return redact(str(getattr(error, "orig", None) or error)).strip().partition("\n")[0]
