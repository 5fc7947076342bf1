"""Asks Celery's Redis now and then, and shows what it says."""

from __future__ import annotations

import base64
import json
import logging
import threading
from typing import TYPE_CHECKING

from windsock import catalog, secrets
from windsock.exceptions import SettingsError
from windsock.exporter.process.worker import Worker

from .redis import Redis, address

if TYPE_CHECKING:
    from windsock.exporter.series.own import OwnMetrics
    from windsock.settings.exporter import Celery

log = logging.getLogger(__name__)

_PRIORITIES = ("", "\x06\x163", "\x06\x166", "\x06\x169")
"""Kombu keeps a list for each step of priority, by what stands behind the queue's name."""
_UNACKED = "unacked"
"""Kombu's hash of messages that a worker has and did not acknowledge: Airflow's tasks do so when they end."""
_HEARTBEATS = "celeryev/worker.heartbeat"
"""Kombu's channel on which each worker says that it lives, every two seconds."""
_LISTEN = 5.0
"""Seconds: two heartbeats, and what a busy machine makes of them."""
_MESSAGES, _HELD, _WORKERS = (
    "airflow_celery_queue_messages",
    "airflow_celery_unacked_messages",
    "airflow_celery_workers",
)
_UP = "windsock_celery_up"
_MOST_QUEUES = 100


def url(settings: Celery) -> str:
    """The broker's address. Raises SettingsError where `celery.broker` leads nowhere."""
    found = secrets.variable(settings.broker or "", "exporter.celery.broker")
    try:
        address(found)
    except ValueError as error:
        raise SettingsError([f"exporter.celery.broker: {error}"]) from None
    return found


class Broker(Worker):
    """Reads every `celery.interval`. Raises SettingsError where `celery.broker` leads nowhere.

    `problem` says in words why it can't be read; it is empty while all is well.
    """

    def __init__(self, settings: Celery, own: OwnMetrics) -> None:
        super().__init__("celery", self._watch)
        self.problem = ""
        self._settings = settings
        self._own = own
        self._url = url(settings)
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
            waiting, held, workers = self._ask()
        except (OSError, ValueError) as error:
            self._forget(str(getattr(error, "strerror", None) or error) or type(error).__name__)
            return
        self._own.set_all(_MESSAGES, "queue", waiting, _MOST_QUEUES)
        self._own.set(_HELD, held)
        self._own.set(_WORKERS, workers)
        self._own.set(_UP, 1)
        if self.problem:
            self.problem = ""
            log.info("Celery's broker can be read again")

    def _ask(self) -> tuple[dict[str, float], int, int]:
        prefix = self._settings.key_prefix
        with Redis(self._url, self._settings.timeout) as redis:
            waiting: dict[str, float] = {
                queue: sum(int(redis.ask("LLEN", f"{prefix}{queue}{step}")) for step in _PRIORITIES)
                for queue in self._settings.queues
            }
            held = int(redis.ask("HLEN", f"{prefix}{_UNACKED}"))
            beats = redis.listen(f"{prefix}/{redis.database}.{_HEARTBEATS}", _LISTEN)
            workers = {worker for beat in beats if (worker := _sender(beat))}
        return waiting, held, len(workers)

    def _forget(self, problem: str) -> None:
        """What is not known any more is not shown: an old number would be taken for the present."""
        self._own.set_all(_MESSAGES, "queue", {}, _MOST_QUEUES)
        for name in (_HELD, _WORKERS):
            self._own.store.drop(catalog.family(name), ())
        self._own.set(_UP, 0)
        if problem != self.problem:
            self.problem = problem
            log.warning("Celery's broker can't be read: %s", problem)


def _sender(beat: bytes) -> str:
    """The worker's name in an event as Kombu publishes it; empty where it is none."""
    try:
        return str(json.loads(base64.b64decode(json.loads(beat)["body"]))["hostname"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return ""
