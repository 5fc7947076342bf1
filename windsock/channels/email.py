"""E-mail over SMTP: a team's addresses get one mail together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from windsock.settings.formats import Address, Reference
from windsock.settings.section import Section

from . import Channel
from .entries import COUNT, entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence


class EmailChannel(Section):
    """The SMTP server."""

    smarthost: Address | None = None
    sender: str = "windsock@localhost"
    username: str | None = None
    password: Reference | None = None
    tls: bool = True
    """Whether nothing is said in clear text: STARTTLS, or TLS from the first byte on port 465."""


_TEMPLATES = (
    r"""
{{- /* One subject for all messages of a group, as mail programs need it, but for the word that it is over. */ -}}
{{ define "windsock.email.subject" -}}
{{ template "windsock.name" . }}{{ if eq .Status "resolved" }}: resolved{{ end }}
{{- end }}

{{ define "windsock.email.thread" -}}
<{{ .GroupLabels.Values | join "." | reReplaceAll "[^A-Za-z0-9.-]" "_" | printf "%.200s" }}@windsock>
{{- end }}

{{ define "windsock.email.text" -}}
{{ template "windsock.title" . }}

{{ template "windsock.text.firing" . }}{{ template "windsock.text.resolved" . }}
{{- end }}

{{ define "windsock.email.row" }}<tr><td style="padding:2px 12px 2px 0;color:#666;vertical-align:top">{{ end }}

{{ define "windsock.email.alert" -}}
<h3 style="margin:16px 0 4px">{{ printf "%.500s" (or .Annotations.summary .Labels.alertname) }}</h3>
{{ with .Annotations.description }}<p style="margin:4px 0">{{ printf "%.1000s" . }}</p>
{{ end -}}
<table style="border-collapse:collapse">
{{ with .Labels.task_id }}{{ template "windsock.email.row" }}Task</td><td>{{ . }}</td></tr>
{{ end -}}
{{ with .Annotations.map_index }}{{ template "windsock.email.row" }}Map index</td><td>{{ . }}</td></tr>
{{ end -}}
{{ with .Labels.run_id }}{{ template "windsock.email.row" }}Run</td><td>{{ . }}</td></tr>
{{ end -}}
{{ with .Annotations.try }}{{ template "windsock.email.row" }}Try</td><td>{{ . }}</td></tr>
{{ end -}}
{{ template "windsock.email.row" }}Since</td><td>{{ template "windsock.since" . }}</td></tr>
{{ with .Annotations.reason }}{{ template "windsock.email.row" }}Why</td><td>{{ . }}</td></tr>
{{ end -}}
{{ with .Annotations.stopped }}{{ template "windsock.email.row" }}Paused</td><td>{{ . }}</td></tr>
{{ end -}}
{{ with .Annotations.frequency }}{{ template "windsock.email.row" }}How often</td><td>{{ . }}</td></tr>
{{ end -}}
{{ with .Annotations.impact }}{{ template "windsock.email.row" }}Downstream</td><td>{{ . }}</td></tr>
{{ end -}}
{{ with .Annotations.owner }}{{ template "windsock.email.row" }}Owner</td><td>{{ . }}</td></tr>
{{ end -}}
</table>
{{ with or .Annotations.exception .Annotations.log_tail -}}
<pre style="background:#f4f4f4;padding:8px;white-space:pre-wrap">{{ printf "%.2000s" . }}</pre>
{{ end -}}
<p>
{{ with LOG_URL }}<a href="{{ . }}">Log</a>&ensp;{{ end -}}
{{ with RUN_URL }}<a href="{{ . }}">Airflow</a>&ensp;{{ end -}}
{{ with DASHBOARD_URL }}<a href="{{ . }}">Dashboard</a>&ensp;{{ end -}}
{{ with RUNBOOK }}<a href="{{ . }}">Runbook</a>{{ end }}
</p>
{{ end }}

{{ define "windsock.email.html" -}}
<!DOCTYPE html>
<html><body style="font-family:sans-serif;font-size:14px">
<h2 style="color:{{ if eq .Status "firing" }}#b00020{{ else }}#1b7f3b{{ end }}">{{ template "windsock.title" . }}</h2>
"""
    + entries(
        ".Alerts.Firing",
        10,
        f"""
{{{{ if gt $count 1 }}}}<p style="margin:16px 0 -12px;color:#666">The {COUNT}:</p>
{{{{ end }}}}{{{{ template "windsock.email.alert" . }}}}""",
        "<p>and {{ len . }} more</p>\n",
    )
    + r"""
{{ if .Alerts.Resolved }}<pre style="white-space:pre-wrap">{{ template "windsock.text.resolved" . }}</pre>
{{ end -}}
</body></html>
{{- end }}
"""
)


class _Email(Channel[EmailChannel]):
    title = "E-mail"
    public = True
    receiver = "email_configs"
    templates = _TEMPLATES

    def addresses(self, value: tuple[str, ...]) -> tuple[str, ...]:
        return (", ".join(value),) if value else ()

    def problems(self, section: EmailChannel, places: Sequence[str], version: str) -> Iterator[str]:
        del version
        for place in () if section.smarthost else places:
            yield f"{place}: no server sends mail; set channels.email.smarthost to HOST:PORT"
        if section.username and not section.password:
            yield "channels.email.username: without a password; set channels.email.password to a ${VARIABLE}"

    def references(self, section: EmailChannel, to: str) -> tuple[str | None, ...]:
        del to
        return (section.password,)

    def config(self, section: EmailChannel, to: str, file: Callable[[str], str], version: str) -> dict[str, Any]:
        """The server is the same for all, see `common`."""
        del section, file, version
        return {
            "send_resolved": True,
            "to": to,
            # No count and no time in the subject, and one reference for a group: mail programs make one thread of it,
            # from any version's mails. Alertmanager's own `threading` (0.30) refuses headers of ours.
            "headers": {
                "Subject": '{{ template "windsock.email.subject" . }}',
                "References": '{{ template "windsock.email.thread" . }}',
            },
            "html": '{{ template "windsock.email.html" . }}',
            "text": '{{ template "windsock.email.text" . }}',
        }

    def common(self, section: EmailChannel, file: Callable[[str], str]) -> dict[str, Any]:
        """`smtp_auth_password_file` is of 0.25, which takes a newline at the file's end as a part of the password."""
        login = {
            "smtp_auth_username": section.username,
            "smtp_auth_password_file": file(section.password) if section.password else None,
        }
        return {
            "smtp_smarthost": section.smarthost,
            "smtp_from": section.sender,
            "smtp_require_tls": section.tls,
            **({key: value for key, value in login.items() if value} if section.username else {}),
        }


CHANNEL = _Email()
