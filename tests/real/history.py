"""Scrapes and rules in simulated time, in a server that takes remote write: an hour of a cluster in seconds.

What Prometheus does with a target and with a rule is done here, with the times that a test wants: labels of the
target, `up`, the marker that ends what is gone. So two clusters have the same times, and what differs is their own.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import requests

from .remote_write import PATH, STALE, body, write

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

Labels = tuple[tuple[str, str], ...]
Vector = dict[Labels, float]
"""What an instant query answers, by its labels."""

_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?:\{(?P<labels>.*)\})? (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_ESCAPED = {r"\\": "\\", r"\"": '"', r"\n": "\n"}


def samples(text: str) -> Iterator[tuple[dict[str, str], float]]:
    """What stands in an exposition, with the name as the label `__name__`."""
    for line in text.splitlines():
        if line and not line.startswith("#"):
            found = _SAMPLE.fullmatch(line)
            assert found, line
            labels = {
                name: re.sub(r"\\.", lambda mark: _ESCAPED[mark[0]], value)
                for name, value in _LABEL.findall(found["labels"] or "")
            }
            yield {"__name__": found["name"], **labels}, float(found["value"])


class History:
    """The server at `url`, from its empty beginning; each step is a time later than the one before."""

    def __init__(self, url: str, write_to: str = "", headers: Mapping[str, str] | None = None) -> None:
        """`write_to`: where it takes remote write, if not where Prometheus does."""
        self.url = url
        self._to = write_to or f"{url}{PATH}"
        self._headers = dict(headers or {})
        self._http = requests.Session()
        self._http.headers.update(self._headers)
        self._before: dict[str, set[Labels]] = {}
        """By target and by rule: the series that it had."""

    def scrape(self, at: int, target: Mapping[str, str], text: str | None) -> None:
        """What a target says, with these labels of it; None where it does not answer."""
        named = {"job": "windsock", **target}
        found = [({**labels, **named}, value) for labels, value in samples(text or "")]
        self._append(at, f"target {sorted(target.items())}", found)
        self.send(at, [({"__name__": "up", **named}, float(text is not None))])

    def forget(self, at: int, target: Mapping[str, str]) -> None:
        """The target is taken from the configuration: all its series end."""
        self._append(at, f"target {sorted(target.items())}", [])
        self.send(at, [({"__name__": "up", "job": "windsock", **target}, STALE)])

    def evaluate(self, at: int, groups: list[dict[str, Any]]) -> None:
        """Each rule, one after the other, as a group does; an alert fires with its first evaluation."""
        for group in groups:
            for number, rule in enumerate(group["rules"]):
                name = {"__name__": rule.get("record", "ALERTS"), **rule.get("labels", {})}
                if "alert" in rule:
                    name |= {"alertname": rule["alert"], "alertstate": "firing"}
                found = [({**dict(labels), **name}, value) for labels, value in self.query(rule["expr"], at).items()]
                if "alert" in rule:
                    found = [(labels, 1.0) for labels, _ in found]
                self._append(at, f"rule {group['name']} {number}", found)

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
        answer = self._http.get(self.url + path, timeout=60)
        assert answer.ok, answer.text
        data = answer.json()["data"]
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

    def _append(self, at: int, whose: str, found: list[tuple[dict[str, str], float]]) -> None:
        now = {tuple(sorted(labels.items())) for labels, _ in found}
        gone = self._before.get(whose, set()) - now
        self._before[whose] = now
        self.send(at, [*found, *((dict(labels), STALE) for labels in gone)])

    def _get(self, path: str, **query: str) -> Any:
        answer = self._http.get(f"{self.url}{path}", params=query, timeout=60)
        assert answer.ok, f"{query}: {answer.text}"
        return answer.json()["data"]
