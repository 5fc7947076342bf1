"""Alertmanager, as the doctor sees it: are its routes ours, do its messages arrive, does something hide alerts?"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import yaml

from windsock import versions
from windsock.alerts import receivers, routes
from windsock.doctor.deliveries import Deliveries
from windsock.doctor.finding import Finding
from windsock.doctor.server import AskingError, Server, examine_each
from windsock.events import unix
from windsock.settings.units import format_age

from .reach import Reach, inhibition, key, matchers, silenced

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from windsock.settings import Settings

_RELOAD_FAILED = re.compile(r"^alertmanager_config_last_reload_successful 0$", re.MULTILINE)
_STUCK = 3600.0
"""Seconds for which an alert may keep others back before somebody should look whether it still holds."""
_NEW = 180.0
"""Seconds after its start in which what always fires may still be on its way."""
_BUILD = "`windsock alerts build`, put alertmanager.yml and windsock.tmpl in place, and let Alertmanager read them."


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what is found of each of `alertmanager.urls`. Raises SettingsError for a secret that can't be had here."""
    return examine_each(
        settings.alertmanager,
        "alertmanager",
        lambda server: _Alertmanager(server, settings).findings(),
        none="No Alertmanager is named: callbacks tell each channel themselves, and nothing groups what they say.",
        mend="Start it, or mend alertmanager.urls and alertmanager.http: it tells nobody, and callbacks keep what they"
        " have to say in their spool.",
    )


