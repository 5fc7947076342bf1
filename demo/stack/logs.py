"""`windsock up --logs`: Elasticsearch and Filebeat, which come up beside the stack that runs already.

The first start builds Filebeat and fetches Elasticsearch: minutes, in which everything else works. Airflow shows its
files until then. What goes wrong here ends nothing else.
"""

from __future__ import annotations

import json
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from windsock.exceptions import StackError

from . import configuration, parts, shipping
from .process import Part, Process

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .folder import Folder
    from .stack import Stack

PATIENCE = 240.0
"""Seconds for Elasticsearch to get ready: 15 on an idle machine."""


@contextmanager
def beside(folder: Folder, running: Stack, say: Callable[[str], None]) -> Iterator[None]:
    """Start both in the background of the block; they are added to the stack's processes as they start."""
    ended = threading.Event()

    def run() -> None:
        try:
            _start(folder, running, say)
        except (StackError, OSError) as error:
            if not ended.is_set():
                say(f"no logs are shipped: {error}")

    threading.Thread(target=run, name="logs", daemon=True).start()
    try:
        yield
    finally:
        # The parts are about to be ended: what fails from here on is no news.
        ended.set()


def _start(folder: Folder, running: Stack, say: Callable[[str], None]) -> None:
    server = shipping.elasticsearch(folder.home, say)
    program = shipping.filebeat(folder.home, say)
    addresses, state = running.addresses, folder.run / "elasticsearch"
    base = parts.environment(folder)
    command = shipping.configure(server, state, addresses.elasticsearch)
    health = f"{addresses.url('elasticsearch')}/_cluster/health"
    _wait(Part("elasticsearch", command, {**base, **shipping.environment(state)}, health), folder, running)
    say(f"elasticsearch is ready: {addresses.url('elasticsearch')}")
    parts.run(folder, "logs", "install", "--config", str(folder.settings))
    made = folder.run / "filebeat"
    parts.run(
        folder, "logs", "build", "--config", str(folder.settings), "--filebeat-version", "7.17", "--out", str(made)
    )
    arguments = ("-e", "-c", str(made / "filebeat.yml"), "--path.home", str(made))
    _wait(Part("filebeat", (str(program), *arguments), base, f"{addresses.url('filebeat')}/stats"), folder, running)
    say("filebeat is ready: lines can be searched, and Airflow's pages read finished tasks' back")
    watch = (*parts.WINDSOCK, "logs", "watch", "--config", str(folder.settings), "--listen", addresses.log_watch)
    _wait(Part("log-watch", watch, base, f"{addresses.url('log_watch')}/metrics"), folder, running)
    (folder.run / configuration.WATCHED).write_text(json.dumps([{"targets": [addresses.log_watch]}]))
    say(
        f"log-watch is ready: Prometheus sees whether lines arrive, and so do you: {addresses.url('log_watch')}/metrics"
    )


def _wait(part: Part, folder: Folder, running: Stack) -> None:
    process = Process(part, folder)
    end = time.monotonic() + PATIENCE
    while not process.is_ready(running.session):
        if death := process.death():
            raise StackError(f"{part.name} ended while it started ({death}); {process.tail()}")
        if time.monotonic() > end:
            raise StackError(f"{part.name} was not ready after {PATIENCE:g} s; {process.tail()}")
        time.sleep(0.5)
    running.processes.append(process)
