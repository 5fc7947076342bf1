"""One message before any platform's markup: the words, clean and bounded, in the order in which a person reads them."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

from windsock.events import VERBS
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
_LOOKED_AT = 3000
"""Characters of a text that are cleaned: more than is ever shown of one."""

_LINKS = (("log_url", "Log"), ("run_url", "Airflow"), ("dashboard_url", "Dashboard"), ("runbook_url", "Runbook"))
_SAID = {
    *("summary", "exception", "traceback", "description", "failed_at", "recovered", "map_index", "try", "run_id"),
    *("log_tail", "hostname", "tags", "due_at", "started_at", "since", "until", "cause", "first"),
    *("again", "recurring"),
}
"""Annotations that have a place of their own, or are of no use to a reader."""
_NAMES = {"failed_count": "failed"}
_DROPPED = ("Cc", "Cf", "Cs", "Co")
_KEPT = "\n\t\u200c\u200d"
"""Beside line ends: what joins letters and emoji."""
_BEFORE_WHY = re.compile(r".{0,600}?(failed|tried again|skipped|bad data|SLA|deadline[^:]{0,100}): ")
"""Of a summary, what the headline says already."""
_WHY = 150
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
    first: bool = True
    """Nobody was told of this incident there before."""
    runs: int = 1
    """Runs of the task that have failed one after the other, as far as this host knows."""

    @property
    def status(self) -> str:
        """As Alertmanager says it."""
        return "resolved" if self.resolved else "firing"

    @property
    def name(self) -> str:
        """Which incident: what happened to which DAG of which installation."""
        return self._headline("")

    @property
    def title(self) -> str:
        """The first line: `orders failed: ValueError: no rows, 3rd run in a row, and 4 more (prod)`."""
        if self.resolved:
            return f"Over: {self.name}"
        error, _, _ = clean(self.event.annotations.get("exception", "")).partition("\n")
        summary = self.event.annotations.get("summary", "")
        why = error or (_BEFORE_WHY.sub("", clean(summary), count=1) if _BEFORE_WHY.match(clean(summary)) else "")
        runs = f", {ordinal(self.runs)} run in a row" if self.runs > 1 else ""
        more = f", and {self.failures - 1} more" if self.failures > 1 else ""
        return self._headline(f"{': ' if why else ''}{line(why, _WHY)}{runs}{more}")

    def _headline(self, more: str) -> str:
        event = self.event
        what = f"{line(clean(event.dag_id), 250)}{VERBS.get(event.alertname, f': {event.alertname}')}"
        return re.sub(r"[<>&]", "", clean(f"{what}{more} ({event.cluster})"))

    @property
    def summary(self) -> str:
        """One line, for a telephone."""
        return line(clean(self.event.annotations.get("summary", "")), 600) or self.name

    @property
    def since(self) -> str:
        """The time of the failure, in the team's zone."""
        return self._time("since", "failed_at")

    @property
    def until(self) -> str:
        """When it was over, where that is known."""
        return self._time("until", "recovered")

    def _time(self, *names: str) -> str:
        """In words where its sender wrote them."""
        said = self.event.annotations
        return line(clean(next((said[name] for name in names if said.get(name)), "")), 40)

    @property
    def run(self) -> str:
        """The run; a check of data is of none, and says in which one it failed."""
        return line(clean(self.event.run_id or self.event.annotations.get("run_id", "")), 250)

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Label and value, as a table shows them."""
        event, said = self.event, self.event.annotations
        rows = [
            ("Task", event.task_id or ""),
            ("Check", event.check or ""),
            ("Map index", said.get("map_index", "")),
            ("Run", self.run),
            ("Try", said.get("try", "")),
            ("Since", self.since),
            ("Resolved", self.until if self.resolved else ""),
        ]
        known = [(label, line(clean(value), 250)) for label, value in rows if value]
        return [*known, *((label.capitalize(), value) for label, value in self.facts)]

    @property
    def quote(self) -> str:
        """The exception and where it was raised; empty where a template speaks, or the summary says it all."""
        if self.body is not None or self.resolved:
            return ""
        said = [clean(self.event.annotations.get(name, "")) for name in ("exception", "traceback")]
        return shorten("\n\n".join(filter(None, said)), QUOTE)

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
        names = [name for name in self.event.annotations if name not in known and _WORDS.fullmatch(name)]
        found = [
            (_NAMES.get(name, name.replace("_", " ")), line(clean(self.event.annotations[name]), _FACT))
            for name in names[: 0 if self.resolved else 2 * _FACTS]
        ]
        return [(label, value) for label, value in found if value][:_FACTS]

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


def ordinal(number: int) -> str:
    """Return `3rd`."""
    ends = {1: "st", 2: "nd", 3: "rd"}
    return f"{number}{'th' if number // 10 % 10 == 1 else ends.get(number % 10, 'th')}"


def clean(text: str) -> str:
    """Return `text` without what could garble a page: control characters, changes of direction, broken surrogates."""
    return "".join(
        character
        for character in text[:_LOOKED_AT].replace("\r\n", "\n")
        if character in _KEPT or unicodedata.category(character) not in _DROPPED
    ).strip()
