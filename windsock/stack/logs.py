"""`windsock up --logs`: Elasticsearch and Filebeat, which come up beside the stack that runs already.

The first start builds Filebeat and fetches Elasticsearch: minutes, in which everything else works. Airflow shows its
files until then. What goes wrong here ends nothing else.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from windsock.exceptions import StackError

from . import parts, shipping
from .process import Part, Process

if TYPE_CHECKING:
    from collections.abc import Callable

    from .folder import Folder
    from .stack import Stack

PATIENCE = 240.0
"""Seconds for Elasticsearch to get ready: 15 on an idle machine."""


def begin(folder: Folder, running: Stack, say: Callable[[str], None]) -> None:
    """Start both in the background; they are added to the stack's processes as they start."""

    def run() -> None:
        try:
            _start(folder, running, say)
        except (StackError, OSError) as error:
            say(f"no logs are shipped: {error}")

    threading.Thread(target=run, name="logs", daemon=True).start()


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
    say("filebeat is ready: Airflow's pages show the logs of finished tasks out of Elasticsearch")


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
