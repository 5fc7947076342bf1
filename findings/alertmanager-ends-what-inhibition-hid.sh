#!/usr/bin/env bash
# One alert inhibits another in the same group. While both fire, the receiver is told of the first alone; when both end,
# it is told of the end of both: of one, too, whose beginning it was never told.
#
# A template that counts the alerts of a message says more for the end than it said for the beginning.
# Seen with Alertmanager 0.35.0:
#   firing: Cause
#   resolved: Cause Effect
# Fails if that changes. Needs Python 3.10, and the Go that Alertmanager's go.mod asks for; builds for some minutes.
set -euo pipefail
version=v0.35.0
folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"
module=$(go mod download -json "github.com/prometheus/alertmanager@$version" | sed -n 's/.*"Dir": "\(.*\)".*/\1/p')
cp -r "$module" source
chmod -R u+w source
# The pages are built by another tool; none of them is asked for.
for page in ui/app/dist/index.html ui/mantine-ui/dist/index.html; do
  mkdir -p "source/$(dirname "$page")"
  touch "source/$page"
done
(cd source && GOWORK=off CGO_ENABLED=0 go build -mod=readonly -buildvcs=false -o "$folder/alertmanager" ./cmd/alertmanager)

cat >ends.py <<'ENDS'
import contextlib
import json
import socket
import subprocess
import threading
import time
import urllib.request
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

told = {"firing": set(), "resolved": set()}


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        for alert in json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]:
            told[alert["status"]].add(alert["labels"]["alertname"])
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
with open("alertmanager.yml", "w") as file:
    file.write(f"""
route: {{receiver: all, group_by: [dag], group_wait: 1s, group_interval: 2s}}
receivers: [{{name: all, webhook_configs: [{{url: "http://127.0.0.1:{receiver.server_port}", send_resolved: true}}]}}]
inhibit_rules: [{{source_matchers: [alertname="Cause"], target_matchers: [alertname="Effect"], equal: [dag]}}]
""")
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
arguments = ("--config.file=alertmanager.yml", "--storage.path=data", f"--web.listen-address={address}")
server = subprocess.Popen(
    ["./alertmanager", *arguments, "--cluster.listen-address="], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
)


def post(ends):
    end = (datetime.now(timezone.utc) + timedelta(seconds=ends)).isoformat()
    alerts = [{"labels": {"alertname": name, "dag": "orders"}, "endsAt": end} for name in ("Cause", "Effect")]
    url, kind = f"http://{address}/api/v2/alerts", {"Content-Type": "application/json"}
    urllib.request.urlopen(urllib.request.Request(url, json.dumps(alerts).encode(), kind))


def wait(status):
    end = time.monotonic() + 60
    while not told[status] and time.monotonic() < end:
        time.sleep(0.1)


try:
    for _ in range(300):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://{address}/-/ready")
            break
        time.sleep(0.1)
    time.sleep(1)
    post(300)
    wait("firing")
    time.sleep(5)  # two intervals of the group: nothing more is told
    post(0)
    wait("resolved")
    time.sleep(5)
finally:
    server.terminate()
    server.wait()
for status, names in told.items():
    print(f"{status}: {' '.join(sorted(names))}")
ENDS
found=$(python3 ends.py)
echo "$found"
[ "$found" = $'firing: Cause\nresolved: Cause Effect' ]
