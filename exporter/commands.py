"""`windsock exporter` and `windsock explain`."""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import resource
import select
import signal
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
from click.core import ParameterSource

from windsock import cli
from windsock.exceptions import WindsockError
from windsock.extras import MissingPackageError
from windsock.redaction import logs
from windsock.settings.exporter import Naming

from .compat.commands import import_mapping

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from windsock.settings import Settings
    from windsock.settings.exporter import Exporter as ExporterSettings

    from .service import Service

log = logging.getLogger(__name__)

_STATUS_EVERY = 10.0
_FILES = 8192


@click.group(
    invoke_without_command=True,
    subcommand_metavar="[COMMAND]",
    epilog="Example: windsock exporter --statsd-listen udp://0.0.0.0:9125 --web-listen 0.0.0.0:9102",
)
@click.option(
    "--statsd-listen", multiple=True, metavar="URL", help="udp://HOST:PORT, tcp://…, unixgram:///PATH; again for more."
)
@click.option("--web-listen", metavar="HOST:PORT", help="Where /metrics is served.")
@click.option("--read-buffer", metavar="BYTES", help="The kernel's receive buffer, such as 32MiB.")
@click.option(
    "--naming",
    type=click.Choice(get_args(Naming)),
    help="Whose metric names: windsock's own (prometheus), the official Helm chart's, or statsd_exporter's.",
)
@click.option("--mapping-config", metavar="FILE", help="A statsd_exporter mapping file, used as it is.")
@click.option("--check-config", is_flag=True, help="Check the configuration and end.")
@cli.config_option
@click.pass_context
def exporter(  # noqa: PLR0913  one for each option
    context: click.Context,
    *,
    config: Path | None,
    statsd_listen: tuple[str, ...],
    web_listen: str | None,
    read_buffer: str | None,
    naming: str | None,
    mapping_config: str | None,
    check_config: bool,
) -> None:
    """StatsD in, Prometheus out: Airflow's metrics under right names, with right units, each fact once."""
    if context.invoked_subcommand is not None:
        return
    from . import configuration, parts, systemd  # noqa: PLC0415  --help needs none of it

    given = {
        "exporter__statsd__listen": list(statsd_listen) or None,
        "exporter__web__listen": web_listen,
        "exporter__statsd__read_buffer": read_buffer,
        "exporter__naming": naming,
        "exporter__mapping_config": mapping_config,
    }

    def read() -> Settings:
        return cli.load(config, **given)

    settings = read()
    origin = configuration.origin(config, _options())
    if check_config:
        for line in configuration.check(settings, origin):
            click.echo(line)
        return
    from .service import Service  # noqa: PLC0415  --help and --check-config need no sockets

    logs.configure()
    _allow_files()
    collect_less()
    inherited = systemd.sockets(settings.exporter.web.listen)
    made = parts.make(settings)
    with (
        _signals() as signals,
        Service(settings, reread=read, origin=origin, inherited=inherited, parts=made) as service,
    ):
        click.echo(f"listening on {', '.join(service.addresses())}; metrics on {service.web.url}")
        if service.otlp is not None:
            log.info("OpenTelemetry: listening on %s", service.otlp.url)
        if service.grpc is not None:
            log.info("OpenTelemetry, gRPC: listening on %s", service.grpc.url)
        if service.forward is not None:
            log.info("OpenTelemetry: all series are passed on every %g s", settings.exporter.otlp.forward_interval)
        prefix = settings.exporter.statsd.prefix
        log.info("StatsD: listening on %s, for names that begin with %r", ", ".join(service.addresses()), prefix)
        for name, said in made.lines(settings):
            log.info("%s: %s", name, said)
        _attend(service, signals)


def _options() -> list[str]:
    """The options that were given and that set something."""
    context = click.get_current_context()
    return [
        parameter.opts[0]
        for parameter in context.command.params
        if parameter.name not in (None, "config", "check_config")
        and context.get_parameter_source(parameter.name) is ParameterSource.COMMANDLINE
    ]


