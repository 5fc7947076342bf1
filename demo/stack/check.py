"""`windsock up --check`: follows the demo's first failure on its way to the inbox, and looks at what arrived."""

from __future__ import annotations

import html
import time
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

import click

from windsock import settings
from windsock.alertmanager import Alertmanager
from windsock.events import TASK_FAILED
from windsock.exceptions import StackError

from .airflow import Airflow, moment

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .stack import Stack

DAG = "orders_load"
"""The demo's DAG that fails in every run."""
EXCEPTION = "the warehouse refused the connection"
"""What its exception says, apart from a password that must not arrive."""
SECRET = "hunter2"  # noqa: S105  a made-up one
PATIENCE = 300.0
"""Seconds from a stack that is ready to a page."""
INTERVAL = 0.5
TIMEOUT = 3.0
PAGE_TIMEOUT = 60.0

FAILED = "task failed (Airflow)"
COUNTED = "failure counted: exporter, Prometheus"
ALERTED = "alert in Alertmanager"
PAGED = "page in the inbox"


@dataclass
class Check:
    """What is known of the failure so far; `times` are Unix times in seconds."""

    stack: Stack
    failure: dict[str, Any] = field(default_factory=dict)
    annotations: dict[str, str] = field(default_factory=dict)
    message: dict[str, Any] = field(default_factory=dict)
    times: dict[str, float] = field(default_factory=dict)

    def run(self, say: Callable[[str], None]) -> None:
        """Wait for every hop, print the times and what the page holds. Raises StackError where something is missing."""
        airflow = Airflow(self.stack.addresses.url("airflow"), self.stack.session)
        hops: dict[str, Callable[[], float | None]] = {
            FAILED: lambda: self._failed(airflow),
            COUNTED: self._counted,
            ALERTED: self._alerted,
            PAGED: self._paged,
        }
        say(f"waiting for {DAG} to fail, and for its page")
        deadline = time.monotonic() + PATIENCE
        while len(self.times) < len(hops) and time.monotonic() < deadline:
            for name, look in hops.items():
                # Each of the others is about the failure that Airflow itself names.
                if name not in self.times and (name == FAILED or FAILED in self.times):
                    self._note(name, look)
            time.sleep(INTERVAL)
        for line in self._report():
            click.echo(line)
        problems = [f"not within {PATIENCE:g} s: {name}" for name in hops if name not in self.times]
        problems += self._faults() if PAGED in self.times else []
        if problems:
            raise StackError("the check failed:\n" + "\n".join(f"  {problem}" for problem in problems))
        say("the page has DAG, task, run, exception, log link (it opens) and dashboard link; no secret is in it")
        say(f"{self.times[PAGED] - self.times[FAILED]:.1f} s from the failure to the page")

    def _note(self, name: str, look: Callable[[], float | None]) -> None:
        try:
            seen = look()
        except (OSError, ValueError, KeyError):
            return  # it can't say yet
        if seen is not None:
            self.times[name] = seen

    def _failed(self, airflow: Airflow) -> float | None:
        self.failure = airflow.first_failure(DAG) or {}
        return moment(self.failure["end_date"]) if self.failure else None

    def _counted(self) -> float | None:
        # Asked of Prometheus alone: the exporter shows a new counter as 0 in its first scrape, which is Prometheus'.
        query = f'timestamp(airflow_ti_failures_total{{dag_id="{DAG}"}} >= 1)'
        found = self._get("prometheus", "/api/v1/query", query=query).json()["data"]["result"]
        return float(found[0]["value"][1]) if found else None

    def _alerted(self) -> float | None:
        url = self.stack.addresses.url("alertmanager")
        labels = {"alertname": TASK_FAILED, "dag_id": DAG, "run_id": self.failure["dag_run_id"]}
        found = Alertmanager(settings.Alertmanager(urls=(url,))).find(labels, TIMEOUT)
        if not found:
            return None
        self.annotations = found[0]["annotations"]
        if failed_at := self.annotations.get("failed_at"):
            # Airflow writes the end of the try down when the callbacks have run.
            self.times[FAILED] = min(self.times[FAILED], moment(failed_at))
        return moment(found[0]["startsAt"])

    def _paged(self) -> float | None:
        # The run's name may stand in what the page links to alone.
        messages = self._get("inbox", "/api/messages", platform="slack").json()["messages"]
        self.message = next((m for m in messages if self.failure["dag_run_id"] in unquote(_text(m))), {})
        return float(self.message["received_at"]) if self.message else None

    def _report(self) -> Iterator[str]:
        begun = self.times.get(FAILED, 0.0)
        for name, seen in sorted(self.times.items(), key=lambda item: item[1]):
            clock = datetime.fromtimestamp(seen).astimezone().isoformat(sep=" ", timespec="milliseconds")[11:23]
            yield f"          {clock}  {seen - begun:+6.2f} s  {name}"

    def _faults(self) -> Iterator[str]:
        text = _text(self.message)
        log, dashboard = (self.annotations.get(name, "") for name in ("log_url", "dashboard_url"))
        wanted = {
            "the DAG": DAG,
            "the task": self.failure["task_id"],
            "the exception": EXCEPTION,
            "the log link": log,
            "the dashboard link": dashboard,
        }
        for what, value in wanted.items():
            if not value or value not in text:
                yield f"the page lacks {what} ({value or 'the alert has none'})"
        if SECRET in text:
            yield "the page shows the password of the exception's text"
        if log and (said := self._opened(log)) != "200":
            yield f"the log link {log} answers {said}"

    def _opened(self, url: str) -> str:
        """The status of a page, or what kept it from coming; Airflow's first one takes long on a busy machine."""
        try:
            return str(self.stack.session.get(url, timeout=PAGE_TIMEOUT).status_code)
        except OSError as error:
            return f"nothing ({type(error).__name__})"

    def _get(self, part: str, path: str, **query: str) -> Any:
        answer = self.stack.session.get(self.stack.addresses.url(part) + path, params=query, timeout=TIMEOUT)
        answer.raise_for_status()
        return answer


def _text(message: dict[str, Any]) -> str:
    """All that the message says, links too; Slack's three entities are taken back."""
    return html.unescape("\n".join([message["text"], *_strings(message["payload"])]))


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _strings(inner)
