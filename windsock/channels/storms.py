"""The words of a storm (`windsock.storms`) in Alertmanager's messages: how many DAGs, since when, of what."""

from __future__ import annotations

_NAMED = 20
"""DAGs that a message names; it says how many there are."""
_WAITED = 5
"""DAGs of which it says who waits for them."""

_WORDS = r"""
{{- /* Which storm, for as long as it lasts. */ -}}
{{ define "PREFIX.storm.name" -}}
{{- $again := match "/again$" .GroupLabels.storm }}
{{- if and $again .CommonLabels.dag_id }}{{ reReplaceAll PLAIN (printf "%.120s" .CommonLabels.dag_id) }}
{{- else }}{{ if match "/(beside|meanwhile)$" .GroupLabels.storm }}Other{{ else }}Many{{ end }} DAGs
{{- with .GroupLabels.team }} of {{ reReplaceAll PLAIN (printf "%.60s" .) }}{{ end }}
{{- end }} failed{{ if $again }} again and again{{ end }}
{{- with .CommonAnnotations.cause }}: {{ reReplaceAll PLAIN (printf "%.150s" .) }}{{ end }}
{{- with .GroupLabels.cluster }} ({{ reReplaceAll PLAIN . }}){{ end }}
{{- end }}

{{- /* What happened, in a sentence. Alerts are in the order of their labels, so those of a DAG follow one another: each
DAG takes one off $rest, and what is missing there at the end is their number. Who could not ask knows of no first one.
Of what is over there are the runs too, whose tasks held them back: then only the last kind of alert counts, the tasks'.
*/ -}}
{{ define "PREFIX.storm.title" -}}
{{- $alerts := .Alerts.Firing }}{{ if not $alerts }}{{ $alerts = .Alerts.Resolved }}{{ end }}
{{- $rest := $alerts }}{{ $dag := "" }}{{ $first := index $alerts 0 }}{{ $last := $first }}
{{- $said := "" }}{{ $counted := "" }}{{ $kind := "" }}
{{- if not .Alerts.Firing }}{{ range $alerts }}{{ $kind = .Labels.alertname }}{{ end }}{{ end }}
{{- range $alerts }}
  {{- $said = or $said .Annotations.first }}{{ $counted = or $counted .Annotations.recurring }}
  {{- if and (ne .Labels.dag_id $dag) (eq .Labels.alertname (or $kind .Labels.alertname)) }}
    {{- $dag = .Labels.dag_id }}{{ $rest = slice $rest 1 }}
  {{- end }}
  {{- if .StartsAt.Before $first.StartsAt }}{{ $first = . }}{{ end }}
  {{- if .StartsAt.After $last.StartsAt }}{{ $last = . }}{{ end }}
{{- end }}
{{- $dags := len (slice $alerts (len $rest)) }}{{ $span := $last.StartsAt.Sub $first.StartsAt }}
{{- if not .Alerts.Firing }}Over: {{ end }}
{{- $again := match "/again$" .GroupLabels.storm }}
{{- if eq $dags 1 }}{{ reReplaceAll PLAIN (printf "%.120s" $dag) }} failed
{{- if and $said (not (or $again (match "/(beside|meanwhile)$" .GroupLabels.storm))) }} as others did{{ end }}
{{- else }}{{ $dags }} DAGs
{{- with .GroupLabels.team }} of {{ reReplaceAll PLAIN (printf "%.60s" .) }}{{ end }} failed
{{- end }}
{{- if $again }} again and again
{{- with or $last.Annotations.recurring $counted }}, {{ reReplaceAll PLAIN (printf "%.60s" .) }}{{ end }}
{{- else if gt $dags 1 }} within
{{- if lt $span.Seconds 100.0 }} {{ printf "%.0f s" (or (and (gt $span.Seconds 1.0) $span.Seconds) 1.0) }}
{{- else }} {{ printf "%.0f min" $span.Minutes }}{{ end }}
{{- end }}
{{- with .CommonAnnotations.cause }}: {{ reReplaceAll PLAIN (printf "%.150s" .) }}
{{- else }}{{ if (index $alerts 0).Annotations.cause }}, of different causes{{ end }}{{ end }}
{{- with $said }}; first {{ reReplaceAll PLAIN (printf "%.150s" .) }}{{ end }}
{{- if .Alerts.Firing }}{{ with .Alerts.Resolved }}; {{ len . }} over{{ end }}{{ end }}
{{- with .GroupLabels.cluster }} ({{ reReplaceAll PLAIN . }}){{ end }}
{{- end }}

{{- /* Their names, in the order of the alphabet. */ -}}
{{ define "PREFIX.storm.dags" -}}
{{- $room := stringSlice ROOM }}{{ $dag := "" }}{{ $more := false }}
{{- range . }}{{ if ne .Labels.dag_id $dag }}
  {{- if $room }}{{ if $dag }}, {{ end }}{{ reReplaceAll PLAIN (printf "%.80s" .Labels.dag_id) }}
  {{- $room = slice $room 1 }}{{ else }}{{ $more = true }}{{ end }}
  {{- $dag = .Labels.dag_id }}
{{- end }}{{ end }}
{{- if $more }}, …{{ end }}
{{- end }}

{{- /* Who waits for them: of the first few, and not of one for which the same wait as for the one before. */ -}}
{{ define "PREFIX.storm.waiting" -}}
{{- $room := stringSlice WAITED }}{{ $said := "" }}{{ $more := false }}
{{- range . }}{{ $dag := .Labels.dag_id }}{{ with .Annotations.impact }}{{ if ne . $said }}
  {{- if not $room }}{{ $more = true }}{{ else }}
  {{- if $said }}; {{ else }}
Waiting downstream: {{ end }}{{ reReplaceAll PLAIN (printf "%.80s → %.120s" $dag .) }}
  {{- $room = slice $room 1 }}{{ end }}
  {{- $said = . }}
{{- end }}{{ end }}{{ end }}
{{- if $more }}; …{{ end }}
{{- end }}

{{- /* What all of them share beside the cause, behind their names: one worker, one kind of operator. */ -}}
{{ define "PREFIX.storm.shared" -}}
{{ $host := .CommonAnnotations.hostname }}{{ $operator := .CommonAnnotations.operator }}
{{- if and (gt (len .Alerts) 1) (or $host $operator) }} (
{{- with $host }}all on {{ reReplaceAll PLAIN (printf "%.100s" .) }}{{ if $operator }}, {{ end }}{{ end }}
{{- with $operator }}all of {{ reReplaceAll PLAIN (printf "%.100s" .) }}{{ end }})
{{- end }}
{{- end }}
"""


def words(prefix: str, plain: str) -> str:
    """Return the templates PREFIX.storm.name, .title, .dags, .waiting and .shared.

    `plain` are reReplaceAll's arguments for text. The templates take a message's data, `.dags` and `.waiting` a list of
    alerts.
    """
    room, waited = (" ".join(['""'] * count) for count in (_NAMED, _WAITED))
    parts = {"PREFIX": prefix, "PLAIN": plain, "ROOM": room, "WAITED": waited}
    text = _WORDS
    for name, part in parts.items():
        text = text.replace(name, part)
    return text
