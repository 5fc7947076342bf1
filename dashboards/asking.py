"""The queries of dashboards, asked of a Prometheus as Grafana would ask them."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from windsock.alertmanager import Alertmanager, credentials

from . import targets

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from windsock.settings.root import Prometheus

    from .targets import Json, Target

TIMEOUT = 30.0
"""Seconds for one query: Grafana's own limit."""
_SPECIAL = re.compile(r"[][.*+?(){}|^$\\]")
"""What means something in a regular expression."""


@dataclass(frozen=True)
class Answer:
    """What Prometheus says to one query."""

    target: Target
    expr: str
    """As it was sent."""
    series: int = 0
    problem: str = ""
    """Why there is no answer."""
    seconds: float = 0.0


class Server:
    """A Prometheus, as `prometheus.urls` and `prometheus.http` say; the first of several."""

    def __init__(self, section: Prometheus, scrape: int = targets.SCRAPE) -> None:
        """`scrape`: seconds between two of its samples. Raises SettingsError for a secret that can't be had."""
        self._scrape = scrape
        self.url = section.urls[0]
        self._client = Alertmanager(
            section.model_copy(update={"urls": section.urls[:1]}), credentials(section.http, "prometheus")
        )

    def answers(
        self, board: Json, window: int, end: float | None = None, chosen: Mapping[str, str] | None = None
    ) -> Iterator[Answer]:
        """Ask all queries of a board for a range of `window` seconds that ends at `end`, in Unix time, or now.

        `chosen`: values of variables, in place of those with which the board opens.
        """
        end = time.time() if end is None else end
        chosen = self.opened(board, window, end, chosen)
        for target in targets.targets(board):
            try:
                expr = targets.filled(target, chosen, window, self._scrape)
            except ValueError as error:
                yield Answer(target, target.expr, problem=str(error))
                continue
            yield self._answer(target, expr, target.window or window, end)

    def opened(self, board: Json, window: int, end: float, chosen: Mapping[str, str] | None = None) -> dict[str, str]:
        """Return what each variable stands for as the board is opened: where one has no "All", its first value."""
        found = {**targets.values(board), **(chosen or {})}
        for target in targets.targets(board):
            name = target.variable
            if not target.opens_on_first or name in (chosen or {}):
                continue
            query = {"match[]": targets.filled(target, found, window, self._scrape), "start": end - window, "end": end}
            answer = self._client.ask(f"/api/v1/label/{target.label}/values?{urlencode(query)}", TIMEOUT)[self.url]
            values = answer.get("data") if isinstance(answer, dict) else None
            if isinstance(values, list) and values:
                found[name] = _SPECIAL.sub(r"\\\\\g<0>", str(min(values)))
        return found

    def _answer(self, target: Target, expr: str, window: int, end: float) -> Answer:
        begun = time.monotonic()
        found = self._client.ask(path(target, expr, window, end), TIMEOUT)[self.url]
        took = time.monotonic() - begun
        if isinstance(found, str):
            return Answer(target, expr, problem=found, seconds=took)
        series = _result(found)
        if series is None:
            return Answer(target, expr, problem="the answer is not one of Prometheus", seconds=took)
        return Answer(target, expr, len(series), seconds=took)


def path(target: Target, expr: str, window: int, end: float) -> str:
    """Return the request for a query, behind the server's URL."""
    if target.instant:
        return f"/api/v1/query?{urlencode({'query': expr, 'time': end})}"
    step = targets.step(window, target.smallest, target.points)
    # Grafana moves both ends to a multiple of the step.
    last = int(end) // step * step
    return f"/api/v1/query_range?{urlencode({'query': expr, 'start': last - window, 'end': last, 'step': step})}"


def _result(found: Any) -> list[Any] | None:
    data = found.get("data") if isinstance(found, dict) else None
    result = data.get("result") if isinstance(data, dict) else None
    return result if isinstance(result, list) else None
