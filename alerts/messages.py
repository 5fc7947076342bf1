"""windsock.tmpl: what an alert says in Slack, in PagerDuty and in an e-mail, in Go's template language.

Every message is bounded, however many alerts a group has and however long their texts are: Slack shows the newest and
five more, the others the first ten, and then how many there are. A text is cut before it is escaped, so that no escape
is cut in two, and a link that is too long for a message is left out.
"""

from __future__ import annotations

_HEADER = "{{- /* Made by `windsock alerts build`: what is changed here is lost with the next build. */ -}}\n"

_COMMON = r"""
{{- /* Which incident: the alert, the DAG, the installation. */ -}}
{{ define "windsock.name" -}}
{{ reReplaceAll "[<>&]" "" .GroupLabels.alertname }}
{{- with .GroupLabels.dag_id }} {{ reReplaceAll "[<>&]" "" . }}{{ end }}
{{- with .GroupLabels.cluster }} ({{ reReplaceAll "[<>&]" "" . }}){{ end }}
{{- end }}

{{ define "windsock.title" -}}
[{{ .Status | toUpper }}{{ if gt (len .Alerts.Firing) 1 }}:{{ len .Alerts.Firing }}{{ end }}]
{{- " " }}{{ template "windsock.name" . }}
{{- end }}

{{ define "windsock.url" -}}
{{ or .CommonAnnotations.run_url .CommonAnnotations.dashboard_url "" }}
{{- end }}

{{ define "windsock.since" -}}
{{ with .Annotations.failed_at }}{{ reReplaceAll "[<>&]" "" (printf "%.40s" .) }}
{{- else }}{{ .StartsAt.UTC.Format "2006-01-02 15:04:05 UTC" }}{{ end }}
{{- end }}

{{ define "windsock.until" }}{{ .EndsAt.UTC.Format "2006-01-02 15:04:05 UTC" }}{{ end }}
"""

