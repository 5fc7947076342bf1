#!/usr/bin/env bash
# Two alerts come to Alertmanager in one request, and one inhibits the other. If they say that they began longer ago than
# `group_wait`, many of the inhibited ones are told all the same; if they say that they begin now, none is.
#
# A group whose first alert is older than its wait is told at once, side by side with inhibition, which learns of the
# cause a moment later. Whoever sends causes and effects together has to say that they began when they are sent.
# Seen with Alertmanager 0.35.0, 300 pairs, group_wait 5 s (with 0.25.0: 70 of 300):
#   began now: told 300 causes, 0 effects
#   began 60 s ago: told 300 causes, 229 effects
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

cat >pairs.py <<'PAIRS'
import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

AGO, PAIRS = float(sys.argv[1]), 300
told = set()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        for alert in json.loads(self.rfile.read(int(self.headers["Content-Length"])))["alerts"]:
            told.add((alert["labels"]["alertname"], alert["labels"]["pair"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *arguments):
        pass


receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
with open("alertmanager.yml", "w") as file:
    file.write(f"""
route: {{receiver: all, group_by: [alertname, pair], group_wait: 5s, group_interval: 10m}}
receivers: [{{name: all, webhook_configs: [{{url: "http://127.0.0.1:{receiver.server_port}"}}]}}]
inhibit_rules: [{{source_matchers: [alertname="Cause"], target_matchers: [alertname="Effect"], equal: [pair]}}]
""")
with socket.socket() as free:
    free.bind(("127.0.0.1", 0))
    address = f"127.0.0.1:{free.getsockname()[1]}"
arguments = ("--config.file=alertmanager.yml", f"--storage.path=data-{AGO:g}", f"--web.listen-address={address}")
server = subprocess.Popen(
    ["./alertmanager", *arguments, "--cluster.listen-address="], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
)
try:
    for _ in range(300):
        with contextlib.suppress(OSError):
            urllib.request.urlopen(f"http://{address}/-/ready")
            break
        time.sleep(0.1)
    time.sleep(1)
    for pair in range(PAIRS):
        began = (datetime.now(timezone.utc) - timedelta(seconds=AGO)).isoformat()
        alerts = [
            {"labels": {"alertname": name, "pair": str(pair)}, "startsAt": began} for name in ("Cause", "Effect")
        ]
        body, kind = json.dumps(alerts).encode(), {"Content-Type": "application/json"}
        urllib.request.urlopen(urllib.request.Request(f"http://{address}/api/v2/alerts", body, kind))
    end = time.monotonic() + 60
    while sum(name == "Cause" for name, _ in told) < PAIRS and time.monotonic() < end:
        time.sleep(0.2)
    time.sleep(6)
finally:
    server.kill()
causes, effects = (sum(one == name for one, _ in told) for name in ("Cause", "Effect"))
print(f"began {f'{AGO:g} s ago' if AGO else 'now'}: told {causes} causes, {effects} effects")
sys.exit(causes < PAIRS or (effects > 0) is not bool(AGO))
PAIRS
python3 pairs.py 0 || { echo "what begins now is not inhibited in time" >&2; exit 1; }
python3 pairs.py 60 || { echo "what began long ago is inhibited in time now" >&2; exit 1; }
