"""Scrapes and rules in simulated time, in a server that takes remote write: an hour of a cluster in seconds.

What Prometheus does with a target and with a rule is done here, with the times that a test wants: labels of the
target, `up`, the marker that ends what is gone. So two clusters have the same times, and what differs is their own.
"""

from __future__ import annotations

import functools
import http.client
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode, urlsplit
from zlib import crc32

from windsock.settings.units import parse_duration as seconds

from .remote_write import PATH, STALE, body, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from windsock.catalog import Metric

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]
"""What an instant query answers, by its labels."""

_SERIES = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})?")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def samples(text: str) -> Iterator[tuple[dict[str, str], float]]:
    """What stands in an exposition, with the name as the label `__name__`."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            yield {**_series(series)}, float(value)


@functools.lru_cache(1 << 16)
def _series(text: str) -> dict[str, str]:
    # The same ones come minute by minute.
    found = _SERIES.fullmatch(text)
    assert found, text
    labels = {
        name: re.sub(r"\\.", lambda mark: _ESCAPED[mark[0]], value)
        for name, value in _LABEL.findall(found["labels"] or "")
    }
    return {"__name__": found["name"], **labels}


VALUES = {
    "dag_id": ("flaky", "orders_etl"),
    "state": ("success", "failed", "up_for_retry", "running", "queued", "scheduled"),
    "job_type": ("SchedulerJob", "DagProcessorJob", "TriggererJob"),
    "quantile": ("0.5", "0.9"),
}
"""By label; any other has one value, which says its name."""


def made_up(metrics: Iterable[Metric], count: int, now: int) -> str:
    """An exposition of all these metrics: what counts has come to `count` times a number of its own, gauges stand.

    A gauge that is a time is shortly after `now`.
    """
    lines = []
    for metric in metrics:
        for labels in _combinations(metric.labels):
            text = ",".join(f'{name}="{value}"' for name, value in labels.items())
            own = crc32(f"{metric.family}{text}".encode()) % 7 + 1
            if metric.kind == "counter":
                lines.append(f"{metric.family}{{{text}}} {count * own}")
            elif metric.kind == "gauge":
                lines.append(f"{metric.family}{{{text}}} {own + now * metric.family.endswith('_timestamp_seconds')}")
            else:
                comma = "," if text else ""
                for number, bound in enumerate((*metric.buckets, "+Inf")):
                    inside = count * own if number > 1 else 0
                    lines.append(f'{metric.family}_bucket{{{text}{comma}le="{bound}"}} {inside}')
                lines.append(f"{metric.family}_sum{{{text}}} {count * own * metric.buckets[2]}")
                lines.append(f"{metric.family}_count{{{text}}} {count * own}")
    return "\n".join(lines) + "\n"


def _combinations(names: tuple[str, ...]) -> Iterator[dict[str, str]]:
    if not names:
        yield {}
        return
    for value in VALUES.get(names[0], (f"a-{names[0]}",)):
        for rest in _combinations(names[1:]):
            yield {names[0]: value, **rest}


@dataclass
class _Alert:
    """One that is pending or fires."""

    since: int
    fires: bool = False
    over: int | None = None
    """Since when the expression does not hold any more."""


def _step(states: dict[Labels, _Alert], holds: set[Labels], at: int, wait: float, keep: float) -> list[Labels]:
    """Bring the alerts of a rule up to date, as Prometheus' rules/alerting.go does; returns those that are left."""
    for labels in holds:
        alert = states.setdefault(labels, _Alert(at))
        alert.over = None
        alert.fires = alert.fires or at - alert.since >= wait
    for labels in states.keys() - holds:
        alert = states[labels]
        alert.over = at if alert.over is None else alert.over
        if not alert.fires or at - alert.over >= keep:
            del states[labels]
    return list(states)


