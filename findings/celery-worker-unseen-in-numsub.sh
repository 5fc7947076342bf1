#!/usr/bin/env bash
# A Celery worker listens for broadcasts (ping, shutdown) on a Redis channel that is named after the application. Asked how
# many subscribe to that channel, Redis says nobody, while the worker answers what is published there.
#
# The worker's transport (Kombu) subscribes to a pattern, and Redis counts patterns for all channels together only. Whoever
# counts workers in Redis can't do it by subscribers: answers to a ping say it, and the workers' heartbeats.
# Seen with Celery 5.6.3, Kombu 5.7.0, Redis 7.0.15:
#   workers that answer a ping: 1
#   subscribers of /0.celery.pidbox: 0
#   patterns: 2
# Fails if that changes. Needs Python 3.10 with venv, and redis-server (apt-get install redis-server).
set -euo pipefail
folder=$(mktemp -d)
trap 'kill $worker $redis 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
worker= redis=
cd "$folder"
python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check "celery[redis]==5.6.3" "kombu==5.7.0"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --bind 127.0.0.1 --save "" --daemonize no >redis.log 2>&1 &
redis=$!
cat >app.py <<'APP'
import os

from celery import Celery

app = Celery("app", broker=f"redis://127.0.0.1:{os.environ['PORT']}/0")
APP
export PORT=$port
python/bin/celery -A app worker --pool solo >worker.log 2>&1 &
worker=$!
cat >count.py <<'COUNT'
import os
import time

import redis
from app import app

end = time.monotonic() + 90
while not (answers := app.control.ping(timeout=2)) and time.monotonic() < end:
    pass
server = redis.Redis(port=int(os.environ["PORT"]))
channel = "/0.celery.pidbox"
print(f"workers that answer a ping: {len(answers)}")
print(f"subscribers of {channel}: {server.pubsub_numsub(channel)[0][1]}")
print(f"patterns: {server.pubsub_numpat()}")
COUNT
found=$(python/bin/python count.py)
echo "$found"
[ "$found" = $'workers that answer a ping: 1\nsubscribers of /0.celery.pidbox: 0\npatterns: 2' ]
