"""A group's alerts in Alertmanager's messages: the newest first, and what repeats itself once.

What the templates of all channels share is in alerts/messages.py, which also puts the runbook's address (an expression)
in place of the words RUNBOOK and COMMON_RUNBOOK, of an alert and of all alerts of a message, and those of its links in
place of LOG_URL, RUN_URL, DASHBOARD_URL and COMMON_….
"""

from __future__ import annotations

_FORMAT = '"2006-01-02T15:04:05.000Z"'
FAILED = f"or .Annotations.failed_at (.StartsAt.UTC.Format {_FORMAT})"
ENDED = f"print (.EndsAt.UTC.Format {_FORMAT}) .Annotations.failed_at"
"""When an alert's failure was, and when it ended: texts, which compare as the times do."""

NEWEST = "(or .Alerts.Firing .Alerts.Resolved)"
COUNT = "newest of {{ $count }}{{ if not .Labels.deadline }} runs{{ end }}"
REPEATS = f"{{{{ if gt $count 1 }}}} (the {COUNT}){{{{ end }}}}"
"""What `each` may say of an entry that stands for several alerts."""
RESOLVED = """\
resolved {{ template "windsock.until" . }}{{ with .Annotations.resolution }}: {{ printf "%.100s" . }}{{ end }}"""
"""When and why an alert ended, where nothing has to be escaped."""

_LOOP = r"""
{{- $all := ALERTS }}{{ $left := $all }}{{ $shown := false }}
{{- DECLARE }}
{{- range $turn := stringSlice TURNS }}{{ if or $told1 (eq $turn "0") }}
  {{- $before := $left }}{{ $next := false }}{{ $name := "" }}{{ $latest := "" }}
  {{- range $all }}
    {{- $entry := or (and .Labels.run_id (print .Labels.dag_id " task " .Labels.task_id)) .Fingerprint }}
    {{- if eq $entry $told1 }}{{ $left = slice $left 1 }}
    {{- else if not (eq $entry TOLD) }}
      {{- $at := MOMENT }}
      {{- if gt $at $latest }}{{ $latest = $at }}{{ $next = . }}{{ $name = $entry }}{{ end }}
    {{- end }}
  {{- end }}
  {{- $count := len (slice $before (len $left)) }}
  {{- with $shown }}EACH{{ end }}
  {{- SHIFT }}{{ $shown = $next }}
{{- end }}{{ end }}
{{- with $left }}OTHERS{{ end }}"""


def entries(alerts: str, most: int, each: str, others: str, *, moment: str = FAILED) -> str:
    """Return a template: `each` for the newest of `alerts`, the next newest, `most` times, then `others` for the rest.

    An entry is what one task did, or the run where there is no task; an alert without a run (a rule's, a check's) is
    one by itself. `each` has its newest alert as the dot, `$count` for how many alerts it stands for, and `$turn`,
    which is "1" for the first; `others` has those that are in no entry as its dot.

    Go's templates have no sort, no set and no sum, and Alertmanager has a group's alerts in the order of their labels.
    So each turn goes through all of them once: it counts those of the entry that the turn before found, by taking one
    off `$left` for each, and finds the newest that is in no entry yet. That is `most` + 1 times the alerts, however
    many entries there are.
    """
    told = [f"$told{number}" for number in range(1, most + 1)]
    parts = {
        "ALERTS": alerts,
        "DECLARE": " }}{{ ".join(f'{name} := ""' for name in told),
        "TURNS": " ".join(f'"{number}"' for number in range(most + 1)),
        "TOLD": " ".join(told),
        "MOMENT": moment,
        "EACH": each,
        "SHIFT": " }}{{ ".join(
            f"{to} = {name}" for to, name in zip(reversed(told), [*reversed(told[:-1]), "$name"], strict=True)
        ),
        "OTHERS": others,
    }
    text = _LOOP
    for name, part in parts.items():
        text = text.replace(name, part)
    return text
