"""windsock.tmpl: what an alert says, in Go's template language; what only one channel needs is in windsock/channels.

A message begins with what is newest, and what a task did in several runs is one entry, with their number. It is
bounded, however many alerts a group has and however long their texts are: Slack shows five entries, the others ten, and
then how many alerts are in none. A text is cut before it is escaped, so that no escape is cut in two, and a link that
is too long for a message is left out.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from windsock import channels, links
from windsock.channels import headlines, storms
from windsock.channels.entries import COUNT, ENDED, REPEATS, RESOLVED, entries
from windsock.events import ALERTNAMES
from windsock.versions import at_least

if TYPE_CHECKING:
    from windsock.settings import Links

_REASON = "0.32"
"""The Alertmanager that says why it sends a message."""
_SINCE = "0.28"
"""The Alertmanager that knows what time it is: `since` in its templates."""
_LASTED = """\
{{ with since .StartsAt }}{{ if ge .Minutes 1.0 }}, {{ template "windsock.span" . }}{{ end }}{{ end }}"""
_STILL = '{{ if eq .NotificationReason "repeat interval elapsed" }}Still: {{ end }}'
"""The beginning of a message in which nothing is new: it is sent since nothing has changed for `repeat_interval`."""

_PLAIN = '"[<>&]" ""'
"""reReplaceAll's arguments: what is a mention or a tag somewhere is left out everywhere."""

_HEADER = "{{- /* Made by `windsock alerts build`: what is changed here is lost with the next build. */ -}}\n"

_COMMON = r"""
{{- /* Which incident: the alert, the DAG, the installation. */ -}}
{{ define "windsock.name" -}}
{{ if .GroupLabels.storm }}{{ template "windsock.storm.name" . }}
{{- else if IS_EVENT }}{{ template "windsock.incident" . }}
{{- with .GroupLabels.cluster }} ({{ reReplaceAll "[<>&]" "" . }}){{ end }}
{{- else -}}
{{ reReplaceAll "[<>&]" "" .GroupLabels.alertname }}
{{- with .GroupLabels.dag_id }} {{ reReplaceAll "[<>&]" "" . }}{{ end }}
{{- with .GroupLabels.cluster }} ({{ reReplaceAll "[<>&]" "" . }}){{ end }}
{{- end }}
{{- end }}

{{ define "windsock.title" -}}
STILL{{ if .GroupLabels.storm }}{{ template "windsock.storm.title" . }}
{{- else if IS_EVENT }}{{ template "windsock.headline" . }}
{{- else -}}
[{{ .Status | toUpper }}{{ if gt (len .Alerts.Firing) 1 }}:{{ len .Alerts.Firing }}{{ end }}]
{{- " " }}{{ template "windsock.name" . }}
{{- end }}
{{- end }}

{{ define "windsock.url" -}}
{{ or (COMMON_RUN_URL) (COMMON_DASHBOARD_URL) "" }}
{{- end }}

{{ define "windsock.since" -}}
{{ with .Annotations.since }}{{ reReplaceAll "[^0-9A-Za-z :-]" "" (printf "%.40s" .) }}
{{- else }}{{ .StartsAt.UTC.Format "15:04 UTC" }}{{ end }}LASTED
{{- end }}

{{ define "windsock.until" -}}
{{ with .Annotations.until }}{{ reReplaceAll "[^0-9A-Za-z :-]" "" (printf "%.40s" .) }}
{{- else }}{{ .EndsAt.UTC.Format "15:04 UTC" }}{{ end }} after {{ template "windsock.span" .EndsAt.Sub .StartsAt }}
{{- end }}

{{ define "windsock.span" -}}
{{ if lt .Seconds 100.0 }}{{ printf "%.0f s" .Seconds }}
{{- else if lt .Minutes 100.0 }}{{ printf "%.0f min" .Minutes }}
{{- else }}{{ printf "%.0f h" .Hours }}{{ end }}
{{- end }}
"""


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
{{- with LOG_URL }}
Log: {{ printf "%.1000s" . }}{{ end }}
{{- with RUN_URL }}
Airflow: {{ printf "%.1000s" . }}{{ end }}
{{- with DASHBOARD_URL }}
Dashboard: {{ printf "%.1000s" . }}{{ end }}
{{- with RUNBOOK }}
Runbook: {{ printf "%.1000s" . }}{{ end }}
{{ end }}

{{ define "windsock.text.firing" -}}
{{ if and .GroupLabels.storm .Alerts.Firing }}{{ template "windsock.storm.dags" .Alerts.Firing }}
{{- template "windsock.storm.shared" . }}
{{ template "windsock.storm.waiting" .Alerts.Firing }}
{{ end }}
"""
    + entries(
        ".Alerts.Firing",
        10,
        f"""{{{{ if gt $count 1 }}}}The {COUNT}:
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
        """{{ if .Labels.storm }}{{ printf "%.250s" .Labels.dag_id }}: {{ end -}}
{{ with .Labels.task_id }}{{ printf "%.250s" . }} {{ end -}}
{{ with .Labels.run_id }}in run {{ printf "%.250s" . }} {{ end -}}
{{ if not .Labels.run_id }}{{ printf "%.500s" (or .Annotations.summary .Labels.alertname) }}: {{ end -}}
"""
        f"{RESOLVED}{REPEATS}\n",
        "and {{ len . }} more resolved\n",
        moment=ENDED,
    )
    + r"""
{{- end }}
"""
)


def templates(base: Links, version: str) -> str:
    """Return the content of windsock.tmpl for an Alertmanager; `base` is where runbooks are."""
    text = (
        _HEADER
        + _COMMON
        + headlines.words("windsock", _PLAIN)
        + storms.words("windsock", _PLAIN)
        + _TEXT
        + "".join(channels.of(name).templates for name in channels.NAMES)
    )
    text = text.replace("STILL", _STILL if at_least(version, _REASON) else "")
    text = text.replace("LASTED", _LASTED if at_least(version, _SINCE) else "")
    text = text.replace("IS_EVENT", headlines.IS_EVENT)
    text = text.replace("COMMON_RUNBOOK", _runbook(base, ".CommonAnnotations", ".GroupLabels"))
    text = text.replace("RUNBOOK", _runbook(base, ".Annotations", ".Labels"))
    for name in ("log_url", "run_url", "dashboard_url"):
        text = text.replace(f"COMMON_{name.upper()}", _link(f".CommonAnnotations.{name}"))
        text = text.replace(name.upper(), _link(f".Annotations.{name}"))
    return text


def _link(address: str) -> str:
    """An expression: the address where it is one of the web. A task may say anything, and Slack takes `<!channel|Log>`
    for a mention, a browser `javascript:…` for a program.
    """
    return f'and (match "(?i)^https?://" {address}) {address}'


def _runbook(base: Links, annotations: str, labels: str) -> str:
    """An expression: the runbook's address that the alert brings, else that of an event whose sender knew none."""
    own = _link(f"{annotations}.runbook_url")
    before, name, after = links.runbook(base, "ALERTNAME").rpartition("ALERTNAME")
    if not name:
        return own
    events = " ".join(map(json.dumps, ALERTNAMES))
    address = f"(print {json.dumps(before)} {labels}.alertname {json.dumps(after)})"
    return f"or ({own}) (and (eq {labels}.alertname {events}) {address})"
