"""alertmanager.yml: which alert goes to whom, which alert makes another one redundant."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from windsock import teams
from windsock.destinations import destinations, mention
from windsock.recurrence import AGAIN
from windsock.storms import BESIDE, MEANWHILE

from . import inhibitions, mutes, receivers
from .matchers import is_, quoted
from .patterns import regex

if TYPE_CHECKING:
    from windsock.settings import Settings

RECORDED = "recorded"
"""The receiver of `info`: Alertmanager shows these alerts and tells nobody."""
WATCHDOG = "watchdog"
"""The receiver of the alert that always fires: it calls `alertmanager.watchdog`, the dead man's switch."""


@dataclass(frozen=True)
class Timing:
    """How long Alertmanager collects a group before its first message, between messages, and before it repeats one."""

    group_wait: str = "5s"
    group_interval: str = "1m"
    repeat_interval: str = "12h"
    storm_wait: str = "8s"
    """The same for failures of one cause, of which more come for some seconds: a telephone rings once for them."""
    beside_wait: str = "10s"
    """The same for what fails beside them: so much longer that it is told in another second."""
    meanwhile_wait: str = "6500ms"
    """The same for what fails a moment after something else: in another second than that, and than a storm of these."""
    again_interval: str = "1h"
    """Between messages of what fails again and again."""


def alertmanager(settings: Settings, timing: Timing | None = None) -> dict[str, Any]:
    """Return the content of alertmanager.yml. Raises SettingsError where a team names what nothing reaches."""
    receivers.check(settings)
    timing = timing or Timing()
    muted = mutes.names(teams.UNKNOWN, "warning", settings)
    common = {**receivers.network(settings), **receivers.common(settings)}
    return {
        **({"global": common} if common else {}),
        "templates": ["windsock.tmpl"],
        "route": {
            "receiver": receivers.name(teams.UNKNOWN, "warning"),
            "group_by": ["cluster", "alertname", "dag_id"],
            "group_wait": timing.group_wait,
            "group_interval": timing.group_interval,
            "repeat_interval": timing.repeat_interval,
            "routes": [
                {"matchers": [is_("alertname", "Watchdog")], "receiver": WATCHDOG, "repeat_interval": "5m"},
                {"matchers": [is_("severity", "info")], "receiver": RECORDED},
                *(_to(team, settings, timing, is_("team", team)) for team in settings.teams),
                # A rule knows the team where the exporter reads Airflow's database; elsewhere the DAG's id alone.
                *(
                    _to(team, settings, timing, 'team=""', 'dag_id!=""', f'dag_id=~"{quoted(regex(config.match.dag))}"')
                    for team, config in settings.teams.items()
                    if config.match.dag
                ),
                *_rest(teams.UNKNOWN, settings, timing),
                # The root itself may not be muted.
                *([{"receiver": receivers.name(teams.UNKNOWN, "warning"), **muted}] if muted else []),
            ],
        },
        **({"time_intervals": windows} if (windows := mutes.intervals(settings)) else {}),
        "inhibit_rules": inhibitions.rules(),
        "receivers": [
            *(
                receivers.render(receivers.name(team, severity), to, settings, mention(settings, team, severity))
                for (team, severity), to in receivers.addresses(settings).items()
            ),
            {"name": RECORDED},
            receivers.watchdog(WATCHDOG, settings),
        ],
    }


def alone(settings: Settings) -> dict[str, Any]:
    """The same without what tells anyone, which an amtool of another version may not know."""
    content = alertmanager(settings)
    return {"route": content["route"], "receivers": [{"name": one["name"]} for one in content["receivers"]]}


def notes(settings: Settings) -> list[str]:
    """What is valid, but perhaps not meant: who is never told, and what is ignored."""
    lines = [
        f"{severity} alerts of {'no known team' if team == teams.UNKNOWN else f'team {team}'} reach nobody:"
        f" set a channel in {'`defaults`' if team == teams.UNKNOWN else f'`teams.{team}` or `defaults`'}"
        for (team, severity), to in receivers.addresses(settings).items()
        if not to
    ]
    lines += [
        f"{team}, {to}: told by callbacks where there is no Alertmanager; Alertmanager tells nobody there"
        for team in (teams.UNKNOWN, *settings.teams)
        for to in destinations(settings, team, "critical")
        if not to.central(settings.alertmanager.version)
    ]
    lines += receivers.notes(settings)
    return lines


def _to(team: str, settings: Settings, timing: Timing, *matchers: str) -> dict[str, Any]:
    return {
        "matchers": list(matchers),
        "receiver": receivers.name(team, "warning"),
        **mutes.names(team, "warning", settings),
        "routes": _rest(team, settings, timing),
    }


def _rest(team: str, settings: Settings, timing: Timing) -> list[dict[str, Any]]:
    """What of a team goes elsewhere, or is grouped otherwise, than its warnings."""
    muted = mutes.names(team, "critical", settings)
    critical = {
        "matchers": [is_("severity", "critical")],
        "receiver": receivers.name(team, "critical"),
        **muted,
        "routes": _storms(timing, muted),
    }
    return [critical, *_storms(timing, mutes.names(team, "warning", settings))]


def _storms(timing: Timing, muted: dict[str, list[str]]) -> list[dict[str, Any]]:
    """What several DAGs fail of together is a group of the receiver above; so are what fails beside it, what recurs."""
    timings = {
        f'storm=~".*/{AGAIN}"': {"group_interval": timing.again_interval},
        f'storm=~".*/{BESIDE}"': {"group_wait": timing.beside_wait},
        f'storm=~".*/{MEANWHILE}"': {"group_wait": timing.meanwhile_wait},
        'storm!=""': {"group_wait": timing.storm_wait},
    }
    return [
        {"matchers": [matcher], "group_by": ["cluster", "team", "storm"], **times, **muted}
        for matcher, times in timings.items()
    ]
