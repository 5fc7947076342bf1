"""Slack: with a bot token in any channel, with an incoming webhook in its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from windsock.settings.formats import Reference, Url
from windsock.settings.section import Section
from windsock.versions import AUTO, at_least

from . import Channel, timeout
from .entries import ENDED, NEWEST, REPEATS, entries

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_API = "https://slack.com/api"
"""The only one at which Alertmanager edits or answers a message."""
_SINCE = {"edit": "0.32", "thread": "0.35"}
"""The Alertmanager that brought them: `update_message`, and `post_updates_to_thread` beside it."""
_MESSAGE_TEXT = "0.31"
"""The Alertmanager that brought `message_text`: before it a mention stands in the attachment, where Slack marks it and
may not notify who is meant (https://github.com/getsentry/sentry/issues/19271)."""
_HEARD = "0.26"
"""The Alertmanager that reads Slack's `ok: false`, which comes with status 200."""
_FIRST = "0.32"
"""The Alertmanager that says in a template that a message is the first of its group."""


class SlackChannel(Section):
    """One credential is needed: a bot token (any channel) or an incoming webhook (its own channel)."""

    api_url: Url = _API
    token: Reference | None = None
    webhook: Reference | None = None
    updates: Literal["auto", "message", "edit", "thread"] = "auto"
    """What Alertmanager does when an alert changes that it has told of. message: it sends one more; edit: it edits the
    first one, which Slack announces to nobody; thread: it edits that and says what is new in its thread. auto: the last
    of these that `alertmanager.version` can, and with a webhook or another `api_url` message."""


_RESOLVED = """\
resolved {{ template "windsock.until" . }}{{ with .Annotations.resolution }}: \
{{ template "windsock.slack.plain" (printf "%.100s" .) }}{{ end }}"""


def _ended(reason: str) -> str:
    return entries(
        ".Alerts.Resolved",
        5,
        f"""\
:white_check_mark: {{{{ template "windsock.slack.what" . }}}}, {_RESOLVED}{REPEATS}{reason}
""",
        "_and {{ len . }} more resolved_\n",
        moment=ENDED,
    )


_TEMPLATES = (
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
{{- if not (or .GroupLabels.storm (IS_EVENT)) -}}
"""
    + entries(
        NEWEST,
        1,
        '{{ with .Annotations.summary }}: {{ template "windsock.slack.plain" (printf "%.300s" .) }}{{ end }}',
        "",
    )
    + r"""
{{- end }}
{{- end }}

{{ define "windsock.slack.footer" -}}
{{ template "windsock.slack.plain" (printf "%.60s" .CommonLabels.severity) }}
{{- with .CommonLabels.team }} · {{ template "windsock.slack.plain" (printf "%.60s" .) }}{{ end }}
{{- end }}

{{- /* Which failure: the task, and its run where no link leads there; or what a rule says. */ -}}
{{ define "windsock.slack.what" -}}
{{ if .Labels.storm }}*{{ template "windsock.slack.plain" (printf "%.120s" .Labels.dag_id) }}*: {{ end -}}
{{ if .Labels.run_id -}}
*{{ with .Labels.task_id }}{{ template "windsock.slack.plain" (printf "%.120s" .) }}{{ else }}The run{{ end }}*
{{- if not (RUN_URL) }} in `{{ template "windsock.slack.plain" (printf "%.120s" .Labels.run_id) }}`{{ end }}
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
{{ with LOG_URL }}{{ if lt (len .) 400 -}}
<{{ template "windsock.slack.address" . }}|Log>{{ $dot = " · " }}{{ end }}{{ end -}}
{{ with RUN_URL }}{{ if lt (len .) 400 -}}
{{ $dot }}<{{ template "windsock.slack.address" . }}|Airflow>{{ $dot = " · " }}{{ end }}{{ end -}}
{{ with DASHBOARD_URL }}{{ if lt (len .) 400 -}}
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
{{ if and .Annotations.exception (not .Annotations.description) -}}
```{{ template "windsock.slack.plain" (printf "%.1500s" .Annotations.exception) }}```
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
{{- with LOG_URL }}{{ if lt (len .) 400 }} · <{{ template "windsock.slack.address" . }}|Log>{{ end }}
{{- end }}
{{- end }}

{{- /* The newest in full, others in a line each: who reads it again wants to know what is new. */ -}}
{{ define "windsock.slack.text" -}}
{{ if and .GroupLabels.storm .Alerts.Firing }}{{ template "windsock.storm.dags" .Alerts.Firing }}
{{- template "windsock.storm.shared" . }}
{{- template "windsock.storm.waiting" .Alerts.Firing }}
{{ end }}
"""
    + entries(
        ".Alerts.Firing",
        5,
        f"""{{{{ if eq $turn "1" }}}}{{{{ template "windsock.slack.head" . }}}}{REPEATS}
{{{{ template "windsock.slack.body" . }}}}{{{{ else -}}}}
• {{{{ template "windsock.slack.what" . }}}}, since {{{{ template "windsock.since" . }}}}{REPEATS}
{{{{- template "windsock.slack.reason" . }}}}
{{{{ end }}}}""",
        "_and {{ len . }} more_\n",
    )
    + _ended("")
    + r"""
{{- end }}

{{- /* In place of the message that said why, so this one has to. */ -}}
{{ define "windsock.slack.edited" -}}
{{ if .Alerts.Firing }}{{ template "windsock.slack.text" . }}{{ else -}}
"""
    + _ended('{{ template "windsock.slack.reason" . }}')
    + r"""
{{- end }}
{{- end }}
"""
)


class _Slack(Channel[SlackChannel]):
    title = "Slack"
    public = True
    receiver = "slack_configs"
    templates = _TEMPLATES

    def problems(self, section: SlackChannel, places: Sequence[str], version: str) -> Iterator[str]:
        for place in () if section.token or section.webhook else places:
            yield (
                f"{place}: no credential reaches Slack; set channels.slack.token (a bot token) or"
                " channels.slack.webhook to a ${VARIABLE}"
            )
        if section.updates not in _SINCE or not places:
            return
        since = _SINCE[section.updates]
        if version != AUTO and not at_least(version, since):
            yield f"channels.slack.updates: {section.updates} needs alertmanager.version {since}, not {version}"
        if not _is_slacks_own(section):
            yield f"channels.slack.updates: {section.updates} needs channels.slack.token, and {_API} as its api_url"

    def notes(self, section: SlackChannel, addresses: Sequence[str], version: str) -> Iterator[str]:
        if section.webhook and not section.token and len(addresses) > 1:
            yield (
                "channels.slack.webhook: an incoming webhook posts to its own channel, whatever a team's `slack` says;"
                " a bot token (channels.slack.token) reaches " + ", ".join(addresses)
            )
        said = f"alertmanager.version is {version}"
        if not at_least(version, "0.35"):
            yield (
                f"slack: {said}: a message that Slack refuses for its rate (429: more than one a second in a channel)"
                " waits for the next group_interval, however many DAGs fail at once; Alertmanager 0.35 mends it: it"
                " sends it again as soon as Slack allows"
            )
        if self.unheard(section, version):
            yield (
                f"slack: {said}: a message that Slack refuses otherwise (not_in_channel, channel_not_found) is lost"
                f" without a word; Alertmanager {_HEARD} mends it: it says so in its log and its metrics"
            )
        if _updates(section, version) == "edit":
            yield (
                f"slack: {said}: what joins an alert that still fires is an edit of its message, which Slack announces"
                " to nobody; Alertmanager 0.35 says it in the message's thread too, and channels.slack.updates:"
                " message sends one more"
            )

    def unheard(self, section: SlackChannel, version: str) -> bool:
        return section.token is not None and not at_least(version, _HEARD)

    def references(self, section: SlackChannel, to: str) -> tuple[str | None, ...]:
        del to
        return (section.token or section.webhook,)

    def config(self, section: SlackChannel, to: str, file: Callable[[str], str], version: str) -> dict[str, Any]:
        """With its secret in a file: `api_url_file` and `credentials_file` (both 0.22)."""
        if section.token:
            access = {
                "api_url": f"{section.api_url}/chat.postMessage",
                "http_config": {"authorization": {"credentials_file": file(section.token)}},
            }
        else:
            access = {"api_url_file": file(section.webhook or "")}
        updates = _updates(section, version)
        return {
            "send_resolved": True,
            **timeout(version, "0.30"),
            **access,
            **({"update_message": True} if updates in _SINCE else {}),
            **({"post_updates_to_thread": True} if updates == "thread" else {}),
            "channel": to,
            # The app's own name and icon: a bot token may not be allowed to choose others.
            "username": "",
            "color": '{{ template "windsock.slack.color" . }}',
            "title": '{{ template "windsock.title" . }}',
            "title_link": '{{ template "windsock.url" . }}',
            "text": f'{{{{ template "windsock.slack.{"edited" if updates in _SINCE else "text"}" . }}}}',
            "fallback": '{{ template "windsock.slack.fallback" . }}',
            "footer": '{{ template "windsock.slack.footer" . }}',
        }

    def mention(self, who: str, version: str) -> dict[str, Any]:
        """In the first message alone where Alertmanager knows which one is; else in each that is not the end."""
        first = 'eq .NotificationReason "first notification"' if at_least(version, _FIRST) else 'eq .Status "firing"'
        key = "message_text" if at_least(version, _MESSAGE_TEXT) else "pretext"
        said = f'{{{{ if {first} }}}}{who} {{{{ template "windsock.name" . }}}}{{{{ end }}}}'
        return {key: said, "link_names": True}


def _updates(section: SlackChannel, version: str) -> str:
    if section.updates != "auto":
        return section.updates
    able = [name for name, since in _SINCE.items() if at_least(version, since)] if _is_slacks_own(section) else []
    return able[-1] if able else "message"


def _is_slacks_own(section: SlackChannel) -> bool:
    return section.token is not None and section.api_url == _API


CHANNEL = _Slack()
