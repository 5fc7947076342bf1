"""A first windsock.yaml: what was answered, and the teams that the metadata database suggests."""

from __future__ import annotations

import importlib
import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prometheus_client.parser import text_string_to_metric_families

from windsock import settings, teams
from windsock.settings.sources import Source
from windsock.teams import DagFacts, owners_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from windsock.settings import Settings

_TAG = re.compile(r"team:(.+)")
"""The tag by which many mark whose a DAG is."""
_NOBODY = {"airflow"}
"""Airflow's default owner."""
_MOST_TEAMS = 200
"""A database in which each DAG has an owner of its own has no teams."""


@dataclass(frozen=True)
class Answers:
    """What a person has to say: the rest has defaults, or is in the database."""

    cluster: str
    alertmanager: str
    links: Mapping[str, str]
    """Base URLs by the key of `links`."""
    database: str
    """The variable that holds the database's URL; empty: none is read."""
    channel: str
    """Slack's, for the DAGs of no team."""
    token: str
    """The variable that holds Slack's token."""
    login: bool = False
    """Whether Alertmanager is that of docker-compose.observability.yaml, which asks who is there."""


def dags(url: str) -> list[DagFacts]:
    """What the metadata database knows of all DAGs. Raises WindsockError where it can't be read."""
    # A folder's own module, which the core looks up by its name: it needs the extra `exporter`.
    once = importlib.import_module("windsock.exporter.database.once")
    text = once.look_once(settings.validate(Source(values={}, file="")), url).exposition
    families = (one for one in text_string_to_metric_families(text) if one.name == "airflow_db_dag_info")
    labels = (sample.labels for family in families for sample in family.samples)
    return [
        DagFacts(one["dag_id"], owners_of(one.get("owner")), tuple(filter(None, one.get("tags", "").split(","))))
        for one in labels
    ]


def unclaimed(found: Iterable[DagFacts], config: Settings) -> list[DagFacts]:
    """The DAGs that no team of `config` has."""
    return [dag for dag in found if teams.route(dag, config)[0] == teams.UNKNOWN]


def table(found: Iterable[DagFacts]) -> list[str]:
    """Lines below `teams:` for these DAGs: a team for each tag `team:NAME`, and for each owner of DAGs without one."""
    tags: dict[str, int] = {}
    owners: dict[str, int] = {}
    for dag in found:
        marked = [tag for tag in dag.tags if _TAG.fullmatch(tag)]
        for tag in marked:
            tags[tag] = tags.get(tag, 0) + 1
        for owner in set(dag.owners) - _NOBODY if not marked else ():
            owners[owner] = owners.get(owner, 0) + 1
    return list(_lines(tags, owners))[:_MOST_TEAMS]


def _lines(tags: Mapping[str, int], owners: Mapping[str, int]) -> Iterator[str]:
    named: dict[str, dict[str, str]] = {}
    for tag in sorted(tags):
        named.setdefault(_slug(tag.removeprefix("team:")), {})["tag"] = tag
    for owner in sorted(owners):
        named.setdefault(_slug(owner), {})["owner"] = owner
    for name, match in named.items():
        count = tags.get(match.get("tag", ""), 0) + owners.get(match.get("owner", ""), 0)
        # JSON is YAML, whatever a name holds.
        said = ", ".join(f"{key}: {json.dumps(value)}" for key, value in match.items())
        yield f"  {name}: {{match: {{{said}}}, slack: {json.dumps(f'#{name}')}}}  # {count} DAG{'s' * (count != 1)}"


def _slug(text: str) -> str:
    """A team's name, and a Slack channel's: of what both may be made of."""
    return re.sub(r"[^a-z0-9_-]+", "-", text.lower()).strip("-")[:60] or "team"


def windsock_yaml(answers: Answers, found: Iterable[DagFacts]) -> str:
    """The text of the file."""
    lines = [
        "# Made by `windsock init`, and yours from now on: it is not written again.",
        f"cluster: {json.dumps(answers.cluster)}  # on every series and alert",
    ]
    if answers.database:
        lines += [
            f'metadata: {{url: "${{{answers.database}}}"}}  # a role that may only read: `windsock metadata grants`'
        ]
    if answers.alertmanager:
        login = ', http: {username: windsock, password: "${WEB_PASSWORD}"}' if answers.login else ""
        lines += [f"alertmanager: {{urls: [{json.dumps(answers.alertmanager)}]{login}}}"]
    if answers.links:
        lines += ["links:", *(f"  {name}: {json.dumps(url)}" for name, url in answers.links.items())]
    lines += [
        f'channels: {{slack: {{token: "${{{answers.token}}}"}}}}',
        f"defaults: {{slack: {json.dumps(answers.channel)}}}  # the DAGs of no team",
    ]
    proposed = table(found)
    lines += ["# As the database has them: look through it.", "teams:", *proposed] if proposed else []
    lines += [
        "callbacks:",
        "  attach: [{on: [failure, success]}]  # to every DAG, without a change of its own",
    ]
    return "\n".join(lines) + "\n"
