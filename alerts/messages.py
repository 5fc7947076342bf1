"""windsock.tmpl: what an alert says in Slack, in PagerDuty and in an e-mail, in Go's template language.

A message begins with what is newest, and what a task did in several runs is one entry, with their number. It is
bounded, however many alerts a group has and however long their texts are: Slack shows five entries, the others ten, and
then how many alerts are in none. A text is cut before it is escaped, so that no escape is cut in two, and a link that
is too long for a message is left out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from windsock import links
from windsock.events import ALERTNAMES

from .entries import ENDED, entries

if TYPE_CHECKING:
    from windsock.settings import Links

_HEADER = "{{- /* Made by `windsock alerts build`: what is changed here is lost with the next build. */ -}}\n"

_COUNT = "newest of {{ $count }}{{ if not .Labels.deadline }} runs{{ end }}"
_REPEATS = f"{{{{ if gt $count 1 }}}} (the {_COUNT}){{{{ end }}}}"
_RESOLVED_TEXT = """\
resolved {{ template "windsock.until" . }}{{ with .Annotations.resolution }}: {{ printf "%.100s" . }}{{ end }}"""
_RESOLVED = """\
resolved {{ template "windsock.until" . }}{{ with .Annotations.resolution }}: \
{{ template "windsock.slack.plain" (printf "%.100s" .) }}{{ end }}"""
_NEWEST = "(or .Alerts.Firing .Alerts.Resolved)"

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

_SLACK = (
    r"""
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
"""
    + entries(
        _NEWEST,
        1,
        '{{ with .Annotations.summary }}: {{ template "windsock.slack.plain" (printf "%.300s" .) }}{{ end }}',
        "",
    )
    + r"""
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
{{ with .Annotations.log_url }}{{ if lt (len .) 400 -}}
<{{ template "windsock.slack.address" . }}|Log>{{ $dot = " · " }}{{ end }}{{ end -}}
{{ with .Annotations.run_url }}{{ if lt (len .) 400 -}}
{{ $dot }}<{{ template "windsock.slack.address" . }}|Airflow>{{ $dot = " · " }}{{ end }}{{ end -}}
{{ with .Annotations.dashboard_url }}{{ if lt (len .) 400 -}}
{{ $dot }}<{{ template "windsock.slack.address" . }}|Dashboard>{{ $dot = " · " }}{{ end }}{{ end -}}
{{ with RUNBOOK }}{{ if lt (len .) 400 -}}
{{ $dot }}<{{ template "windsock.slack.address" . }}|Runbook>{{ $dot = " · " }}{{ end }}{{ end -}}
{{ if $dot }}
{{ end }}
{{- end }}

{{ define "windsock.slack.head" -}}
{{ template "windsock.slack.what" . }}
{{- with .Annotations.try }}, try {{ template "windsock.slack.plain" (printf "%.20s" .) }}{{ end -}}
, since {{ template "windsock.since" . }}
{{- end }}

{{ define "windsock.slack.body" -}}
{{ template "windsock.slack.links" . -}}
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
{{ with .stopped }}{{ template "windsock.slack.plain" (printf "%.200s" .) }}
{{ end -}}
{{ with .frequency }}{{ template "windsock.slack.plain" (printf "%.100s" .) }}
{{ end -}}
{{ with .impact }}Downstream: {{ template "windsock.slack.plain" (printf "%.300s" .) }}
{{ end -}}
{{ if and .log_tail (not .exception) -}}
```{{ template "windsock.slack.plain" (printf "%.800s" .log_tail) }}```
{{ end }}
{{- end }}

{{- /* Why, in a line, and where it is to be read in full. */ -}}
{{ define "windsock.slack.reason" -}}
{{ with or .Annotations.exception (and .Labels.run_id .Annotations.summary) -}}
: {{ template "windsock.slack.plain" (reReplaceAll "(?s)\\n.*" "" (printf "%.150s" .)) }}
{{- end }}
{{- with .Annotations.log_url }}{{ if lt (len .) 400 }} · <{{ template "windsock.slack.address" . }}|Log>{{ end }}
{{- end }}
{{- end }}

