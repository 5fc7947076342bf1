#!/usr/bin/env bash
# What Airflow 3.3.2 calls of a DAG while its file is parsed, or while another callback of that file runs, waits until the
# file's turn comes again: [dag_processor] min_file_process_interval, and not until the first is done.
#
# Seen with apache-airflow 3.3.2 (SQLite, LocalExecutor, `airflow standalone`), an interval of 90 s, two DAGs in one file
# that fail four seconds apart, and an on_failure_callback of the first that takes ten:
#   first: called 1.0 s after its run had failed
#   second: called 87.6 s after its run had failed, 81.7 s after the first's had returned
# So a run's failure is told late where several DAGs of a file fail at once; callbacks of tasks, which run in the task's
# own process, are not. 2.11.0 does the same (dag_processing/manager.py, start_new_processes). Fails if the second comes
# soon after the first has returned.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap '[ -z "${pid:-}" ] || kill -- -"$pid" 2>/dev/null || true; sleep 2; rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check -r "$here/demo/stack/requirements/airflow-3.3.2.txt"
mkdir "$folder/dags"
cat > "$folder/dags/two.py" <<'DAG'
import os
import time
from datetime import datetime

from airflow.sdk import DAG, task


def note(words):
    with open(os.environ["NOTES"], "a") as file:
        file.write(f"{time.time()} {words}\n")


def tell(context):
    name = context["dag"].dag_id
    note(f"{name} called")
    time.sleep(40 if name == "first" else 0)
    note(f"{name} returns")


def make(name, seconds):
    with DAG(name, schedule=None, start_date=datetime(2026, 1, 1), on_failure_callback=tell):

        @task
        def fail():
            time.sleep(seconds)
            note(f"{name} fails")
            raise ValueError("no price")

        fail()


make("first", 0)
make("second", 4)
DAG
free() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
export AIRFLOW_HOME="$folder/home" NOTES="$folder/notes" AIRFLOW__CORE__DAGS_FOLDER="$folder/dags"
export AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION=False
export AIRFLOW__API__HOST=127.0.0.1 AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS=True
export AIRFLOW__DAG_PROCESSOR__MIN_FILE_PROCESS_INTERVAL=90
AIRFLOW__API__PORT=$(free) AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT=$(free) AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT=$(free)
export AIRFLOW__API__PORT AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT AIRFLOW__LOGGING__TRIGGER_LOG_SERVER_PORT
export AIRFLOW__CORE__EXECUTION_API_SERVER_URL="http://127.0.0.1:$AIRFLOW__API__PORT/execution/"
: > "$NOTES"
PATH="$folder/env/bin:$PATH" setsid airflow standalone > "$folder/log" 2>&1 &
pid=$!
"$folder/env/bin/python" - "$AIRFLOW_HOME/airflow.db" "$NOTES" "http://127.0.0.1:$AIRFLOW__API__PORT" <<'LOOK'
import importlib.metadata
import json
import sqlite3
import sys
import time
import urllib.request
from datetime import datetime, timezone

path, notes, url = sys.argv[1:]


def ask(method, place, body=None, token=""):
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    with urllib.request.urlopen(urllib.request.Request(url + place, data, headers, method=method), timeout=30) as answer:
        return json.load(answer)


def started():
    """Both runs, once both DAGs are parsed, and their file is not in work."""
    token = ask("GET", "/auth/token")["access_token"]
    for name in ("first", "second"):
        ask("GET", f"/api/v2/dags/{name}", token=token)
    time.sleep(10)
    for name in ("first", "second"):
        ask("POST", f"/api/v2/dags/{name}/dagRuns", {"logical_date": None}, token)
    return True


begun, failed, end = False, {}, time.time() + 420
while time.time() < end:
    time.sleep(0.2)
    try:
        begun = begun or started()
        file = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
        for name, at in file.execute("SELECT dag_id, end_date FROM dag_run WHERE state = 'failed'"):
            failed[name] = datetime.fromisoformat(at).replace(tzinfo=timezone.utc).timestamp()
        file.close()
    except (OSError, sqlite3.Error):
        continue
    told = {words: float(at) for at, words in (line.strip().split(" ", 1) for line in open(notes))}
    if "second called" in told and len(failed) == 2:
        break
else:
    sys.exit("a run did not fail, or its callback was not called, within seven minutes")
after = told["second called"] - told["first returns"]
print(f"apache-airflow {importlib.metadata.version('apache-airflow')}")
print(f"first: called {told['first called'] - failed['first']:.1f} s after its run had failed")
print(
    f"second: called {told['second called'] - failed['second']:.1f} s after its run had failed, "
    f"{after:.1f} s after the first's had returned"
)
if not told["first called"] < failed["second"] < told["first returns"]:
    sys.exit("not what was meant: the second run did not fail while the first's callback ran; run it again")
sys.exit(0 if after > 30 else "changed: the second is called soon after the first has returned")
LOOK
