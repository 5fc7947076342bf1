"""`windsock inbox`."""

from __future__ import annotations

import json
import signal

import click

from .messages import KEEP
from .server import Inbox

_ENDS = (signal.SIGINT, signal.SIGTERM)


@click.command(epilog="Example: windsock inbox --listen 127.0.0.1:8025     then open http://127.0.0.1:8025")
@click.option(
    "--listen", default="127.0.0.1:8025", show_default=True, help="The page and what speaks HTTP; port 0: any."
)
@click.option("--smtp-listen", default="127.0.0.1:1025", show_default=True, help="The mail server; port 0: any.")
@click.option("--keep", default=KEEP, show_default=True, type=click.IntRange(min=1), help="How many messages to keep.")
@click.option(
    "--rate-limit",
    is_flag=True,
    help="Refuse more than one message a second a channel (Slack), four a workflow (Teams).",
)
@click.option("--json", "as_json", is_flag=True, help="The addresses as one JSON object.")
def inbox(listen: str, smtp_listen: str, keep: int, *, rate_limit: bool, as_json: bool) -> None:
    """Run a local Slack, Teams, PagerDuty and mail server with a page to look at.

    Prints one line with its addresses as soon as it takes messages, and ends on Ctrl-C.
    """
    # Blocked before the first thread starts, so that none of them gets one.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    with Inbox(listen, smtp_listen, keep=keep, rate_limit=rate_limit) as running:
        named = running.addresses
        click.echo(
            json.dumps(named)
            if as_json
            else f"inbox: {named.pop('url')} " + " ".join(f"{k}={v}" for k, v in named.items())
        )
        signal.sigwait(_ENDS)
