"""The files that Prometheus and Alertmanager read, as text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from windsock import links, yaml_dump

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
    base = links.complete(settings)
    return {
        RULES: _HEADER + yaml_dump.dump({"groups": [group.render(base) for group in rules.GROUPS]}),
        ALERTMANAGER: _HEADER + yaml_dump.dump(routes.alertmanager(settings, timing)),
        TEMPLATES: messages.templates(base),
    }


def secrets(settings: Settings) -> dict[str, str]:
    """Return the files that alertmanager.yml refers to, each with the reference (`${VARIABLE}`) of its content."""
    return receivers.secrets(settings)


def notes(settings: Settings) -> list[str]:
    """Return what is valid, but perhaps not meant, one line each."""
    lines = routes.notes(settings)
    if not settings.links.exporter and not settings.links.runbooks:
        where = links.runbooks(links.complete(settings)) or "nowhere: the port of exporter.web.listen is not known"
        lines.append(
            f"links.exporter: not set, so messages link to runbooks at {where}; set it to where a browser reaches the"
            " exporter"
        )
    if settings.exporter.naming != "prometheus" or settings.exporter.mapping_config:
        lines.append(
            "exporter.naming and exporter.mapping_config: the rules read the names of `naming: prometheus`; with others"
            " they see no series, and AirflowSchedulerHeartbeatAbsent fires for good"
        )
    return lines