_SLACK = r"""
{{- /* What comes from a DAG is text: no <!channel>, no link, no end of the quotation that it stands in. */ -}}
{{ define "windsock.slack.plain" -}}
{{ . | reReplaceAll "&" "&amp;" | reReplaceAll "<" "&lt;" | reReplaceAll ">" "&gt;" | reReplaceAll "`" "'" }}
{{- end }}

{{ define "windsock.slack.color" -}}
{{ if eq .Status "resolved" }}good{{ else if eq .CommonLabels.severity "critical" }}danger{{ else }}warning{{ end }}
{{- end }}

{{- /* What a telephone shows. */ -}}
{{ define "windsock.slack.fallback" -}}
{{ template "windsock.title" . }}
{{- with (index .Alerts 0).Annotations.summary }}: {{ template "windsock.slack.plain" (printf "%.300s" .) }}{{ end }}
{{- end }}

{{ define "windsock.slack.footer" -}}
{{ .CommonLabels.severity }}
{{- with .CommonLabels.team }} · {{ template "windsock.slack.plain" (printf "%.60s" .) }}{{ end }}
{{- end }}

{{- /* Which failure: the task and its run, or what a rule says. */ -}}
{{ define "windsock.slack.what" -}}
{{ if .Labels.run_id -}}
{{ with .Labels.task_id }}*{{ template "windsock.slack.plain" (printf "%.120s" .) }}* in run{{ else }}Run{{ end }}
{{- with .Labels.run_id }} `{{ template "windsock.slack.plain" (printf "%.120s" .) }}`{{ end }}
{{- with .Annotations.map_index }}, {{ if not (match "failed" .) }}map index {{ end }}
{{- template "windsock.slack.plain" (printf "%.80s" .) }}{{ end }}
{{- else -}}
*{{ template "windsock.slack.plain" (printf "%.300s" (or .Annotations.summary .Labels.alertname)) }}*
{{- end }}
{{- end }}

{{- /* An address must not end the link that it stands in. */ -}}
{{ define "windsock.slack.address" }}{{ reReplaceAll "[|<>\\s]" "" . }}{{ end }}

{{- /* Above the exception: Slack folds long texts, and the links must stay in sight. */ -}}
{{ define "windsock.slack.links" -}}
{{ $dot := "" -}}
{{ with .log_url }}{{ if lt (len .) 400 -}}
<{{ template "windsock.slack.address" . }}|Log>{{ $dot = " · " }}{{ end }}{{ end -}}
{{ with .run_url }}{{ if lt (len .) 400 -}}
{{ $dot }}<{{ template "windsock.slack.address" . }}|Airflow>{{ $dot = " · " }}{{ end }}{{ end -}}
{{ with .dashboard_url }}{{ if lt (len .) 400 -}}
{{ $dot }}<{{ template "windsock.slack.address" . }}|Dashboard>{{ $dot = " · " }}{{ end }}{{ end -}}
{{ with .runbook_url }}{{ if lt (len .) 400 -}}
{{ $dot }}<{{ template "windsock.slack.address" . }}|Runbook>{{ $dot = " · " }}{{ end }}{{ end -}}
{{ if $dot }}
{{ end }}
{{- end }}

{{ define "windsock.slack.alert" -}}
{{ template "windsock.slack.what" . }}
{{- with .Annotations.try }}, try {{ template "windsock.slack.plain" (printf "%.20s" .) }}{{ end -}}
, since {{ template "windsock.since" . }}
{{ template "windsock.slack.links" .Annotations -}}
{{ with .Annotations.exception -}}
```{{ template "windsock.slack.plain" (printf "%.1500s" .) }}```
{{ else }}{{ with or .Annotations.description (and .Labels.run_id .Annotations.summary) -}}
{{ template "windsock.slack.plain" (printf "%.1500s" .) }}
{{ end }}{{ end -}}
{{ template "windsock.slack.found" .Annotations }}
{{- end }}

{{- /* What the database says of it: why, how often, who waits; and the log's end, where no exception says it. */ -}}
{{ define "windsock.slack.found" -}}
{{ with .reason }}{{ if or $.exception (not $.summary) }}Why: {{ template "windsock.slack.plain" (printf "%.300s" .) }}
{{ end }}{{ end -}}
{{ with .frequency }}{{ template "windsock.slack.plain" (printf "%.100s" .) }}
{{ end -}}
{{ with .impact }}Downstream: {{ template "windsock.slack.plain" (printf "%.300s" .) }}
{{ end -}}
{{ if and .log_tail (not .exception) -}}
```{{ template "windsock.slack.plain" (printf "%.800s" .log_tail) }}```
{{ end }}
{{- end }}

{{- /* The newest in full, others in a line each: who reads it again wants to know what is new. */ -}}
{{ define "windsock.slack.text" -}}
{{ if .Alerts.Firing -}}
{{ $newest := index .Alerts.Firing 0 -}}
{{ range .Alerts.Firing }}{{ if .StartsAt.After $newest.StartsAt }}{{ $newest = . }}{{ end }}{{ end -}}
{{ template "windsock.slack.alert" $newest -}}
{{ range $index, $alert := .Alerts.Firing }}{{ if and (lt $index 5) (ne .Fingerprint $newest.Fingerprint) -}}
• {{ template "windsock.slack.what" . }}, since {{ template "windsock.since" . }}
{{ end }}{{ end -}}
{{ if gt (len .Alerts.Firing) 5 }}_{{ len .Alerts.Firing }} in all_
{{ end }}{{ end -}}
{{ range $index, $alert := .Alerts.Resolved }}{{ if lt $index 5 -}}
:white_check_mark: {{ template "windsock.slack.what" . }}, resolved {{ template "windsock.until" . }}
{{ end }}{{ end -}}
{{ if gt (len .Alerts.Resolved) 5 }}_and {{ len (slice .Alerts.Resolved 5) }} more resolved_
{{ end }}
{{- end }}
"""

