"""The metrics of DAG authors: `airflow.custom.<name>` of any name, made metrics as they arrive, within bounds."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from windsock import catalog
from windsock.exporter.series.metrics import adjusted
from windsock.settings.exporter import Exporter

from .names import Found
from .newcomers import KINDS, Newcomers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from windsock.catalog import Kind, Metric

    from .names import Ids

PREFIX = "custom."
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")
# The plain dialect has no tags: windsock.metrics lets them follow the name.
_PLAIN = re.compile(r"(?P<name>[^.]+)\.(?P<unit>[^.]+)\.(?P<team>[^.]+)\.(?P<ids>[^.](?:.*[^.])?)")
_TAKEN = re.compile(r"_(?:total|seconds_(?:bucket|count|sum))$")
_NONE = "none"


class Custom:
    """The names seen so far."""

    def __init__(self, settings: Exporter | None = None) -> None:
        self._settings = settings or Exporter()
        self.metrics = Newcomers(self._settings.budgets)

    def find(self, name: str, kind: str, tags: Mapping[str, str], ids: Ids) -> Found | str:
        """The metric of a name without `custom.`; or the reason for which it is none."""
        labels: dict[str, str] = {}
        ambiguous = False
        plain = None if "dag_id" in tags else _PLAIN.fullmatch(name)
        if plain is not None and "." in plain["ids"]:
            name = plain["name"]
            dag_id, task_id, ambiguous = ids.split(plain["ids"])
            labels = {"dag_id": dag_id, "task_id": task_id, "team": plain["team"]}
            if plain["unit"] != _NONE:
                labels["unit"] = plain["unit"]
        metric = self.metric(name, KINDS[kind])
        if metric is None:
            return "bad_name"
        known = self.metrics.get(metric.family)
        if known is not None and known.kind != metric.kind:
            return "type_conflict"
        if not self.metrics.admit(metric, tags.get("dag_id") or labels.get("dag_id", "")):
            return "custom_budget"
        return Found(known or metric, labels, "modern", ambiguous)

    def metric(self, name: str, kind: Kind) -> Metric | None:
        """The metric that a name would be; None where Prometheus could not tell it from another."""
        if not _NAME.fullmatch(name):
            return None
        metric = catalog.custom(name, kind)
        if kind == "gauge" and _TAKEN.search(metric.family):
            return None
        # What a daily run says holds until the next one.
        lasting = replace(metric, ttl=self._settings.expiry.dags if kind == "gauge" else 0)
        return adjusted(lasting, self._settings)
