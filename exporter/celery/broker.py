"""Asks Celery's broker now and then, and shows what it says."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from windsock import catalog, extras, secrets
from windsock.exceptions import SettingsError
from windsock.exporter.process.worker import Worker

from . import rabbitmq, redis

if TYPE_CHECKING:
    from urllib.parse import SplitResult

    from windsock.exporter.series.own import OwnMetrics
    from windsock.settings.exporter import Celery

log = logging.getLogger(__name__)

_KINDS = {"redis": redis, "rediss": redis, "http": rabbitmq, "https": rabbitmq}
_MESSAGES, _HELD, _WORKERS = (
    "airflow_celery_queue_messages",
    "airflow_celery_unacked_messages",
    "airflow_celery_workers",
)
_UP = "windsock_celery_up"
_MOST_QUEUES = 100


def address(settings: Celery) -> SplitResult:
    """The broker's, in parts. Raises SettingsError where `celery.broker` leads nowhere, MissingPackageError."""
    found = secrets.variable(settings.broker or "", "exporter.celery.broker")
    try:
        parts = urlsplit(found)
        _ = parts.port
        good = parts.scheme in _KINDS and _KINDS[parts.scheme].suits(parts)
    except ValueError:
        good = False
    if not good:
        # Without the URL: it has a password in it.
        raise SettingsError([f"exporter.celery.broker: expected {redis.EXPECTED}; or {rabbitmq.EXPECTED}"])
    if _KINDS[parts.scheme] is redis:
        extras.need("redis", what="exporter.celery.broker")
    return parts


class Broker(Worker):
    """Reads every `celery.interval`. Raises SettingsError where `celery.broker` leads nowhere, MissingPackageError.

    `problem` says in words why it can't be read; it is empty while all is well.
    """

    def __init__(self, settings: Celery, own: OwnMetrics) -> None:
        super().__init__("celery", self._watch)
        self.problem = ""
        self._settings = settings
        self._own = own
        self._parts = address(settings)
        self._stopping = threading.Event()

    def stop(self) -> None:
        """End after what is asked just now; nobody waits for that."""
        self._stopping.set()

    def _watch(self) -> None:
        while True:
            self._look()
            if self._stopping.wait(self._settings.interval):
                return

    def _look(self) -> None:
        try:
            found = _KINDS[self._parts.scheme].read(self._parts, self._settings)
        except (OSError, ValueError, RecursionError) as error:
            self._forget(str(getattr(error, "strerror", None) or error) or type(error).__name__)
            return
        self._own.set_all(_MESSAGES, "queue", found.waiting, _MOST_QUEUES)
        self._own.set(_HELD, found.held)
        self._own.set(_WORKERS, found.workers)
        self._own.set(_UP, 1)
        if self.problem:
            self.problem = ""
            log.info("Celery's broker can be read again")

    def _forget(self, problem: str) -> None:
        """What is not known any more is not shown: an old number would be taken for the present."""
        self._own.set_all(_MESSAGES, "queue", {}, _MOST_QUEUES)
        for name in (_HELD, _WORKERS):
            self._own.store.drop(catalog.family(name), ())
        self._own.set(_UP, 0)
        if problem != self.problem:
            self.problem = problem
            log.warning("Celery's broker can't be read: %s", problem)
