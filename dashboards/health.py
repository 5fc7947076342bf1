"""Grafana, as the doctor sees it: does it answer, and are its dashboards those of this windsock?"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from windsock.doctor.finding import Finding
from windsock.exceptions import SettingsError

from .build import files
from .grafana import Grafana, GrafanaError
from .push import push

if TYPE_CHECKING:
    from collections.abc import Iterator

    from windsock.settings import Settings

_TIMEOUT = 5.0


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what is found in the Grafana that `dashboards push` would write to; nothing is changed there."""
    url = settings.grafana.url or settings.links.grafana
    if url is None:
        yield Finding(
            "grafana.unknown", "unseen", "No Grafana is named.", "Set grafana.url in windsock.yaml.", "Grafana"
        )
        return
    looked_at = f"Grafana {url}"
    try:
        client = Grafana(url, settings.grafana.http, _TIMEOUT)
    except SettingsError as error:
        yield Finding(
            "grafana.token", "unseen", f"No token to ask with: {error}.", "Set grafana.http.bearer.", looked_at
        )
        return
    found: dict[str, list[str]] = defaultdict(list)
    try:
        for outcome in push(client, files(settings), settings.grafana.folder, dry=True):
            found[outcome.did].append(outcome.title)
    except GrafanaError as error:
        yield Finding("grafana.down", "warning", f"{error}.", "Mend grafana.url or its token.", looked_at)
        return
    lacking = [*found["created"], *found["updated"]]
    if lacking:
        yield Finding(
            "grafana.dashboards",
            "warning",
            f"Not there, or not those of this windsock: {', '.join(lacking)}.",
            "`windsock dashboards push`.",
            looked_at,
        )
    if found["refused"]:
        yield Finding(
            "grafana.changed",
            "good",
            f"Changed there, or provisioned from files, and left so: {', '.join(found['refused'])}.",
            "",
            looked_at,
        )
