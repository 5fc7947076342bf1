"""Airflow's own settings, as the doctor sees them: do its metrics go to the exporter, and all that the rules need?"""

from __future__ import annotations

import ipaddress
import os
import re
import socket
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from windsock import __version__, catalog
from windsock.airflow import configured, processes
from windsock.alerts.rules import GROUPS
from windsock.doctor.finding import Finding
from windsock.settings.sources import SYSTEM

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from windsock.airflow.configured import Configured
    from windsock.airflow.processes import Process
    from windsock.settings import Settings

_LONGEST = 200
"""Characters of a pattern that is tried."""
_SHOWN = 5
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_WRITES = 120.0
"""Seconds after its start in which Airflow itself may write airflow.cfg, where there was none."""
_RESTART = "and restart Airflow's processes."
_CLIENTS = {"statsd_on": "statsd", "statsd_datadog_enabled": "datadog", "otel_on": "opentelemetry"}
"""By the key of [metrics]: the package without which Airflow sends nothing, and says so in its log alone."""


def examine(settings: Settings) -> Iterator[Finding]:
    """Yield what is found in this host's configuration of Airflow; of the others nothing is known here.

    What runs has the variables that a service manager gave it, which no shell has: they go before this process' own.
    """
    those = processes.running(os.environ.get("AIRFLOW_HOME"))
    for environment in sorted({one.packages for one in those}, key=str):
        yield from _running([one for one in those if one.packages == environment], settings)
    if those:
        return
    found = configured.read()
    looked_at = f"Airflow's settings here ({found.origin or 'none'})"
    if not found.origin:
        yield Finding(
            "airflow.settings",
            "unseen",
            "Neither $AIRFLOW_HOME/airflow.cfg nor AIRFLOW__… variables are here.",
            "Run `windsock doctor` where a scheduler or worker of Airflow runs, too.",
            looked_at,
        )
        return
    for check, found_so, mend in _metrics(found, settings, os.environ):
        yield Finding(f"airflow.{check}", "critical", found_so, mend, looked_at)


def _running(those: list[Process], settings: Settings) -> Iterator[Finding]:
    """Of one Airflow. Where no process that sends metrics shows its variables, what others have is no proof."""
    shown = [one for one in those if one.environ and one.component in processes.SENDERS]
    hint = next((one for one in (*shown, *those) if one.environ), None)
    environ = hint.environ if hint else os.environ
    found = configured.read(environ)
    named = f"{shown[0].component}, process {shown[0].pid}" if shown else f"{those[0].component} hides its variables"
    looked_at = f"Airflow's settings here ({found.origin or 'none'}; {named})"
    said = set()
    for check, found_so, mend in (*_packages(those, found, settings), *_metrics(found, settings, environ)):
        said.add(found_so)
        if shown:
            yield Finding(f"airflow.{check}", "critical", found_so, mend, looked_at)
        else:
            perhaps = f"Unless its own variables say otherwise: {found_so}"
            yield Finding(f"airflow.{check}", "unseen", perhaps, mend, looked_at)
    for one in shown[1:]:
        another = configured.read(one.environ)
        where = f"Airflow's settings here ({another.origin or 'none'}; {one.component}, process {one.pid})"
        for check, found_so, mend in _metrics(another, settings, one.environ):
            if found_so not in said:
                said.add(found_so)
                yield Finding(f"airflow.{check}", "critical", found_so, mend, where)
    yield from _versions(those, looked_at)
    yield from _restart(those, found, looked_at)


def _packages(those: list[Process], found: Configured, settings: Settings) -> Iterator[tuple[str, str, str]]:
    """What the processes can't import, and what they can't read."""
    wanted = [(package, f"[metrics] {key} is set") for key, package in _CLIENTS.items() if found.is_on("metrics", key)]
    if settings.callbacks.attach:
        wanted.append(("windsock", "callbacks.attach is set in windsock.yaml"))
    for package, why in wanted:
        lacking = sorted({one.component for one in those if not one.has(package)})
        if lacking:
            yield (
                f"{package}_package",
                f"{why}, and the package {package} is not installed where {', '.join(lacking)} runs.",
                f"`pip install {package}` in that environment, {_RESTART}",
            )
    blind = sorted(
        {one.component for one in those if one.environ and one.component in processes.SENDERS and _is_blind(one)}
    )
    if settings.callbacks.attach and blind:
        yield (
            "windsock_config",
            f"callbacks.attach is set in this windsock.yaml, and {', '.join(blind)} reads none: nothing is attached.",
            f"Give Airflow's processes the variable WINDSOCK_CONFIG, {_RESTART}",
        )


def _is_blind(process: Process) -> bool:
    """Whether it finds no settings of windsock's: neither a file nor single variables."""
    return not SYSTEM.is_file() and not any(name.startswith("WINDSOCK_") for name in process.environ)


def _versions(those: list[Process], looked_at: str) -> Iterator[Finding]:
    """Callbacks and exporter speak to each other, and are made for one version."""
    others = {one.component: version for one in those if (version := one.version("windsock")) not in {"", __version__}}
    for component, version in others.items():
        yield Finding(
            "airflow.windsock_version",
            "warning",
            f"Where {component} runs, windsock {version} is installed, and this is {__version__}.",
            f"`pip install windsock=={__version__}` in that environment, {_RESTART}",
            looked_at,
        )


def _restart(those: list[Process], found: Configured, looked_at: str) -> Iterator[Finding]:
    """Airflow reads its file when a process starts."""
    changed = found.changed()
    old = [
        f"{one.component} (process {one.pid})"
        for one in those
        if changed is not None and one.started + _WRITES < changed
    ]
    if old:
        yield Finding(
            "airflow.restart",
            "warning",
            f"airflow.cfg was changed after these had started, and they go on with what it said: {', '.join(old)}.",
            "Restart them.",
            looked_at,
        )