class History:
    """The server at `url`, from its empty beginning; each step is a time later than the one before."""

    def __init__(self, url: str, write_to: str = "", headers: Mapping[str, str] | None = None) -> None:
        """`write_to`: where it takes remote write, if not where Prometheus does."""
        self.url = url
        self._to = write_to or f"{url}{PATH}"
        self._headers = dict(headers or {})
        # Thousands of queries, of which a library would make more work than the server.
        self._http = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
        self._before: dict[str, set[Labels]] = {}
        """By target and by rule: the series that it had."""
        self._alerts: dict[str, dict[Labels, _Alert]] = {}

    def scrape(self, at: int, target: Mapping[str, str], text: str | None) -> None:
        """What a target says, with these labels of it; None where it does not answer."""
        named = {"job": "windsock", **target}
        found = [({**labels, **named}, value) for labels, value in samples(text or "")]
        up = [({"__name__": "up", **named}, float(text is not None))]
        self._append(at, f"target {sorted(target.items())}", found, up)

    def forget(self, at: int, target: Mapping[str, str]) -> None:
        """The target is taken from the configuration: all its series end."""
        up = [({"__name__": "up", "job": "windsock", **target}, STALE)]
        self._append(at, f"target {sorted(target.items())}", [], up)

    def evaluate(self, at: int, groups: list[dict[str, Any]], *, at_once: bool = True) -> list[dict[str, str]]:
        """Each rule, one after the other, as a group does; returns the labels of what fires.

        `at_once`: an alert fires with its first evaluation; else after its `for`, and on for its `keep_firing_for`.
        """
        firing = []
        for group in groups:
            for number, rule in enumerate(group["rules"]):
                whose = f"rule {group['name']} {number}"
                name = {"__name__": rule.get("record", "ALERTS"), **rule.get("labels", {})}
                answer = self.query(rule["expr"], at)
                if "record" in rule:
                    self._append(at, whose, [({**dict(labels), **name}, value) for labels, value in answer.items()])
                    continue
                waits = [0 if at_once else seconds(rule.get(key, "0s")) for key in ("for", "keep_firing_for")]
                states = self._alerts.setdefault(whose, {})
                found = []
                for labels in _step(states, set(answer), at, *waits):
                    state = "firing" if states[labels].fires else "pending"
                    found.append({**dict(labels), **name, "alertname": rule["alert"], "alertstate": state})
                firing += [one for one in found if one["alertstate"] == "firing"]
                self._append(at, whose, [(one, 1.0) for one in found])
        return firing

    def query(self, expr: str, at: int) -> Vector:
        """Ask for an instant; a number is that of no labels."""
        data = self._get("/api/v1/query", query=expr, time=str(at))
        if data["resultType"] == "scalar":
            return {(): float(data["result"][1])}
        return {
            tuple(sorted((name, value) for name, value in one["metric"].items() if name != "__name__")): float(
                one["value"][1]
            )
            for one in data["result"]
        }

    def lines(self, path: str) -> dict[Labels, dict[float, float]]:
        """Ask for `path` with a query, instant or not: the values by time of each series."""
        data = self._get(path)
        if data["resultType"] == "scalar":
            return {(): {float(data["result"][0]): float(data["result"][1])}}
        return {
            tuple(sorted(one["metric"].items())): {
                float(at): float(value) for at, value in one.get("values") or [one["value"]]
            }
            for one in data["result"]
        }

    def send(self, at: int, series: list[tuple[dict[str, str], float]]) -> None:
        """Store one sample of each."""
        for first in range(0, len(series), 5000):
            write(self._to, body(series[first : first + 5000], at), self._headers)

    def _append(
        self,
        at: int,
        whose: str,
        found: list[tuple[dict[str, str], float]],
        more: Sequence[tuple[dict[str, str], float]] = (),
    ) -> None:
        """Store what was found and the ends of what is gone; and `more`, which has no end."""
        now = {tuple(sorted(labels.items())) for labels, _ in found}
        gone = self._before.get(whose, set()) - now
        self._before[whose] = now
        self.send(at, [*found, *((dict(labels), STALE) for labels in gone), *more])

    def _get(self, path: str, **query: str) -> Any:
        self._http.request("GET", f"{path}?{urlencode(query)}" if query else path, headers=self._headers)
        with self._http.getresponse() as answer:
            text = answer.read()
        assert answer.status == http.client.OK, f"{path} {query}: {text.decode()}"
        return json.loads(text)["data"]
