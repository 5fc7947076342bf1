"""One message before any platform's markup: the words, clean and bounded, in the order in which a person reads them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windsock.text import line, shorten

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.events import Event

QUOTE = 1500
"""Characters of an exception, or of what a template says."""
_FACT = 200
"""Characters of one further annotation; there may be ten."""
_FACTS = 10
_LOG = 600
"""Characters of a log's end: its last ones."""
_LINK = 1000
"""A longer address is left out: cut, it would lead nowhere."""
_LOOKED_AT = 50_000

_LINKS = (("log_url", "Log"), ("run_url", "Airflow"), ("dashboard_url", "Dashboard"), ("runbook_url", "Runbook"))
_SAID = {"summary", "exception", "description", "failed_at", "map_index", "try", "log_tail", "hostname", "tags"}
"""Annotations that have a place of their own, or are of no use to a reader."""
_NAMES = {"failed_count": "failed", "failed_task": "failed task"}
_DROPPED = ("Cc", "Cf", "Cs", "Co")
_KEPT = "\n\t\u200c\u200d"
"""Beside line ends: what joins letters and emoji."""
_WORDS = re.compile(r"[A-Za-z][A-Za-z0-9_ ]{0,40}")


@dataclass(frozen=True)
class Message:
    """What is told of an event. `failures` and `tasks` are what this host has seen of the run so far."""

    event: Event
    resolved: bool = False
    failures: int = 1
    tasks: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = ()
    """What the reader must know of the delivery itself: that it is late, or may be a repeat."""
    body: str | None = None
    """What a template says instead of the exception."""
    id: str = ""
    """The same for each attempt to deliver it."""

    @property
    def status(self) -> str:
        """As Alertmanager says it."""
        return "resolved" if self.resolved else "firing"

    @property
    def name(self) -> str:
        """Which incident: the alert, the DAG, the installation."""
        event = self.event
        return re.sub(r"[<>&]", "", f"{event.alertname} {line(clean(event.dag_id), 250)} ({event.cluster})")

    @property
    def title(self) -> str:
        """The first line."""
        count = f":{self.failures}" if self.failures > 1 and not self.resolved else ""
        return f"[{self.status.upper()}{count}] {self.name}"

    @property
    def summary(self) -> str:
        """One line, for a telephone."""
        return line(clean(self.event.annotations.get("summary", "")), 600) or self.name

    @property
    def since(self) -> str:
        """The time of the failure, as its sender wrote it."""
        return line(clean(self.event.annotations.get("failed_at", "")), 40)

    @property
    def quote(self) -> str:
        """The exception; empty where a template speaks, or nothing was said beyond the summary."""
        found = self.event.annotations
        return "" if self.body is not None or self.resolved else shorten(clean(found.get("exception", "")), QUOTE)

    @property
    def text(self) -> str:
        """What is said in words instead of an exception."""
        if self.resolved:
            return ""
        if self.body is not None:
            return shorten(clean(self.body), QUOTE)
        description = shorten(clean(self.event.annotations.get("description", "")), QUOTE)
        return description or ("" if self.quote else self.summary)

    @property
    def log_tail(self) -> str:
        """The last lines of the task's log, where someone sent them."""
        tail = "" if self.resolved else clean(self.event.annotations.get("log_tail", "")[-_LOOKED_AT:])
        return tail if len(tail) <= _LOG else f"…{tail[-_LOG:]}"

    @property
    def counts(self) -> str:
        """How many failures of the run this host has seen, where it is more than one."""
        if self.failures < 2 or self.resolved:
            return ""
        several = [f"{line(clean(task), 120) or 'the run'} {count}" for task, count in self.tasks[:8]]
        rest = f" and {len(self.tasks) - 8} more tasks" if len(self.tasks) > 8 else ""
        which = f": {', '.join(several)}{rest}" if len(self.tasks) > 1 else ""
        return f"{self.failures} failures in this run so far, on this host{which}"

    @property
    def links(self) -> list[tuple[str, str]]:
        """Label and address; addresses have no blank and no bracket, bar or quotation mark."""
        found = [(label, clean(self.event.annotations.get(name, ""))) for name, label in _LINKS]
        return [
            (label, re.sub(r"[\s<>|\"']", "", url))
            for label, url in found
            if len(url) < _LINK and url.startswith(("http://", "https://"))
        ]

    @property
    def url(self) -> str:
        """Where the title leads."""
        pages = dict(self.links)
        return pages.get("Airflow") or pages.get("Dashboard") or ""

    @property
    def facts(self) -> list[tuple[str, str]]:
        """All other annotations, whoever wrote them."""
        known = _SAID | {name for name, _ in _LINKS}
        found = [
            (_NAMES.get(name, name.replace("_", " ")), line(clean(value), _FACT))
            for name, value in self.event.annotations.items()
            if name not in known and value and _WORDS.fullmatch(name)
        ]
        return [] if self.resolved else found[:_FACTS]

    def values(self) -> Mapping[str, object]:
        """What a template may name: the labels, the annotations, and what this host has counted."""
        event = self.event
        return {
            **{name: clean(value) for name, value in event.annotations.items()},
            **event.labels,
            "status": self.status,
            "title": self.title,
            "failures": self.failures,
            "tasks": dict(self.tasks),
        }


def clean(text: str) -> str:
    """Return `text` without what could garble a page: control characters, changes of direction, broken surrogates."""
    return "".join(
        character
        for character in text[:_LOOKED_AT].replace("\r\n", "\n")
        if character in _KEPT or unicodedata.category(character) not in _DROPPED
    ).strip()