_TEXT = r"""
{{ define "windsock.text.alert" -}}
{{ printf "%.500s" (or .Annotations.summary .Labels.alertname) }}
{{- with .Labels.task_id }}
Task: {{ printf "%.250s" . }}{{ end }}
{{- with .Annotations.map_index }}
Map index: {{ printf "%.100s" . }}{{ end }}
{{- with .Labels.run_id }}
Run: {{ printf "%.250s" . }}{{ end }}
{{- with .Annotations.try }}
Try: {{ printf "%.20s" . }}{{ end }}
Since: {{ template "windsock.since" . }}
{{- with .Annotations.description }}
{{ printf "%.1000s" . }}{{ end }}
{{- with .Annotations.reason }}
Why: {{ printf "%.500s" . }}{{ end }}
{{- with .Annotations.frequency }}
How often: {{ printf "%.100s" . }}{{ end }}
{{- with .Annotations.impact }}
Downstream: {{ printf "%.500s" . }}{{ end }}
{{- with or .Annotations.exception .Annotations.log_tail }}

{{ printf "%.2000s" . }}
{{ end }}
{{- with .Annotations.log_url }}
Log: {{ printf "%.1000s" . }}{{ end }}
{{- with .Annotations.run_url }}
Airflow: {{ printf "%.1000s" . }}{{ end }}
{{- with .Annotations.dashboard_url }}
Dashboard: {{ printf "%.1000s" . }}{{ end }}
{{- with .Annotations.runbook_url }}
Runbook: {{ printf "%.1000s" . }}{{ end }}
{{ end }}

{{ define "windsock.text.firing" -}}
{{ range $index, $alert := .Alerts.Firing }}{{ if lt $index 10 }}{{ template "windsock.text.alert" . }}
{{ end }}{{ end -}}
{{ if gt (len .Alerts.Firing) 10 }}and {{ len (slice .Alerts.Firing 10) }} more
{{ end }}
{{- end }}

{{ define "windsock.text.resolved" -}}
{{ range $index, $alert := .Alerts.Resolved }}{{ if lt $index 10 -}}
{{ with .Labels.task_id }}{{ printf "%.250s" . }} {{ end -}}
{{ with .Labels.run_id }}in run {{ printf "%.250s" . }} {{ end -}}
{{ if not .Labels.run_id }}{{ printf "%.500s" (or .Annotations.summary .Labels.alertname) }}: {{ end -}}
resolved {{ template "windsock.until" . }}
{{ end }}{{ end -}}
{{ if gt (len .Alerts.Resolved) 10 }}and {{ len (slice .Alerts.Resolved 10) }} more resolved
{{ end }}
{{- end }}
"""

_PAGERDUTY = r"""
{{- /* The incident's title for as long as it lasts: without its state. */ -}}
{{ define "windsock.pagerduty.description" -}}
{{ template "windsock.name" . }}
{{- with (index .Alerts 0).Annotations.summary }}: {{ printf "%.600s" . }}{{ end }}
{{- if gt (len .Alerts) 1 }} and {{ len (slice .Alerts 1) }} more{{ end }}
{{- end }}

{{- /* PagerDuty refuses an event whose severity it does not know. */ -}}
{{ define "windsock.pagerduty.severity" -}}
{{ if match "^(critical|warning|info)$" .CommonLabels.severity }}{{ .CommonLabels.severity }}{{ else }}error{{ end }}
{{- end }}
"""

_EMAIL = r"""
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
{{ with .Annotations.log_url }}<a href="{{ . }}">Log</a>&ensp;{{ end -}}
{{ with .Annotations.run_url }}<a href="{{ . }}">Airflow</a>&ensp;{{ end -}}
{{ with .Annotations.dashboard_url }}<a href="{{ . }}">Dashboard</a>&ensp;{{ end -}}
{{ with .Annotations.runbook_url }}<a href="{{ . }}">Runbook</a>{{ end }}
</p>
{{ end }}

{{ define "windsock.email.html" -}}
<!DOCTYPE html>
<html><body style="font-family:sans-serif;font-size:14px">
<h2 style="color:{{ if eq .Status "firing" }}#b00020{{ else }}#1b7f3b{{ end }}">{{ template "windsock.title" . }}</h2>
{{ range $index, $alert := .Alerts.Firing }}{{ if lt $index 10 }}{{ template "windsock.email.alert" . }}
{{ end }}{{ end -}}
{{ if gt (len .Alerts.Firing) 10 }}<p>and {{ len (slice .Alerts.Firing 10) }} more</p>
{{ end -}}
{{ if .Alerts.Resolved }}<pre style="white-space:pre-wrap">{{ template "windsock.text.resolved" . }}</pre>
{{ end -}}
</body></html>
{{- end }}
"""


def templates() -> str:
    """Return the content of windsock.tmpl."""
    return f"{_HEADER}{_COMMON}{_SLACK}{_TEXT}{_PAGERDUTY}{_EMAIL}"
