"""The rules as others than Prometheus take them: the Prometheus operator, vmalert, Grafana's own alerting."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from windsock import yaml_dump, yaml_load

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from windsock.settings import Settings

RULES = "rules.yml"
GRAFANA = "grafana-alerts.yml"
DATASOURCE = "windsock-prometheus"
"""The uid of the data source in Grafana that is provisioned in deploy/grafana."""

_INTERVAL = "1m"
"""How often Grafana evaluates: what the rules are made for at most."""
_LOOKBACK = 600
"""Seconds of Grafana's range; an instant query looks at its end alone."""
_TITLE = 40
"""Characters of a uid in Grafana at most."""
_ACTION = re.compile(r"{{-?\s*(.*?)\s*-?}}")


def prometheus(text: str, settings: Settings) -> dict[str, str]:
    """A file for `rule_files`."""
    del settings
    return {RULES: text}


def operator(text: str, settings: Settings) -> dict[str, str]:
    """A PrometheusRule: https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.PrometheusRule.

    Which ones a Prometheus reads is up to its `ruleSelector`: add the labels that it asks for.
    """
    del settings
    name = {"name": "windsock", "labels": {"app.kubernetes.io/name": "windsock"}}
    kind = {"apiVersion": "monitoring.coreos.com/v1", "kind": "PrometheusRule", "metadata": name}
    return {RULES: _header(text) + yaml_dump.dump({**kind, "spec": yaml_load.load(text)})}


def vmalert(text: str, settings: Settings) -> dict[str, str]:
    """A file for vmalert, which calls `query_offset` by another name and takes no key that it does not know."""
    del settings
    groups = yaml_load.load(text)["groups"]
    for group in groups:
        if "query_offset" in group:
            group["eval_delay"] = group.pop("query_offset")
    return {RULES: _header(text) + yaml_dump.dump({"groups": groups})}


def grafana(text: str, settings: Settings) -> dict[str, str]:
    """Alerts for Grafana's provisioning, and for Prometheus what they read: the recording rules alone.

    https://grafana.com/docs/grafana/latest/alerting/set-up/provision-alerting-resources/file-provisioning/. A query's
    value is what Prometheus would give the alert; each series that it returns fires, whatever its value is.
    """
    groups = yaml_load.load(text)["groups"]
    records = [{**group, "rules": [rule for rule in group["rules"] if "record" in rule]} for group in groups]
    alerts = [(group, [rule for rule in group["rules"] if "alert" in rule]) for group in groups]
    made = [
        {
            "orgId": 1,
            "name": group["name"],
            "folder": settings.grafana.folder,
            "interval": group.get("interval", _INTERVAL),
            "rules": [_managed(rule) for rule in rules],
        }
        for group, rules in alerts
        if rules
    ]
    return {
        RULES: _header(text) + yaml_dump.dump({"groups": [group for group in records if group["rules"]]}),
        GRAFANA: _header(text) + yaml_dump.dump({"apiVersion": 1, "groups": made}),
    }


FORMATS: dict[str, Callable[[str, Settings], dict[str, str]]] = {
    "prometheus": prometheus,
    "prometheus-rule": operator,
    "vmalert": vmalert,
    "grafana": grafana,
}


def _header(text: str) -> str:
    """The first line, which says what made the file."""
    return text[: text.index("\n") + 1]


def _managed(rule: dict[str, Any]) -> dict[str, Any]:
    keep = {"keepFiringFor": rule["keep_firing_for"]} if "keep_firing_for" in rule else {}
    return {
        "uid": f"windsock-{rule['alert']}"[:_TITLE],
        "title": rule["alert"],
        "condition": "B",
        "data": [
            _query("A", DATASOURCE, {"expr": rule["expr"], "instant": True, "range": False}),
            # 1, whatever A is: 0 would be no alert.
            _query("B", "__expr__", {"type": "math", "expression": "$A * 0 + 1"}),
        ],
        # No series is what Prometheus calls no alert.
        "noDataState": "OK",
        "execErrState": "Error",
        "for": rule.get("for", "0s"),
        **keep,
        "labels": rule["labels"],
        "annotations": {name: _annotation(text) for name, text in rule["annotations"].items()},
        "isPaused": False,
    }


def _query(reference: str, datasource: str, model: dict[str, Any]) -> dict[str, Any]:
    return {
        "refId": reference,
        "relativeTimeRange": {"from": _LOOKBACK, "to": 0},
        "datasourceUid": datasource,
        "model": {"refId": reference, **model},
    }


def _annotation(text: str) -> str:
    """A template of Prometheus' as Grafana knows it: its `$value` is a text, and it has no `query`.

    What another query would add is left out, with all between it and its end.
    """
    return "".join(_kept(text)).replace("$value", "$values.A.Value")


def _kept(text: str) -> Iterator[str]:
    """The parts of a template, without what stands in a block that begins with a query."""
    depth = skipped = position = 0
    for match in _ACTION.finditer(text):
        word = match[1].partition(" ")[0]
        outside = not skipped
        if word in {"with", "range", "if"}:
            depth += 1
            if outside and re.search(r"\|\s*query\b", match[1]):
                skipped = depth
        if outside:
            yield text[position : match.start()]
            if not skipped:
                yield match[0]
        if word == "end":
            if depth == skipped:
                skipped = 0
            depth -= 1
        position = match.end()
    yield text[position:]
