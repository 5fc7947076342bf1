#!/usr/bin/env bash
# OpenLineage's Python client tells its events before the job goes on. Where nobody listens at the address, the HTTP
# transport's defaults (five repeats, each after twice the pause) hold each event up for nine seconds: a job of a start
# and an end is 18 s longer for as long as the receiver is away. Without repeats it is told at once that nobody is there.
#
# Seen with openlineage-python 1.54.0:
#   with the defaults: 9 s an event
#   without repeats: 0 s an event
# Fails if that changes. Needs Python 3.10 with its venv module.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
python3 -m venv v
v/bin/pip install -q --disable-pip-version-check openlineage-python==1.54.0
cat >seconds.py <<'SECONDS'
import contextlib
import socket
import time
from datetime import datetime, timezone

from openlineage.client import OpenLineageClient
from openlineage.client.event_v2 import Job, Run, RunEvent, RunState
from openlineage.client.uuid import generate_new_uuid

with socket.socket() as silent:
    # Bound and not listening: it refuses, and nobody else gets the port.
    silent.bind(("127.0.0.1", 0))
    url = f"http://127.0.0.1:{silent.getsockname()[1]}"
    for said, options in {"with the defaults": {}, "without repeats": {"retry": {"total": 0}}}.items():
        client = OpenLineageClient(config={"transport": {"type": "http", "url": url, **options}})
        run, job = Run(runId=str(generate_new_uuid())), Job(namespace="shop", name="orders.load")
        now = datetime.now(timezone.utc).isoformat()
        begun = time.monotonic()
        with contextlib.suppress(OSError):
            client.emit(RunEvent(eventTime=now, eventType=RunState.START, run=run, job=job, producer="https://example.org"))
        print(f"{said}: {int(time.monotonic() - begun)} s an event")
SECONDS
v/bin/python seconds.py 2>/dev/null | tee seen
diff seen - <<'SEEN'
with the defaults: 9 s an event
without repeats: 0 s an event
SEEN
