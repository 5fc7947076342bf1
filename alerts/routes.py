"""alertmanager.yml: which alert goes to whom, which alert makes another one redundant."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from windsock import teams
from windsock.destinations import destinations
from windsock.events import ALERTNAMES, DAG_RUN_FAILED, TASK_FAILED
from windsock.recurrence import AGAIN
from windsock.storms import BESIDE, MEANWHILE

from . import receivers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from windsock.settings import Settings

RECORDED = "recorded"
"""The receiver of `info`: Alertmanager shows these alerts and tells nobody."""
WATCHDOG = "watchdog"
"""The receiver of the alert that always fires; it does nothing until a dead man's switch is put in."""

_CAUSES = (
    ("WindsockExporterDown", "AirflowSchedulerHeartbeatAbsent"),
    ("AirflowSchedulerHeartbeatStopped", "AirflowSchedulerHeartbeatAbsent"),
    ("WindsockDatabaseDown", "WindsockReconcilerStopped"),
)
_ABOUT_FAILURES = ("AirflowFailureRateHigh", "AirflowTaskFailuresUnnotified")


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
                {"matchers": [_is("alertname", "Watchdog")], "receiver": WATCHDOG, "repeat_interval": "5m"},
                {"matchers": [_is("severity", "info")], "receiver": RECORDED},
                *(_to(team, timing, _is("team", team)) for team in settings.teams),
                # A rule knows the team where the exporter reads Airflow's database; elsewhere the DAG's id alone.
                *(
                    _to(team, timing, 'team=""', 'dag_id!=""', f'dag_id=~"{_quoted(_ids(config.match.dag))}"')
                    for team, config in settings.teams.items()
                    if config.match.dag
                ),
                _critical(teams.UNKNOWN, timing),
                *_storms(timing),
            ],
        },
        "inhibit_rules": _inhibitions(),
        "receivers": [
            *(
                receivers.render(receivers.name(team, severity), to, settings)
                for (team, severity), to in receivers.addresses(settings).items()
            ),
            {"name": RECORDED},
            {"name": WATCHDOG},
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


def _to(team: str, timing: Timing, *matchers: str) -> dict[str, Any]:
    return {
        "matchers": list(matchers),
        "receiver": receivers.name(team, "warning"),
        "routes": [_critical(team, timing), *_storms(timing)],
    }


def _critical(team: str, timing: Timing) -> dict[str, Any]:
    return {
        "matchers": [_is("severity", "critical")],
        "receiver": receivers.name(team, "critical"),
        "routes": _storms(timing),
    }


def _storms(timing: Timing) -> list[dict[str, Any]]:
    """What several DAGs fail of together is a group of the receiver above; so are what fails beside it, what recurs."""
    timings = {
        f'storm=~".*/{AGAIN}"': {"group_interval": timing.again_interval},
        f'storm=~".*/{BESIDE}"': {"group_wait": timing.beside_wait},
        f'storm=~".*/{MEANWHILE}"': {"group_wait": timing.meanwhile_wait},
        'storm!=""': {"group_wait": timing.storm_wait},
    }
    return [
        {"matchers": [matcher], "group_by": ["cluster", "team", "storm"], **times} for matcher, times in timings.items()
    ]


def _inhibitions() -> list[dict[str, Any]]:
    return [
        # A failed task fails its run: one message, the task's, which has the exception.
        *_held_back((TASK_FAILED,), (DAG_RUN_FAILED,), ["cluster", "dag_id", "run_id"]),
        # Who was told of a failure needs no second message that there are failures.
        *_held_back((TASK_FAILED, DAG_RUN_FAILED), _ABOUT_FAILURES, ["cluster", "dag_id"]),
        # Of several symptoms of one cause the cause.
        *(
            {
                "source_matchers": [_is("alertname", cause)],
                "target_matchers": [_is("alertname", symptom)],
                "equal": ["cluster"],
            }
            for cause, symptom in _CAUSES
        ),
        # A promise that is broken is no longer at risk: its end is not told beside that.
        {
            "source_matchers": [_is("alertname", "AirflowFinishMissed")],
            "target_matchers": [_is("alertname", "AirflowFinishAtRisk")],
            "equal": ["cluster", "dag_id"],
        },
        # The same failure, which two senders judged differently.
        {
            "source_matchers": [_in("alertname", ALERTNAMES), _is("severity", "critical")],
            "target_matchers": [_in("alertname", ALERTNAMES), _is("severity", "warning")],
            "equal": ["alertname", "cluster", "dag_id", "task_id", "run_id", "deadline"],
        },
    ]


def _held_back(sources: Sequence[str], targets: Sequence[str], equal: list[str]) -> list[dict[str, Any]]:
    """Two inhibitions, so that an alert silences none that is louder, and one that is only recorded silences none.

    A label that both alerts lack is equal: the sources are held to those that have all of `equal`.
    """
    complete = [f'{label}!=""' for label in equal]
    return [
        {
            "source_matchers": [_in("alertname", sources), _is("severity", severity), *complete],
            "target_matchers": [_in("alertname", targets), *louder],
            "equal": equal,
        }
        for severity, louder in (("critical", []), ("warning", ['severity!="critical"']))
    ]


_PART = re.compile(r"\[(?P<not>!?)(?P<set>\]?[^\]]*)\]|(?P<plain>.)", re.DOTALL)
_NOTHING = r"[^\s\S]"


def _ids(patterns: Sequence[str]) -> str:
    """A regular expression of Go, which Alertmanager anchors, for what one of these patterns of fnmatch takes."""
    return "|".join(_PART.sub(_part, pattern) for pattern in patterns)


def _part(match: re.Match[str]) -> str:
    if match["set"] is None:
        return {"*": ".*", "?": "."}.get(match["plain"], re.escape(match["plain"]))
    escaped = re.sub(r"([^\w-])", r"\\\1", match["set"])
    try:
        return re.compile(f"[{'^' if match['not'] else ''}{escaped}]").pattern
    except re.error:
        # A range that runs backwards.
        return "." if match["not"] else _NOTHING


def _is(label: str, value: str) -> str:
    return f'{label}="{_quoted(value)}"'


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _in(label: str, values: Sequence[str]) -> str:
    return _is(label, values[0]) if len(values) == 1 else f'{label}=~"{"|".join(values)}"'
