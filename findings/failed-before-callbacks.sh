#!/usr/bin/env bash
# Airflow 3.3.2 writes a failed task's state to its database before the task's callbacks run: whoever reads the database
# sees a failure that its callback has yet to tell of.
#
# Seen with apache-airflow 3.3.2 (SQLite, LocalExecutor, `airflow standalone`), where the callback takes 10 s:
#   failed in the database 11.6 s before the callback returned; end_date 11.8 s before
# A second reader of the database has to wait for as long as callbacks may take ([core] task_success_overtime, 20 s), or
# it tells of the failure without the exception. Fails if the state comes only when the callback has returned.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap '[ -z "${pid:-}" ] || kill -- -"$pid" 2>/dev/null || true; sleep 2; rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check -r "$here/demo/stack/requirements/airflow-3.3.2.txt"
mkdir "$folder/dags"
cat > "$folder/dags/slow.py" <<'DAG'
import os
import time
from datetime import datetime

from airflow.sdk import DAG, task


def tell(context):
    note("begins")
    time.sleep(10)
    note("returns")


def note(what):
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{time.time()} callback {what}\n")


with DAG("slow", schedule="@once", start_date=datetime(2026, 1, 1), catchup=True):

    @task(on_failure_callback=tell)
    def fail():
        raise ValueError("no price")

    fail()
DAG
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
export AIRFLOW_HOME="$folder/home" NOTES="$folder/notes" AIRFLOW__CORE__DAGS_FOLDER="$folder/dags"
export AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False
export AIRFLOW__API__HOST=127.0.0.1 AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True
AIRFLOW__API__PORT=$(free) AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT=$(free) AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT=$(free)
export AIRFLOW__API__PORT AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL="http://127.0.0.1:$AIRFLOW__API__PORT/execution/"
: > "$NOTES"
PATH="$folder/env/bin:$PATH" setsid airflow standalone > "$folder/log" 2>&1 &
pid=$!
"$folder/env/bin/python" - "$AIRFLOW_HOME/airflow.db" "$NOTES" <<'LOOK'
import importlib.metadata
import sqlite3
import sys
import time
from datetime import datetime, timezone

path, notes = sys.argv[1:]
seen, end = None, time.time() + 300
while time.time() < end:
    time.sleep(0.1)
    if seen is None:
        try:
            file = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
            row = file.execute("SELECT end_date FROM task_instance WHERE dag_id = 'slow' AND state = 'failed'").fetchone()
            file.close()
        except sqlite3.Error:
            continue
        if row:
            seen = time.time(), datetime.fromisoformat(row[0]).replace(tzinfo=timezone.utc).timestamp()
    told = dict((what, float(at)) for at, _, what in (line.split() for line in open(notes)))
    if "returns" in told and seen:
        break
else:
    sys.exit("the task did not fail, or its callback did not return, within five minutes")
ahead = told["returns"] - seen[0]
print(f"apache-airflow {importlib.metadata.version('apache-airflow')}")
print(f"failed in the database {ahead:.1f} s before the callback returned; end_date {told['returns'] - seen[1]:.1f} s before")
sys.exit(0 if ahead > 8 else "changed: the database is told when the callback has returned")
LOOK