class _Alertmanager:
    """One server, asked with everything that the settings promise of it."""

    def __init__(self, server: Server, settings: Settings) -> None:
        self._server = server
        self._settings = settings
        self._reach = Reach(settings)

    def findings(self) -> Iterator[Finding]:
        """Raises AskingError."""
        status = self._server.json("/api/v2/status")
        if not isinstance(status, dict) or "config" not in status:
            raise AskingError("It answers what no Alertmanager answers")
        yield from self._version(versions.said(status.get("versionInfo", {}).get("version")))
        yield from self._routes(str(status["config"].get("original", "")))
        yield from self._peers(status.get("cluster", {}))
        yield from self._deliveries()
        yield from self._silences()
        yield from self._alerts(_age(status.get("uptime")))
        yield from self._server.clock("alertmanager.clock")

    def _version(self, version: str | None) -> Iterator[Finding]:
        made_for = self._settings.alertmanager.version
        if version is None or not versions.at_least(version, versions.ALERTMANAGER):
            yield self._bad(
                "version",
                "warning",
                f"It is {version or 'of no version that it names'}, older than {versions.ALERTMANAGER}.",
                "Upgrade it: routes and messages are tested from that version on.",
            )
        elif made_for != versions.AUTO and not versions.at_least(version, made_for):
            yield self._bad(
                "version",
                "critical",
                f"It is {version}, and alertmanager.version says {made_for}: it may refuse alertmanager.yml.",
                f'Set alertmanager.version: "{version}", and build the routes again.',
            )
        else:
            section = self._settings.alertmanager.model_copy(update={"version": version})
            for note in receivers.notes(self._settings.model_copy(update={"alertmanager": section})):
                yield Finding("alertmanager.note", "good", f"{note}.", "", self._server.name)

    def _routes(self, text: str) -> Iterator[Finding]:
        try:
            config = yaml.safe_load(text)
            there = {one["name"] for one in config["receivers"]}
            found = set(_flat(config["route"]))
        except (yaml.YAMLError, TypeError, KeyError):
            yield self._bad("routes", "unseen", "Its configuration can't be read.", "")
            return
        ours = routes.alertmanager(self._settings)
        missing = sorted({one["name"] for one in ours["receivers"]} - there)
        if missing:
            yield self._bad(
                "receivers", "critical", f"Its configuration lacks the receivers {', '.join(missing)}.", _BUILD
            )
        elif set(_flat(ours["route"])) - found:
            yield self._bad(
                "routes", "critical", "Its routes are not what this windsock makes of this windsock.yaml.", _BUILD
            )
        before = self._reach.before(config["route"], {key(one) for one in ours["route"]["routes"]})
        if before is not None:
            yield self._bad(
                "routes",
                "critical",
                f"A route to {before.get('receiver', 'the root')} for {', '.join(matchers(before)) or 'everything'}"
                " stands before windsock's, and takes what they should get.",
                "Put it behind them, give it `continue: true`, or matchers of its own alerts.",
            )
        yield from self._inhibitions(config.get("inhibit_rules") or (), ours["inhibit_rules"])

    def _inhibitions(self, there: Sequence[dict[str, Any]], ours: Sequence[dict[str, Any]]) -> Iterator[Finding]:
        found, wanted = ({inhibition(one) for one in rules} for rules in (there, ours))
        if wanted - found:
            said = f"Of windsock's inhibitions it lacks {len(wanted - found)}: some failures are told twice."
            yield self._bad("inhibitions", "warning", said, _BUILD)
        for source, target, equal in sorted(found - wanted):
            if not equal and self._reach.is_broad(target):
                yield self._bad(
                    "inhibitions",
                    "warning",
                    f"While {', '.join(source) or 'anything'} fires, an inhibition that windsock did not make keeps"
                    f" {', '.join(target) or 'everything'} from being told.",
                    "Give it `equal`, or take it out of alertmanager.yml.",
                )

    def _peers(self, cluster: dict[str, Any]) -> Iterator[Finding]:
        wanted, peers = len(self._settings.alertmanager.urls), len(cluster.get("peers") or ())
        if wanted > 1 and peers < wanted:
            yield self._bad(
                "peers",
                "warning",
                f"It knows {peers} Alertmanagers, itself among them, and alertmanager.urls names {wanted}:"
                " each of those apart sends messages of its own.",
                "Give each of them the others' --cluster.peer, and let port 9094 through, UDP and TCP.",
            )

    def _deliveries(self) -> Iterator[Finding]:
        found, text = Deliveries(), self._server.text("/metrics")
        if _RELOAD_FAILED.search(text):
            yield self._bad(
                "reload",
                "warning",
                "It could not read its files when it was told to, and goes on with what they said before.",
                "`amtool check-config alertmanager.yml` says what is wrong with them.",
            )
        found.read(text)
        for channel, count in sorted(found.failed.items()):
            if count:
                every = count >= found.tried[channel]
                yield self._bad(
                    "delivery",
                    "critical" if every else "warning",
                    f"Of {found.tried[channel]:,} attempts to tell {channel} since its start {count:,} failed.",
                    "`windsock doctor --send-test` asks the platform why: a wrong token or channel, a proxy, a limit;"
                    " Alertmanager's log says whether a secret's file is missing.",
                )

    def _silences(self) -> Iterator[Finding]:
        for silence in self._server.json("/api/v2/silences"):
            found = silenced(silence)
            if silence.get("status", {}).get("state") == "active" and self._reach.is_broad(found):
                yield self._bad(
                    "silence",
                    "warning",
                    f"A silence hides all of {', '.join(found)} until"
                    f" {silence.get('endsAt', '?')[:16].replace('T', ' ')} UTC"
                    f" (by {silence.get('createdBy') or 'nobody'}: {silence.get('comment') or 'no comment'}).",
                    "Expire it in Alertmanager's page where it is meant no more.",
                )

    def _alerts(self, age: float) -> Iterator[Finding]:
        found = self._server.json("/api/v2/alerts")
        by_id = {one["fingerprint"]: one for one in found}
        if self._settings.prometheus.urls and not any(one["labels"].get("alertname") == "Watchdog" for one in found):
            yield self._bad(
                "watchdog",
                "critical" if age > _NEW else "unseen",
                "The alert Watchdog, which always fires, is not here: no Prometheus with windsock's rules reaches it."
                + ("" if age > _NEW else " It was started a moment ago, and may hear of it yet."),
                "Name this Alertmanager in prometheus.yml, and load rules.yml there.",
            )
        held: dict[str, int] = {}
        for one in found:
            for cause in one.get("status", {}).get("inhibitedBy", ()):
                held[cause] = held.get(cause, 0) + 1
        for cause, count in held.items():
            age = time.time() - unix(by_id[cause]["startsAt"]) if cause in by_id else 0.0
            if age > _STUCK:
                name, others = by_id[cause]["labels"].get("alertname"), f"other{'s' if count > 1 else ''}"
                yield self._bad(
                    "inhibited",
                    "warning",
                    f"{name} has fired for {format_age(age)} and keeps {count} {others} from being told.",
                    "End its cause first: what it hides may be news.",
                )

    def _bad(self, what: str, grade: Any, found: str, mend: str) -> Finding:
        return Finding(f"alertmanager.{what}", grade, found, mend, self._server.name)


def _age(started: object) -> float:
    """Seconds since a time as it writes it; those of a server that runs for long, where it writes none."""
    try:
        return time.time() - unix(str(started))
    except ValueError:
        return float("inf")


def _flat(route: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Each route as what leads to it, by matchers and receiver, whichever tree it hangs in."""
    here = (*above, *matchers(route))
    if here:
        quiet = [str(one) for key in ("mute_time_intervals", "active_time_intervals") for one in route.get(key) or ()]
        yield (*here, f"-> {route.get('receiver', '')}", *sorted(route.get("group_by") or ()), *quiet)
    for child in route.get("routes") or ():
        yield from _flat(child, here)
