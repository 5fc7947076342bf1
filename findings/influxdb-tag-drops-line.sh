#!/usr/bin/env bash
# With statsd_influxdb_enabled, Airflow 3.3.2 does not send a metric at all when one of its tags has a character that a
# metric's name may not have: a pool called `night shift` has no slots, a DAG called `café` never fails.
#
# The tags are part of the name that is checked for its characters, so a space, a colon or an accent in a value loses the
# whole line (one ERROR in Airflow's log each time); a comma or an equals sign in a value loses that tag alone. The same
# values arrive with statsd_datadog_enabled. All are names that Airflow accepts for pools and DAGs.
# Seen with apache-airflow 3.3.2 and statsd 4.0.1:
#   night shift  nothing
#   café         nothing
#   day,night    pool.open_slots:5|g
#   default_pool pool.open_slots,pool_name=default_pool:5|g
# Fails if that changes.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check -r "$here/demo/stack/requirements/airflow-3.3.2.txt"
AIRFLOW_HOME="$folder/home" "$folder/env/bin/python" - 2>"$folder/errors" <<'LOOK'
import importlib.metadata
import socket
import sys

from airflow._shared.observability.metrics.statsd_logger import get_statsd_logger
from statsd import StatsClient

WANTED = {
    "night shift": "nothing",
    "café": "nothing",
    "day,night": "pool.open_slots:5|g",
    "default_pool": "pool.open_slots,pool_name=default_pool:5|g",
}
receiver = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
receiver.bind(("127.0.0.1", 0))
receiver.settimeout(1)
logger = get_statsd_logger(
    stats_class=StatsClient,
    host="127.0.0.1",
    port=receiver.getsockname()[1],
    influxdb_tags_enabled=True,
    statsd_influxdb_enabled=True,
)
seen = {}
for pool in WANTED:
    logger.gauge("pool.open_slots", 5, tags={"pool_name": pool})
    try:
        seen[pool] = receiver.recv(1000).decode()
    except TimeoutError:
        seen[pool] = "nothing"
print(*(f"{name} {importlib.metadata.version(name)}" for name in ("apache-airflow", "statsd")))
for pool, line in seen.items():
    print(f"{pool:12} {line}")
sys.exit(None if seen == WANTED else "changed")
LOOK