{{- /* The newest in full, others in a line each: who reads it again wants to know what is new. */ -}}
{{ define "windsock.slack.text" -}}
"""
    + entries(
        ".Alerts.Firing",
        5,
        f"""{{{{ if eq $turn "1" }}}}{{{{ template "windsock.slack.head" . }}}}{_REPEATS}
{{{{ template "windsock.slack.body" . }}}}{{{{ else -}}}}
• {{{{ template "windsock.slack.what" . }}}}, since {{{{ template "windsock.since" . }}}}{_REPEATS}
{{{{- template "windsock.slack.reason" . }}}}
{{{{ end }}}}""",
        "_and {{ len . }} more_\n",
    )
    + entries(
        ".Alerts.Resolved",
        5,
        f"""\
:white_check_mark: {{{{ template "windsock.slack.what" . }}}}, {_RESOLVED}{_REPEATS}
""",
        "_and {{ len . }} more resolved_\n",
        moment=ENDED,
    )
    + r"""
{{- end }}
"""
)

_TEXT = (
    r"""
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
{{- with .Annotations.stopped }}
{{ printf "%.200s" . }}{{ end }}
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
{{- with RUNBOOK }}
Runbook: {{ printf "%.1000s" . }}{{ end }}
{{ end }}

{{ define "windsock.text.firing" -}}
"""
    + entries(
        ".Alerts.Firing",
        10,
        f"""{{{{ if gt $count 1 }}}}The {_COUNT}:
{{{{ end }}}}{{{{ template "windsock.text.alert" . }}}}
""",
        "and {{ len . }} more\n",
    )
    + r"""
{{- end }}

{{ define "windsock.text.resolved" -}}
"""
    + entries(
        ".Alerts.Resolved",
        10,
        """{{ with .Labels.task_id }}{{ printf "%.250s" . }} {{ end -}}
{{ with .Labels.run_id }}in run {{ printf "%.250s" . }} {{ end -}}
{{ if not .Labels.run_id }}{{ printf "%.500s" (or .Annotations.summary .Labels.alertname) }}: {{ end -}}
"""
        f"{_RESOLVED_TEXT}{_REPEATS}\n",
        "and {{ len . }} more resolved\n",
        moment=ENDED,
    )
    + r"""
{{- end }}
"""
)

_PAGERDUTY = (
    r"""
{{- /* The incident's title for as long as it lasts: without its state. */ -}}
{{ define "windsock.pagerduty.description" -}}
{{ template "windsock.name" . }}
"""
    + entries(
        _NEWEST,
        1,
        f'{{{{ with .Annotations.summary }}}}: {{{{ printf "%.600s" . }}}}{{{{ end }}}}{_REPEATS}',
        " and {{ len . }} more",
    )
    + r"""
{{- end }}

{{- /* PagerDuty refuses an event whose severity it does not know. */ -}}
{{ define "windsock.pagerduty.severity" -}}
{{ if match "^(critical|warning|info)$" .CommonLabels.severity }}{{ .CommonLabels.severity }}{{ else }}error{{ end }}
{{- end }}

{{- /* Alertmanager leaves a link without an address out. */ -}}
{{ define "windsock.pagerduty.runbook" -}}
{{ with COMMON_RUNBOOK }}{{ . }}{{ end }}
{{- end }}
"""
)

_EMAIL = (
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
{{ with .Annotations.log_url }}<a href="{{ . }}">Log</a>&ensp;{{ end -}}
{{ with .Annotations.run_url }}<a href="{{ . }}">Airflow</a>&ensp;{{ end -}}
{{ with .Annotations.dashboard_url }}<a href="{{ . }}">Dashboard</a>&ensp;{{ end -}}
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
{{{{ if gt $count 1 }}}}<p style="margin:16px 0 -12px;color:#666">The {_COUNT}:</p>
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


def templates(base: Links) -> str:
    """Return the content of windsock.tmpl; `base` is where runbooks are."""
    text = f"{_HEADER}{_COMMON}{_SLACK}{_TEXT}{_PAGERDUTY}{_EMAIL}"
    text = text.replace("COMMON_RUNBOOK", _runbook(base, ".CommonAnnotations", ".GroupLabels"))
    return text.replace("RUNBOOK", _runbook(base, ".Annotations", ".Labels"))


def _runbook(base: Links, annotations: str, labels: str) -> str:
    """An expression: the runbook's address that the alert brings, else that of an event whose sender knew none."""
    before, name, after = links.runbook(base, "ALERTNAME").rpartition("ALERTNAME")
    if not name:
        return f"{annotations}.runbook_url"
    events = " ".join(map(json.dumps, ALERTNAMES))
    address = f"(print {json.dumps(before)} {labels}.alertname {json.dumps(after)})"
    return f"or {annotations}.runbook_url (and (eq {labels}.alertname {events}) {address})"
