"""`windsock docs`: the documentation without the network."""

from __future__ import annotations

import signal
import threading

import click

from windsock import loopback

from .site import Server, Site

_ENDS = (signal.SIGINT, signal.SIGTERM)


@click.command(epilog="Example: windsock docs --listen 127.0.0.1:0")
@click.option("--listen", default="127.0.0.1:8100", show_default=True, help="Loopback; port 0 takes a free one.")
def docs(listen: str) -> None:
    """Serve the documentation of this version, with its search, without the network.

    Prints its address as soon as it serves, and ends on Ctrl-C.
    """
    site = Site()
    place = loopback.address(listen, "--listen", "the documentation is for this machine")
    # Blocked before the first thread starts, so that none of them gets one.
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDS)
    with Server(loopback.bind(place, "--listen", "the documentation"), site) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        host, port = server.socket.getsockname()[:2]
        click.echo(f"documentation: http://{f'[{host}]' if ':' in host else host}:{port}/")
        signal.sigwait(_ENDS)
        server.shutdown()