@contextlib.contextmanager
def _signals() -> Iterator[socket.socket]:
    """A socket from which the numbers of signals can be read, whichever thread they arrive in."""
    reader, writer = socket.socketpair()
    with reader, writer:
        writer.setblocking(False)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: None)
        signal.set_wakeup_fd(writer.fileno())
        try:
            yield reader
        finally:
            signal.set_wakeup_fd(-1)


def _attend(service: Service, signals: socket.socket) -> None:
    """Do what signals ask for, and tell the service manager how it goes, until a signal ends it."""
    from . import systemd  # noqa: PLC0415  --help needs none of it

    watchdog = systemd.watchdog_seconds()
    wait = min(_STATUS_EVERY, watchdog / 2) if watchdog else _STATUS_EVERY
    systemd.notify("READY=1", f"STATUS={service.status()}")
    while True:
        arrived = signals.recv(64) if select.select([signals], [], [], wait)[0] else b""
        if signal.SIGTERM in arrived or signal.SIGINT in arrived:
            break
        if signal.SIGHUP in arrived:
            with contextlib.suppress(WindsockError):  # it is logged, and the old configuration stays
                service.reload()
        systemd.notify(*(["WATCHDOG=1"] if service.alive() else []), f"STATUS={service.status()}")
    systemd.notify("STOPPING=1")


def _allow_files() -> None:
    """Let the process have as many connections as its listeners allow: the usual limit of 1024 files is too low."""
    with contextlib.suppress(ValueError, OSError):
        now, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(now, min(most, _FILES)), most))


def collect_less() -> None:
    """Look for cyclic garbage less often: of StatsD there is next to none, and new series cost a seventh more."""
    gc.freeze()
    gc.set_threshold(50_000)


exporter.add_command(import_mapping)


@click.command(epilog="Example: windsock explain 'airflow.ti.finish,dag_id=d,task_id=t,state=failed:1|c'")
@click.argument("lines", nargs=-1)
@click.option("--otlp", type=click.Path(path_type=Path), metavar="FILE", help="Exports of OpenTelemetry's metrics.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a sample.")
@cli.config_option
def explain(config: Path | None, lines: tuple[str, ...], otlp: Path | None, *, as_json: bool) -> None:
    """Say what each StatsD line becomes, and why; without LINES, those on standard input.

    With --otlp it is what becomes of the exports in a file: one as it is posted, or a collector's, line by line.
    """
    from .compat.choice import choose  # noqa: PLC0415  as above
    from .explanation import explain as explain_line  # noqa: PLC0415  --help needs none of it
    from .series.metrics import metrics  # noqa: PLC0415  as above

    settings = cli.load(config).exporter
    if otlp is not None:
        _show(_explain_exports(otlp, settings), "point", as_json=as_json)
        return
    translator, _ = choose(settings, metrics(settings))
    for line in lines or sys.stdin:
        raw = line.rstrip("\r\n").encode(errors="surrogateescape")
        _show(explain_line(raw, translator), "sample", as_json=as_json)


def _explain_exports(file: Path, settings: ExporterSettings) -> Iterator[dict[str, Any]]:
    from .series.metrics import metrics  # noqa: PLC0415  as above

    try:
        from .otlp.explanation import explain  # noqa: PLC0415  its package is another extra
    except ImportError:
        raise MissingPackageError("opentelemetry", "--otlp") from None
    return explain(file, settings, metrics(settings))


def _show(entries: Iterable[dict[str, Any]], title: str, *, as_json: bool) -> None:
    for entry in entries:
        if as_json:
            click.echo(json.dumps(entry))
            continue
        click.echo(entry.pop(title, "all of it"))
        for name, value in entry.items():
            if value not in ([], ""):
                click.echo(f"  {name + ':':12} {'; '.join(value) if isinstance(value, list) else value}")
