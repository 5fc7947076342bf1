"""A success, to the Alertmanagers: the alerts that it ends, at each peer by itself."""

from __future__ import annotations

import time
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from windsock.alertmanager import Alertmanager, credentials
from windsock.callbacks import bounded, spool, success
from windsock.events import DAG_RUN_FAILED, RECONCILING, TASK_FAILED, TASK_RETRYING, in_order, rfc3339, unix
from windsock.exceptions import SettingsError

from .alertmanager import PENDING, conclude, keep
from .result import Delivery

if TYPE_CHECKING:
    from windsock.alertmanager import PeerResult
    from windsock.events import Event
    from windsock.settings import Settings

Alerts = list[dict[str, Any]]
"""As Alertmanager shows them."""
_REQUESTS = 4
"""The time is shared by three questions at most, and the post."""


def end(event: Event, settings: Settings, deadline: float) -> Delivery:
    """End the alerts that the success `event` ends."""
    now = time.time()
    try:
        results, ended = resolve(event, settings, deadline, now)
    except SettingsError as error:
        claim = keep(settings, spool.Entry.new("resolved", event, PENDING, created=now))
        return conclude(claim, settings, event, [("", error.problems[0])], "settings")
    if all(problem is None for _, problem in results):
        return Delivery("", f"{len(results)} Alertmanagers, {ended} alerts ended")
    # Peers do not tell each other: an alert that one of them keeps would fire on.
    claim = keep(settings, spool.Entry.new("resolved", event, PENDING, created=now))
    partly = any(problem is None for _, problem in results)
    found = conclude(claim, settings, event, [each for each in results if each[1] is not None])
    return found._replace(problem="") if partly else found


def resolve(event: Event, settings: Settings, deadline: float, before: float) -> tuple[list[PeerResult], int]:
    """End what `event`, a success at the Unix time `before`, ends; returns how many alerts that were, too.

    Raises SettingsError for a credential that can't be had here.
    """
    http = credentials(settings.alertmanager.http)

    def at(url: str) -> tuple[PeerResult, int]:
        client = Alertmanager(settings.alertmanager.model_copy(update={"urls": (url,)}), http)
        try:
            found = _ended(event, client, before, max(0.1, (deadline - time.monotonic()) / _REQUESTS))
        except OSError as error:
            return (url, str(error).removeprefix(f"{url}: ")), 0
        moment = rfc3339(datetime.fromtimestamp(before, timezone.utc))
        until = {name: event.annotations[name] for name in ("until",) if name in event.annotations}
        ends = [
            {
                "labels": one["labels"],
                "annotations": {**one["annotations"], **until},
                "startsAt": one["startsAt"],
                "endsAt": moment,
            }
            for one in found
        ]
        result: PeerResult = (url, None)
        for part in filter(None, in_order(ends)):
            result = client.post(part, max(0.0, deadline - time.monotonic()))[0]
            if result[1] is not None:
                # What goes on firing keeps what holds it back; the spool tries both again.
                break
        return result, len(found)

    urls = settings.alertmanager.urls
    done = bounded.side_by_side([lambda url=url: at(url) for url in urls], deadline)  # type: ignore[misc]  # mypy's lambdas
    late = [found or ((url, "no answer in time"), 0) for url, found in zip(urls, done, strict=True)]
    return [result for result, _ in late], max((ended for _, ended in late), default=0)


def _ended(event: Event, client: Alertmanager, before: float, seconds: float) -> Alerts:
    """Return the firing alerts that the success `event` ends. Raises OSError.

    Where a reconciler works, other runs are its business: it has a policy for them, and would take an alert that ends
    here for one that a person has resolved, for good.
    """
    ending = success.of(event, before)
    names = (TASK_FAILED, TASK_RETRYING) if event.alertname == TASK_FAILED else (event.alertname,)
    found = [
        alert
        for alert in client.find(_labels(event), seconds)
        if alert["labels"].get("alertname") in names and _ends(ending, alert)
    ]
    own = [alert for alert in found if _run(alert) == event.run_id]
    if len(own) < len(found) and client.find({"alertname": RECONCILING, "cluster": event.cluster}, seconds):
        found = own
    runs = {_run(alert) for alert in found if alert["labels"]["alertname"] == TASK_FAILED}
    return found + (_let_go(event, ending, runs, client, seconds) if runs else [])


def _let_go(event: Event, ending: success.Success, runs: set[str], client: Alertmanager, seconds: float) -> Alerts:
    """Return the alerts of those runs, which a task's alert held back: people would be told of them once it ends.

    That of the task's own run as well, if the run had failed before this try started: it was cleared, and goes on.
    """
    labels = {"alertname": DAG_RUN_FAILED, "cluster": event.cluster, "dag_id": event.dag_id}
    found = [alert for alert in client.find(labels, seconds) if _run(alert) in runs and _ends(ending, alert)]
    return [
        alert
        for alert in found
        if _run(alert) != event.run_id or (ending.started is not None and unix(alert["startsAt"]) < ending.started)
    ]


def _ends(ending: success.Success, alert: dict[str, Any]) -> bool:
    began = unix(alert["startsAt"])
    # What began since has failed since. One whose clock is ahead has not.
    is_later = ending.at < began <= time.time()
    return not is_later and ending.ends(_run(alert), alert["annotations"], began)


def _run(alert: dict[str, Any]) -> str:
    return str(alert["labels"].get("run_id", ""))


def _labels(event: Event) -> dict[str, str]:
    """The labels that an alert must have; one that is empty must be absent."""
    names = {"task_id": event.task_id, "check": event.check}
    return {"cluster": event.cluster, "dag_id": event.dag_id} | {name: value or "" for name, value in names.items()}
