"""Opsgenie, which pages: one alert for each task, by Alert API v2. Atlassian ends its support on 5 April 2027."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windsock.settings.formats import Url
from windsock.settings.section import Section

from . import Channel
from .entries import REPEATS, entries

if TYPE_CHECKING:
    from collections.abc import Callable


class OpsgenieChannel(Section):
    """Opsgenie's Alert API v2."""

    url: Url = "https://api.opsgenie.com"
    """For the EU: https://api.eu.opsgenie.com."""


_TEMPLATES = (
    r"""
{{- /* Opsgenie takes 15,000 characters: the newest in full. */ -}}
{{ define "windsock.opsgenie.description" -}}
"""
    + entries(".Alerts.Firing", 1, f'{{{{ template "windsock.text.alert" . }}}}{REPEATS}', "and {{ len . }} more\n")
    + r"""
{{- end }}

{{ define "windsock.opsgenie.priority" -}}
{{ if eq .CommonLabels.severity "critical" }}P1{{ else if eq .CommonLabels.severity "info" }}P5{{ else }}P3{{ end }}
{{- end }}
"""
)


class _Opsgenie(Channel[OpsgenieChannel]):
    title = "Opsgenie"
    pages = True
    receiver = "opsgenie_configs"
    templates = _TEMPLATES

    def references(self, section: OpsgenieChannel, to: str) -> tuple[str | None, ...]:
        del section
        return (to,)

    def config(self, section: OpsgenieChannel, to: str, file: Callable[[str], str], version: str) -> dict[str, Any]:
        """Alertmanager's own alias is of the group, and it cuts the message at 130 characters."""
        del version
        return {
            "send_resolved": True,
            "api_url": f"{section.url}/",
            "api_key_file": file(to),
            "message": '{{ template "windsock.name" . }}',
            "description": '{{ template "windsock.opsgenie.description" . }}',
            "source": '{{ or .CommonLabels.cluster "windsock" }}',
            "entity": "{{ .CommonLabels.dag_id }}",
            "priority": '{{ template "windsock.opsgenie.priority" . }}',
        }


CHANNEL = _Opsgenie()
