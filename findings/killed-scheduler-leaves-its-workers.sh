#!/usr/bin/env bash
# A scheduler of Airflow 3.3.2 that is killed (SIGKILL, or by the kernel for want of memory) leaves the idle workers of its
# LocalExecutor and its log server behind: they do not notice that it is gone.
#
# Seen with apache-airflow 3.3.2 (SQLite, LocalExecutor with its default parallelism of 32), 30 s after the kill:
#   workers: 32 before, 32 after; log server: 1 before, 1 after
# Fails if the workers end by themselves.
set -euo pipefail
here=$(cd "$(dirname "$0")/.." && pwd)
folder=$(mktemp -d)
trap '[ -z "${pid:-}" ] || kill -9 -- -"$pid" 2>/dev/null || true; sleep 1; rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check -r "$here/demo/stack/requirements/airflow-3.3.2.txt"
mkdir "$folder/dags"
export AIRFLOW_HOME="$folder/home" AIRFLOW__CORE__DAGS_FOLDER="$folder/dags" AIRFLOW__CORE__LOAD_EXAMPLES=False
AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
export AIRFLOW__LOGGING__WORKER_LOG_SERVER_PORT AIRFLOW__CORE__EXECUTOR=LocalExecutor
"$folder/env/bin/airflow" db migrate > "$folder/log" 2>&1
setsid "$folder/env/bin/airflow" scheduler >> "$folder/log" 2>&1 &
pid=$!
# All that it starts is of its process group.
count() { ps -eo pgid=,args= | awk -v group="$pid" -v what="$1" '$1 == group && index($0, what)' | wc -l; }
for _ in $(seq 120); do
  [ "$(count LocalExecutor)" -lt 32 ] || [ "$(count serve-logs)" -lt 1 ] || break
  sleep 1
done
before=$(count LocalExecutor) server=$(count serve-logs)
kill -9 "$pid"
sleep 30
after=$(count LocalExecutor)
echo "workers: $before before, $after after; log server: $server before, $(count serve-logs) after"
[ "$before" -eq 32 ] && [ "$after" -eq "$before" ]
