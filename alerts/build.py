"""The files that Prometheus and Alertmanager read, as text."""

from __future__ import annotations

import functools
import hashlib
import json
import math
from typing import TYPE_CHECKING, Any

from windsock import __version__, links, yaml_dump
from windsock.versions import at_least

from . import messages, receivers, routes, rules, tuning, versions
from .record import Record
from .rule import Group

if TYPE_CHECKING:
    from windsock.settings import Settings

RULES = "rules.yml"
ALERTMANAGER = "alertmanager.yml"
TEMPLATES = "windsock.tmpl"

RULES_INFO = "windsock_rules_info"

_QUERY_OFFSET = "2.53"
"""The Prometheus that brought `query_offset`."""


def files(settings: Settings, timing: routes.Timing | None = None) -> dict[str, str]:
    """Return the text of rules.yml, alertmanager.yml and windsock.tmpl by file name.

    Alertmanager looks for windsock.tmpl beside alertmanager.yml. Raises SettingsError where a team names a channel that
    no credential or server reaches, or where alerts.rules names a rule that there is none of.
    """
    base = links.complete(settings)
    return {
        RULES: versions.header(versions.PROMETHEUS, settings) + _text([*groups(settings), _identity(settings)]),
        ALERTMANAGER: versions.header(versions.ALERTMANAGER, settings)
        + yaml_dump.dump(routes.alertmanager(settings, timing)),
        TEMPLATES: messages.templates(base, settings.alertmanager.version),
    }


def groups(settings: Settings) -> list[dict[str, Any]]:
    """Return the groups of rules.yml, but for the one that says which rules they are. Raises SettingsError."""
    base = links.complete(settings)
    return [{**group.render(base), **_query_offset(settings)} for group in tuning.tuned(rules.GROUPS, settings)]


def digest(settings: Settings) -> str:
    """Return what tells these groups from any others: `windsock_rules_info` has it as a label."""
    return hashlib.sha256(_text(groups(settings)).encode()).hexdigest()[:12]


def _text(of: list[dict[str, Any]]) -> str:
    """These groups as a file."""
    return "groups:\n" + "".join(_block(json.dumps(group)) for group in of)


@functools.lru_cache(256)
def _block(group: str) -> str:
    """An element of `groups`, by its JSON: few settings change one, and the doctor asks for the digest of all."""
    return yaml_dump.dump({"groups": [json.loads(group)]}).removeprefix("groups:\n")


def _identity(settings: Settings) -> dict[str, Any]:
    """A series that says which rules a Prometheus has: its own API writes expressions in its own way."""
    labels = {"version": __version__, "digest": digest(settings)}
    group = Group("windsock-rules", (), (Record(RULES_INFO, "vector(1)", labels),))
    return {**group.render(settings.links), **_query_offset(settings)}


def routes_alone(settings: Settings) -> str:
    """Return an alertmanager.yml that any amtool takes, and that tells nobody."""
    return yaml_dump.dump(routes.alone(settings))


def secrets(settings: Settings) -> dict[str, str]:
    """Return the files that alertmanager.yml refers to, each with the reference (`${VARIABLE}`) of its content."""
    return receivers.secrets(settings)


def notes(settings: Settings) -> list[str]:
    """Return what is valid, but perhaps not meant, one line each."""
    lines = routes.notes(settings)
    if not settings.links.exporter and not settings.links.runbooks:
        where = links.runbooks(links.complete(settings)) or "nowhere: the port of exporter.web.listen is not known"
        lines.append(
            f"links.exporter: not set, so messages link to runbooks at {where}; set it to where a browser reaches the"
            " exporter"
        )
    if settings.exporter.naming != "prometheus" or settings.exporter.mapping_config:
        lines.append(
            "exporter.naming and exporter.mapping_config: the rules read the names of `naming: prometheus`; with others"
            " they see no series, and AirflowSchedulerHeartbeatAbsent fires for good"
        )
    if settings.prometheus.query_offset and not _query_offset(settings):
        lines.append(
            f"prometheus.query_offset: left out: it needs Prometheus {_QUERY_OFFSET}, and prometheus.version is"
            f" {settings.prometheus.version}; rules miss samples that arrive late"
        )
    return lines


def _query_offset(settings: Settings) -> dict[str, Any]:
    """An entry of each group."""
    seconds = settings.prometheus.query_offset
    if not seconds or not at_least(settings.prometheus.version, _QUERY_OFFSET):
        return {}
    return {"query_offset": f"{math.ceil(seconds)}s"}
