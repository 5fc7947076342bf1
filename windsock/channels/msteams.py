"""Microsoft Teams: a workflow posts a card into the channel that it was made for; its URL is the credential."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from . import Channel, headlines, storms
from .entries import ENDED, REPEATS, entries

if TYPE_CHECKING:
    from collections.abc import Callable

_RESOLVED = """\
resolved {{ template "windsock.until" . }}{{ with .Annotations.resolution }}: \
{{ template "windsock.msteams.plain" (printf "%.100s" .) }}{{ end }}"""
_ESCAPE = r'"([\\\\`*_\\[\\]])" "\\$1"'
"""What makes text of any text: reReplaceAll's arguments."""
_TEMPLATES = (
    r"""
{{- /* What comes from a DAG is text: no link, nothing bold; and only an empty line ends a line. Teams takes 28 KB a
message, of which Go's JSON gives a < or an & six bytes: texts are shorter than elsewhere. */ -}}
{{ define "windsock.msteams.plain" -}}
{{ . | reReplaceAll "([\\\\`*_\\[\\]])" "\\$1" | reReplaceAll "\\n" "\n\n" }}
{{- end }}

{{ define "windsock.msteams.title" -}}
STILL{{ if .GroupLabels.storm }}{{ template "windsock.msteams.storm.title" . }}
{{- else if IS_EVENT }}{{ template "windsock.msteams.headline" . }}
{{- else -}}
[{{ .Status | toUpper }}{{ if gt (len .Alerts.Firing) 1 }}:{{ len .Alerts.Firing }}{{ end }}]
{{- " " }}{{ template "windsock.msteams.plain" (printf "%.60s" .GroupLabels.alertname) }}
{{- with .GroupLabels.dag_id }} {{ template "windsock.msteams.plain" (printf "%.250s" .) }}{{ end }}
{{- with .GroupLabels.cluster }} ({{ template "windsock.msteams.plain" . }}){{ end }}
{{- end }}
{{- end }}

{{- /* Which failure: the task, and its run where no link leads there; or what a rule says. */ -}}
{{ define "windsock.msteams.what" -}}
{{ if .Labels.storm }}**{{ template "windsock.msteams.plain" (printf "%.100s" .Labels.dag_id) }}**: {{ end -}}
{{ if .Labels.run_id -}}
**{{ with .Labels.task_id }}{{ template "windsock.msteams.plain" (printf "%.100s" .) }}{{ else }}The run{{ end }}**
{{- if not (RUN_URL) }} in {{ template "windsock.msteams.plain" (printf "%.100s" .Labels.run_id) }}{{ end }}
{{- with .Annotations.map_index }}, map index {{ template "windsock.msteams.plain" (printf "%.60s" .) }}{{ end }}
{{- else -}}
**{{ template "windsock.msteams.plain" (printf "%.200s" (or .Annotations.summary .Labels.alertname)) }}**
{{- end }}
{{- end }}

{{- /* An address must not end the link that it stands in. */ -}}
{{ define "windsock.msteams.address" -}}
{{ . | reReplaceAll "\\(" "%28" | reReplaceAll "\\)" "%29" | reReplaceAll "[<>\\s\\\\]" "" }}
{{- end }}

{{ define "windsock.msteams.links" -}}
{{ $dot := "" -}}
{{ with LOG_URL }}{{ if lt (len .) 400 -}}
[Log]({{ template "windsock.msteams.address" . }}){{ $dot = " · " }}{{ end }}{{ end -}}
{{ with RUN_URL }}{{ if lt (len .) 400 -}}
{{ $dot }}[Airflow]({{ template "windsock.msteams.address" . }}){{ $dot = " · " }}{{ end }}{{ end -}}
{{ with DASHBOARD_URL }}{{ if lt (len .) 400 -}}
{{ $dot }}[Dashboard]({{ template "windsock.msteams.address" . }}){{ $dot = " · " }}{{ end }}{{ end -}}
{{ with RUNBOOK }}{{ if lt (len .) 400 -}}
{{ $dot }}[Runbook]({{ template "windsock.msteams.address" . }}){{ $dot = " · " }}{{ end }}{{ end -}}
{{ if $dot }}

{{ end }}
{{- end }}

{{- /* Why, and what the database says of it. */ -}}
{{ define "windsock.msteams.body" -}}
{{ template "windsock.msteams.links" . -}}
{{ with or .Annotations.description .Annotations.exception (and .Labels.run_id .Annotations.summary) -}}
{{ template "windsock.msteams.plain" (printf "%.800s" .) }}

{{ end -}}
{{ with .Annotations.reason }}Why: {{ template "windsock.msteams.plain" (printf "%.200s" .) }}

{{ end -}}
{{ with .Annotations.stopped }}{{ template "windsock.msteams.plain" (printf "%.100s" .) }}

{{ end -}}
{{ with .Annotations.frequency }}{{ template "windsock.msteams.plain" (printf "%.100s" .) }}

{{ end -}}
{{ with .Annotations.impact }}Downstream: {{ template "windsock.msteams.plain" (printf "%.200s" .) }}

{{ end -}}
{{ if and .Annotations.log_tail (not .Annotations.exception) -}}
{{ template "windsock.msteams.plain" (printf "%.300s" .Annotations.log_tail) }}

{{ end }}
{{- end }}

{{- /* The newest in full, others in a line each. */ -}}
{{ define "windsock.msteams.text" -}}
{{ if and .GroupLabels.storm .Alerts.Firing }}{{ template "windsock.msteams.storm.dags" .Alerts.Firing }}
{{- template "windsock.msteams.storm.shared" . }}
{{ template "windsock.msteams.storm.waiting" .Alerts.Firing }}

{{ end }}
"""
    + entries(
        ".Alerts.Firing",
        5,
        f"""{{{{ template "windsock.msteams.what" . }}}}, since {{{{ template "windsock.since" . }}}}{REPEATS}

{{{{ if eq $turn "1" }}}}{{{{ template "windsock.msteams.body" . }}}}{{{{ end }}}}""",
        "and {{ len . }} more\n\n",
    )
    + entries(
        ".Alerts.Resolved",
        5,
        f"""{{{{ template "windsock.msteams.what" . }}}}, {_RESOLVED}{REPEATS}

""",
        "and {{ len . }} more resolved\n\n",
        moment=ENDED,
    )
    + r"""
{{- end }}
"""
    + headlines.words("windsock.msteams", _ESCAPE)
    + storms.words("windsock.msteams", _ESCAPE)
)


class _MsTeams(Channel[None]):
    title = "Teams"
    receiver = "msteamsv2_configs"
    since = "0.28"
    templates = _TEMPLATES

    def references(self, section: None, to: str) -> tuple[str | None, ...]:
        del section
        return (to,)

    def config(self, section: None, to: str, file: Callable[[str], str], version: str) -> dict[str, Any]:
        """It has a title and a text alone: https://prometheus.io/docs/alerting/latest/configuration/#msteamsv2_config."""
        del section, version
        return {
            "send_resolved": True,
            "webhook_url_file": file(to),
            "title": '{{ template "windsock.msteams.title" . }}',
            "text": '{{ template "windsock.msteams.text" . }}',
        }


CHANNEL = _MsTeams()
