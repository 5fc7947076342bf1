"""What a server answers to every query that windsock makes: rules, the values that they compare, and boards."""

from __future__ import annotations

import functools
import json
import math
from typing import TYPE_CHECKING, Any

from windsock import yaml_load
from windsock.alerts import build as alerts
from windsock.alerts.rules import RULES
from windsock.dashboards import asking, targets
from windsock.dashboards import build as dashboards
from windsock.settings import Settings
from windsock.settings.root import Prometheus

if TYPE_CHECKING:
    from .history import History, Vector

RANGE, SCRAPE = 600, 60
"""Seconds that a board shows, and between two samples."""


def groups() -> list[dict[str, Any]]:
    """The groups of rules.yml, of no windsock.yaml."""
    found: list[dict[str, Any]] = yaml_load.load(alerts.files(Settings())[alerts.RULES])["groups"]
    return found


def recording(every: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same without alerts."""
    return [{**group, "rules": [rule for rule in group["rules"] if "record" in rule]} for group in every]


def of_rules(history: History, at: int, every: list[dict[str, Any]]) -> dict[str, Vector]:
    """By the name of a rule, and of the value that it compares with a threshold."""
    asked = {rule.get("alert") or rule["record"]: rule["expr"] for group in every for rule in group["rules"]}
    asked |= {f"{rule.name}'s value": rule.limit.of for rule in RULES if rule.limit is not None}
    return {name: history.query(expr, at) for name, expr in asked.items()}


def of_boards(history: History, at: int, cluster: str, like: str = "") -> dict[str, Any]:
    """By the place of each query, the lines of it, as the board is opened for a cluster.

    What else can be chosen is chosen as for the cluster `like`.
    """
    found = {}
    server = asking.Server(Prometheus(urls=(history.url,)), SCRAPE)
    for name, text in _boards().items():
        board = json.loads(text)
        chosen = {**server.opened(board, RANGE, at, {"cluster": like or cluster}), "cluster": cluster}
        for target in targets.targets(board):
            expr = targets.filled(target, chosen, RANGE, SCRAPE)
            path = asking.path(target, expr, target.window or RANGE, at)
            found[f"{name}: {target}"] = history.lines(path)
    return found


@functools.cache
def _boards() -> dict[str, str]:
    return dashboards.files()


def without(label: str, answer: dict[Any, Any]) -> dict[Any, Any]:
    """The same answer, without this label."""
    return {tuple(pair for pair in labels if pair[0] != label): value for labels, value in answer.items()}


def same(a: Any, b: Any) -> bool:
    """Whether two answers are, but for the last bits of a number."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return (math.isnan(a) and math.isnan(b)) or math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9)


def differing(a: dict[str, Any], b: dict[str, Any]) -> dict[str, Any]:
    """The questions that have two answers, with both."""
    return {name: (a[name], b.get(name)) for name in a if name not in b or not same(a[name], b[name])}