def _metrics(found: Configured, settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    yield from _statsd(found, settings, environ)
    yield from _hidden(found)


def _statsd(found: Configured, settings: Settings, environ: Mapping[str, str]) -> Iterator[tuple[str, str, str]]:
    if not found.is_on("metrics", "statsd_on"):
        listen = settings.exporter.otlp.listen or settings.exporter.otlp.grpc
        yield from _without_statsd(found, listen, environ)
        return
    host, port = found.get("metrics", "statsd_host", "localhost"), found.get("metrics", "statsd_port", "8125")
    listening = [urlsplit(url) for url in settings.exporter.statsd.listen if url.startswith("udp")]
    ports = sorted({str(one.port) for one in listening if one.port})
    if ports and port not in ports:
        yield (
            "statsd_port",
            f"Airflow sends to {host}:{port}, and the exporter listens on port {' and '.join(ports)}.",
            f"Set [metrics] statsd_port = {ports[0]}, {_RESTART}",
        )
    elif listening and all(map(_is_loopback, (one.hostname or "" for one in listening))) and not _is_loopback(host):
        yield (
            "statsd_host",
            f"Airflow sends to {host}, and the exporter listens on {listening[0].netloc}, for its own host alone.",
            f"Set exporter.statsd.listen: [udp://0.0.0.0:{ports[0] if ports else port}].",
        )
    elif not _is_known(host):
        yield (
            "statsd_host",
            f"Airflow sends to {host}, a name that this host can't resolve.",
            f"Set [metrics] statsd_host to the exporter's, {_RESTART}",
        )
    prefix, expected = found.get("metrics", "statsd_prefix", "airflow"), settings.exporter.statsd.prefix
    if prefix != expected:
        yield (
            "statsd_prefix",
            f"Airflow's names begin with {prefix!r}, and exporter.statsd.prefix is {expected!r}.",
            f'Set exporter.statsd.prefix: "{prefix}", and restart the exporter.',
        )


def _without_statsd(
    found: Configured, listen: str | None, environ: Mapping[str, str]
) -> Iterator[tuple[str, str, str]]:
    """Either OpenTelemetry brings the metrics, or nothing does."""
    statsd = f"Set [metrics] statsd_on = True, with the exporter as statsd_host and statsd_port, {_RESTART}"
    if not found.is_on("metrics", "otel_on"):
        yield "statsd_off", "Airflow sends no metrics: neither statsd_on nor otel_on is set.", statsd
    elif listen is None:
        yield (
            "statsd_off",
            "Airflow sends its metrics as OpenTelemetry's (otel_on), and the exporter takes none.",
            "Set exporter.otlp.listen, and let Airflow's otel_host and otel_port lead there.",
        )
    else:
        port, wanted = found.get("metrics", "otel_port", "8889"), listen.rpartition(":")[2]
        # Both of OpenTelemetry's own variables go before Airflow's port.
        if wanted not in {port, "0"} and not any(name in environ for name in _ENDPOINTS):
            yield (
                "otel_port",
                f"Airflow sends OpenTelemetry's metrics to port {port}, and the exporter takes them on {listen}.",
                f"Set [metrics] otel_port = {wanted}, {_RESTART}",
            )
        host = found.get("metrics", "otel_host", "localhost")
        if not any(name in environ for name in _ENDPOINTS) and not _is_known(host):
            yield (
                "otel_host",
                f"Airflow sends OpenTelemetry's metrics to {host}, a name that this host can't resolve.",
                f"Set [metrics] otel_host to the exporter's, {_RESTART}",
            )


def _hidden(found: Configured) -> Iterator[tuple[str, str, str]]:
    """What the lists of Airflow keep from rules, whether it takes their entries for beginnings (2) or patterns (3)."""
    for key, wanted in (("metrics_allow_list", True), ("metrics_block_list", False)):
        entries = [one.strip().lower() for one in found.get("metrics", key).split(",") if one.strip()]
        if not entries:
            continue
        lost = [name for name in _needed() if all(one(name, entries) is not wanted for one in (_begins, _matches))]
        if lost:
            shown = ", ".join(lost[:_SHOWN]) + (f" and {len(lost) - _SHOWN} more" if len(lost) > _SHOWN else "")
            yield (
                key.removeprefix("metrics_"),
                f"[metrics] {key} keeps back what rules read: {shown}.",
                f"{'Add them to' if wanted else 'Take them from'} {key}, {_RESTART}",
            )
        return  # with an allow list, Airflow does not read the other


def _needed() -> list[str]:
    """Airflow's names of the metrics that rules read."""
    groups = [group for group in GROUPS if group.rules]
    rules, records = ([one.expr for group in groups for one in getattr(group, kind)] for kind in ("rules", "records"))
    words = {word for expr in (*rules, *records) for word in re.findall(r"\w+", expr)}
    return sorted(
        metric.name
        for metric in catalog.airflow()
        if words & {metric.family, f"{metric.family}_count", f"{metric.family}_sum", f"{metric.family}_bucket"}
    )


def _begins(name: str, entries: list[str]) -> bool:
    return name.startswith(tuple(entries))


def _matches(name: str, entries: list[str]) -> bool:
    for entry in entries:
        try:
            if len(entry) <= _LONGEST and re.search(entry, name):
                return True
        except re.error:
            continue
    return False


def _is_known(host: str) -> bool:
    try:
        return bool(socket.getaddrinfo(host, None))
    except (OSError, UnicodeError):
        return False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
