"""The first line of Alertmanager's messages: what happened, in words, as a telephone shows it."""

from __future__ import annotations

from windsock.events import VERBS

from .entries import NEWEST, entries

IS_EVENT = f'and .GroupLabels.dag_id (match "^({"|".join(VERBS)})$" .GroupLabels.alertname)'
"""An expression: whether a message is of failures of a DAG, which have a headline; else it is a rule's."""

_WORDS = r"""
{{- /* Which incident, for as long as it lasts. */ -}}
{{ define "PREFIX.incident" -}}
{{ $name := .GroupLabels.alertname }}{{ reReplaceAll PLAIN (printf "%.250s" .GroupLabels.dag_id) }}
VERBS
{{- end }}

{{ define "PREFIX.ordinal" -}}
{{ . }}{{ if match "^(.*[^1])?1$" . }}st{{ else if match "^(.*[^1])?2$" . }}nd
{{- else if match "^(.*[^1])?3$" . }}rd{{ else }}th{{ end }}
{{- end }}

{{- /* Why: the exception's first line, or what a summary says behind its verb. */ -}}
{{ define "PREFIX.why" -}}
{{ $said := or .Annotations.summary "" }}
{{- $why := reReplaceAll "^.*?(failed|tried again|skipped|bad data|SLA|deadline[^:]*): " "" $said }}
{{- with or .Annotations.exception (and (ne $why $said) $why) }}: {{ "" -}}
{{ reReplaceAll PLAIN (reReplaceAll "(?s)\\s*\\n.*" "" (printf "%.150s" .)) }}{{ end }}
{{- end }}

{{- /* All of that. A task's runs that failed before are in its group until one succeeds. */ -}}
{{ define "PREFIX.headline" -}}
{{ if not .Alerts.Firing }}Over: {{ end }}{{ template "PREFIX.incident" . }}
REASON
{{- if .Alerts.Firing }}{{ with .Alerts.Resolved }}; {{ len . }} over{{ end }}{{ end }}
{{- with .GroupLabels.cluster }} ({{ reReplaceAll PLAIN . }}){{ end }}
{{- end }}
"""
_REASON = """\
{{ template "PREFIX.why" . }}
{{- if and (gt $count 1) .Labels.run_id }},
{{- " " }}{{ template "PREFIX.ordinal" (printf "%d" $count) }} run in a row
{{- end }}"""


def words(prefix: str, plain: str) -> str:
    """Return the templates PREFIX.incident and PREFIX.headline; `plain` are reReplaceAll's arguments for text.

    They take a message's data where `IS_EVENT`.
    """
    parts = {
        "REASON": entries(NEWEST, 1, _REASON, ", and {{ len . }} more"),
        "VERBS": "\n".join(f'{{{{- if eq $name "{name}" }}}}{verb}{{{{ end }}}}' for name, verb in VERBS.items()),
        "PREFIX": prefix,
        "PLAIN": plain,
    }
    text = _WORDS
    for name, part in parts.items():
        text = text.replace(name, part)
    return text
