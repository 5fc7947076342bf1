"""The `windsock` command: each folder brings its own sub-commands, loaded only when one of them is asked for."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

import click

from windsock import __version__, settings
from windsock.exceptions import WindsockError
from windsock.extras import MissingPackageError

if TYPE_CHECKING:
    from collections.abc import Callable

_Command = TypeVar("_Command", bound="Callable[..., Any]")

# name: (module, what `windsock --help` says of it, so that the help imports nothing)
COMMANDS = {
    "init": ("windsock.attaching.commands", "Write a first windsock.yaml, and what goes into Airflow."),
    "up": ("windsock.demo.stack.commands", "Start the whole stack on this machine, with a demo Airflow."),
    "doctor": ("windsock.doctor.commands", "Say what is wrong with an installation, and how to mend it."),
    "inbox": ("windsock.demo.inbox.commands", "A local Slack, Teams, PagerDuty and mail server, with a page."),
    "exporter": ("windsock.exporter.commands", "StatsD in, Prometheus out."),
    "explain": ("windsock.exporter.commands", "Say what a StatsD line becomes, and why."),
    "otel": ("windsock.exporter.otlp.commands", "Configure an OpenTelemetry collector for Airflow's metrics."),
    "metadata": ("windsock.exporter.database.commands", "Read Airflow's metadata database once; a role for it."),
    "reconcile": ("windsock.exporter.reconciler.commands", "Tell Alertmanager what the metadata database knows."),
    "dashboards": ("windsock.dashboards.commands", "Build Grafana dashboards."),
    "alerts": ("windsock.alerts.commands", "Build and test Prometheus rules and Alertmanager routes."),
    "slo": ("windsock.alerts.slo", "Say how the promises of windsock.yaml are kept, and what may still go wrong."),
    "logs": ("windsock.logging.commands", "Ship Airflow's logs to Elasticsearch with Filebeat, and read them back."),
    "notify": ("windsock.callbacks.commands", "Send a test, see messages and what waits."),
    "docs": ("windsock.manual.commands", "Serve the documentation, with its search, without the network."),
    "config": ("windsock.settings.commands", "Show the effective configuration and its schema."),
}


class _Lazy(click.Group):
    """A group whose commands are imported by name, and whose errors are one message and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = getattr(importlib.import_module(COMMANDS[cmd_name][0]), cmd_name)
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise click.UsageError(f"No such command {args[0]!r}. There are: {', '.join(COMMANDS)}.", ctx)
        return super().resolve_command(ctx, args)


@click.group(
    cls=_Lazy,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    epilog="Example: windsock up --check     starts everything, waits for the demo's page, and stops.",
)
@click.version_option(__version__, prog_name="windsock")
def windsock() -> None:
    """Observability and alerting for Apache Airflow: never blind, never late, never noisy."""


def config_option(command: _Command) -> _Command:
    """Add `--config FILE` to a command; its function gets `config: Path | None`."""
    return click.option(
        "--config",
        type=click.Path(path_type=Path),
        help="windsock.yaml; without it $WINDSOCK_CONFIG, ./windsock.yaml, /etc/windsock/windsock.yaml.",
    )(command)


def load(config: Path | None, **overrides: Any) -> settings.Settings:
    """Return the settings with what was given on the command line over them: `exporter__web__listen="…"`."""
    given = {key.replace("__", "."): value for key, value in overrides.items() if value not in (None, ())}
    return settings.load(config, overrides={key: (value, _option(key)) for key, value in given.items()})


def _option(key: str) -> str:
    """The option of the running command that sets `key`: exporter.statsd.read_buffer is --read-buffer."""
    context = click.get_current_context(silent=True)
    options = [option for option in context.command.params if option.name] if context else []
    fitting = [option for option in options if key.replace(".", "_").endswith(f"_{option.name}")]
    return max(fitting, key=lambda option: len(option.name or "")).opts[0] if fitting else key


def main() -> None:
    """Run the command; exit 0: good, 1: it failed, 2: wrong usage or configuration."""
    try:
        code = windsock.main(standalone_mode=False)
        sys.exit(code if isinstance(code, int) else 0)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.exceptions.Exit as error:
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit(130)
    except BrokenPipeError:
        sys.exit(0)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] == "windsock":
            raise
        _fail(MissingPackageError(error.name, _named()))
    except WindsockError as error:
        _fail(error)


def _fail(error: WindsockError) -> NoReturn:
    click.echo(f"windsock: {error}", err=True)
    sys.exit(error.exit_code)


def _named() -> str:
    """The command that was asked for, as far as the command line tells."""
    name = next((word for word in sys.argv[1:] if word in COMMANDS), "")
    return f"`windsock {name}`" if name else "windsock"


if __name__ == "__main__":
    main()
