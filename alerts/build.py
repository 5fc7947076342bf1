"""The files that Prometheus and Alertmanager read, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import yaml

from . import messages, receivers, routes, rules

if TYPE_CHECKING:
    from windsock.settings import Settings

RULES = "rules.yml"
ALERTMANAGER = "alertmanager.yml"
TEMPLATES = "windsock.tmpl"

_HEADER = "# Made by `windsock alerts build`: what is changed here is lost with the next build.\n"


def files(settings: Settings, timing: routes.Timing | None = None) -> dict[str, str]:
    """Return the text of rules.yml, alertmanager.yml and windsock.tmpl by file name.

    Alertmanager looks for windsock.tmpl beside alertmanager.yml. Raises SettingsError where a team names a channel that
    no credential or server reaches.
    """
    return {
        RULES: _yaml({"groups": [group.render(settings.links) for group in rules.GROUPS]}),
        ALERTMANAGER: _yaml(routes.alertmanager(settings, timing)),
        TEMPLATES: messages.templates(),
    }


def secrets(settings: Settings) -> dict[str, str]:
    """Return the files that alertmanager.yml refers to, each with the reference (`${VARIABLE}`) of its content."""
    return receivers.secrets(settings)


def notes(settings: Settings) -> list[str]:
    """Return what is valid, but perhaps not meant, one line each."""
    lines = routes.notes(settings)
    if settings.exporter.naming != "prometheus" or settings.exporter.mapping_config:
        lines.append(
            "exporter.naming and exporter.mapping_config: the rules read the names of `naming: prometheus`; with others"
            " they see no series, and AirflowSchedulerHeartbeatAbsent fires for good"
        )
    return lines


class _Dumper(yaml.SafeDumper):
    """Block style throughout, and text of several lines as it is."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        del indentless
        super().increase_indent(flow, indentless=False)

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True


def _text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style="|" if "\n" in value else None)


_Dumper.add_representer(str, _text)


def _yaml(value: dict[str, Any]) -> str:
    text: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=1000)
    return _HEADER + text
