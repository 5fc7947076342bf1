"""PagerDuty, which pages: one incident for each task, by Events API v2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windsock.settings.formats import Url
from windsock.settings.section import Section

from . import Channel, timeout
from .entries import NEWEST, REPEATS, entries

if TYPE_CHECKING:
    from collections.abc import Callable


class PagerDutyChannel(Section):
    """PagerDuty's Events API v2."""

    url: Url = "https://events.pagerduty.com/v2/enqueue"


_TEMPLATES = (
    r"""
{{- /* The incident's title for as long as it lasts: without its state. */ -}}
{{ define "windsock.pagerduty.description" -}}
{{ template "windsock.name" . }}
"""
    + entries(
        NEWEST,
        1,
        f'{{{{ with .Annotations.summary }}}}: {{{{ printf "%.600s" . }}}}{{{{ end }}}}{REPEATS}',
        " and {{ len . }} more",
    )
    + r"""
{{- end }}

{{- /* PagerDuty refuses an event whose severity it does not know. */ -}}
{{ define "windsock.pagerduty.severity" -}}
{{ if match "^(critical|warning|info)$" .CommonLabels.severity }}{{ .CommonLabels.severity }}{{ else }}error{{ end }}
{{- end }}

{{- /* Alertmanager leaves a link without an address out. */ -}}
{{ define "windsock.pagerduty.log" }}{{ with COMMON_LOG_URL }}{{ . }}{{ end }}{{ end }}
{{ define "windsock.pagerduty.run" }}{{ with COMMON_RUN_URL }}{{ . }}{{ end }}{{ end }}
{{ define "windsock.pagerduty.dashboard" }}{{ with COMMON_DASHBOARD_URL }}{{ . }}{{ end }}{{ end }}
{{ define "windsock.pagerduty.runbook" }}{{ with COMMON_RUNBOOK }}{{ . }}{{ end }}{{ end }}
"""
)


class _PagerDuty(Channel[PagerDutyChannel]):
    title = "PagerDuty"
    pages = True
    receiver = "pagerduty_configs"
    templates = _TEMPLATES

    def references(self, section: PagerDutyChannel, to: str) -> tuple[str | None, ...]:
        del section
        return (to,)

    def config(self, section: PagerDutyChannel, to: str, file: Callable[[str], str], version: str) -> dict[str, Any]:
        """`routing_key_file` is of 0.25."""
        return {
            "send_resolved": True,
            **timeout(version, "0.30"),
            "url": section.url,
            "routing_key_file": file(to),
            "description": '{{ template "windsock.pagerduty.description" . }}',
            "severity": '{{ template "windsock.pagerduty.severity" . }}',
            "client": "windsock",
            "client_url": '{{ template "windsock.url" . }}',
            "source": '{{ or .CommonLabels.cluster "windsock" }}',
            "class": "{{ .CommonLabels.alertname }}",
            "component": "{{ .CommonLabels.dag_id }}",
            "group": "{{ .CommonLabels.cluster }}",
            "details": {
                "firing": '{{ template "windsock.text.firing" . }}',
                "resolved": '{{ template "windsock.text.resolved" . }}',
            },
            # Alertmanager leaves a link without an address out.
            "links": [
                {"href": '{{ template "windsock.pagerduty.log" . }}', "text": "Log"},
                {"href": '{{ template "windsock.pagerduty.run" . }}', "text": "Airflow"},
                {"href": '{{ template "windsock.pagerduty.dashboard" . }}', "text": "Dashboard"},
                {"href": '{{ template "windsock.pagerduty.runbook" . }}', "text": "Runbook"},
            ],
        }


CHANNEL = _PagerDuty()
