"""The pages: what is firing, who is told, and where to look further."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from windsock import channels, events, links
from windsock.exporter.web.markup import Cell, Html, document, facts, section, table, text
from windsock.teams import route

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from windsock.settings import Addresses, Settings
    from windsock.teams import DagFacts

_STYLE = """
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 1.5rem auto; max-width: 70rem; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.05rem; margin: 1.6rem 0 .5rem; }
dl { display: flex; flex-wrap: wrap; gap: .4rem 2rem; margin: 0; } dt { opacity: .65; } dd { margin: 0; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .35rem .8rem .35rem 0; border-bottom: 1px solid #8884; }
td.none { opacity: .65; } p.trouble { border-left: 3px solid #c60; padding-left: .6rem; }
.critical, .warning { font-weight: 600; } .critical { color: #d22; } .warning { color: #b60; }
nav { display: flex; flex-wrap: wrap; gap: .3rem 1.2rem; }
"""

# Airflow 3 shows the page in a frame that may open no window, which a link to Grafana needs; its own page may.
SCRIPT = """
addEventListener("click", (event) => {
  const link = event.target.closest("a[target=_blank]");
  if (!link || parent === window) return;
  event.preventDefault();
  const twin = parent.document.createElement("a");
  Object.assign(twin, { href: link.href, target: "_blank", rel: "noopener noreferrer" });
  twin.click();
});
"""


@dataclass(frozen=True)
class Firing:
    """Alerts as Alertmanager's API gives them; `trouble` says in words why there are none to be had."""

    alerts: Sequence[Mapping[str, Any]]
    trouble: str = ""


def dag(known: DagFacts, settings: Settings, firing: Firing) -> str:
    """One DAG: its alerts, its dashboards, its team, the runbooks."""
    team, severity = route(known, settings)
    told = settings.teams.get(team) or settings.defaults
    about = [
        ("Team", team),
        *_channels(told),
        ("A failure is", severity),
        ("Owners", ", ".join(known.owners) or "-"),
        ("Tags", ", ".join(known.tags) or "-"),
    ]
    names = dict.fromkeys([*(one["labels"].get("alertname", "") for one in firing.alerts), *events.ALERTNAMES])
    addresses = {name: links.runbook(settings.links, name) for name in names if name}
    runbooks = [_link(address, name) for name, address in addresses.items() if address]
    return _document(
        known.dag_id,
        section("Dashboards", _dashboards(settings, known.dag_id)),
        _firing(firing, settings, of_dag=False),
        section("Who is told", facts(about)),
        *([section("Runbooks", Html(f"<nav>{''.join(runbooks)}</nav>"))] if runbooks else []),
    )


def _channels(told: Addresses) -> Iterator[tuple[str, str]]:
    """Where someone is told, by channel; of what is secret, only that."""
    for channel, value in ((channels.of(name), getattr(told, name)) for name in channels.NAMES):
        if value:
            yield channel.title, ", ".join(channel.addresses(value)) if channel.public else "yes"


def overview(settings: Settings, firing: Firing) -> str:
    """Everything that is firing."""
    return _document(
        f"Alerts of {settings.cluster}",
        section("Dashboards", _dashboards(settings, "")),
        _firing(firing, settings, of_dag=True),
    )


def _document(title: str, *sections: Html) -> str:
    body = [f"<h1>{text(title)}</h1>", *sections, f"<script>{SCRIPT}</script>"]
    return document(f"{title} - windsock", "data:,", _STYLE, body)


def _dashboards(settings: Settings, dag_id: str) -> Html:
    if not settings.links.grafana:
        return _trouble("No Grafana is configured (links.grafana).")
    if dag_id:
        return Html(f"<nav>{_link(links.dashboard(settings.links, dag_id), 'The dashboard of this DAG')}</nav>")
    return Html(f"<nav>{_link(links.overview(settings.links), 'The overview')}</nav>")


def _firing(firing: Firing, settings: Settings, *, of_dag: bool) -> Html:
    if firing.trouble:
        return section("Firing now", _trouble(firing.trouble))
    if not firing.alerts:
        return section("Firing now", Html("<p>Nothing.</p>"))
    heads = ("Since", "Severity", "Alert", *(("DAG",) if of_dag else ()), "Task", "What", "")
    return section("Firing now", table(heads, (_row(one, settings, of_dag=of_dag) for one in firing.alerts)))


def _row(alert: Mapping[str, Any], settings: Settings, *, of_dag: bool) -> list[Cell]:
    labels, notes = alert.get("labels", {}), alert.get("annotations", {})
    name, severity = labels.get("alertname", ""), labels.get("severity", "")
    state = alert.get("status", {}).get("state", "")
    dag_id = labels.get("dag_id", "")
    further = [
        _link(notes.get("log_url", ""), "log"),
        _link(notes.get("run_url", ""), "run"),
        _link(notes.get("dashboard_url", ""), "dashboard"),
        _link(notes.get("runbook_url") or links.runbook(settings.links, name), "runbook"),
    ]
    shown = severity if severity in ("critical", "warning") else ""
    return [
        Html(text(_moment(str(alert.get("startsAt", ""))))),
        Html(f'<span class="{shown}">{text(severity)}</span>'),
        name + (" (silenced or inhibited)" if state == "suppressed" else ""),
        *([Html(f'<a href="dags/{quote(dag_id, safe="")}">{text(dag_id)}</a>')] if of_dag else []),
        labels.get("task_id", ""),
        notes.get("summary") or notes.get("description") or "",
        Html(" ".join(one for one in further if one)),
    ]


def _trouble(trouble: str) -> Html:
    return Html(f'<p class="trouble">{text(trouble)}</p>')


def _link(url: str, words: str) -> Html:
    """Out of the frame that Airflow shows the page in; what is no web address, an alert may carry any text, is none."""
    if not url.startswith(("http://", "https://")):
        return Html("")
    return Html(f'<a href="{text(url)}" target="_blank" rel="noopener noreferrer">{text(words)}</a>')


def _moment(value: str) -> str:
    try:
        found = datetime.fromisoformat(value.replace("Z", "+00:00"))
    except ValueError:
        return value
    return f"{found.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC"
