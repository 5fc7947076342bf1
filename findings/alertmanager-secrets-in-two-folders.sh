#!/usr/bin/env bash
# The configuration names two secrets by relative paths, and Alertmanager is started in another folder than the file's.
# `http_config.authorization.credentials_file` is looked for beside the configuration, `routing_key_file` of PagerDuty in
# the folder where Alertmanager was started: with one folder of secrets either of them is told nothing.
#
# Seen with Alertmanager 0.35.0, whose log has "failed to read routing key from file … no such file or directory":
#   secrets beside the configuration: webhook
#   secrets where it was started: pagerduty
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

cat >secrets.py <<'SECRETS'
import contextlib
import json
import os
import shutil
import socket
import subprocess
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

told = set()


class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        told.add(self.path.strip("/"))
        body = b'{"status": "success", "dedup_key": "k"}'
        self.send_response(202)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


receiver = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
threading.Thread(target=receiver.serve_forever, daemon=True).start()
url = f"http://127.0.0.1:{receiver.server_port}"
os.mkdir("etc")
with open("etc/alertmanager.yml", "w") as file:
    file.write(f"""
route: {{receiver: pagerduty, group_wait: 1s, routes: [{{receiver: webhook, continue: true}}, {{receiver: pagerduty}}]}}
receivers:
  - name: webhook
    webhook_configs: [{{url: "{url}/webhook", http_config: {{authorization: {{credentials_file: secrets/token}}}}}}]
  - name: pagerduty
    pagerduty_configs: [{{url: "{url}/pagerduty", routing_key_file: secrets/key}}]
""")


def who_is_told(secrets):
    told.clear()
    shutil.rmtree("data", ignore_errors=True)
    os.mkdir(secrets)
    for name in ("token", "key"):
        with open(f"{secrets}/{name}", "w") as file:
            file.write("0" * 32)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    arguments = ("--config.file=etc/alertmanager.yml", "--storage.path=data", f"--web.listen-address={address}")
    with open("log", "a") as log:
        server = subprocess.Popen(["./alertmanager", *arguments, "--cluster.listen-address="], stdout=log, stderr=log)
    try:
        for _ in range(300):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://{address}/-/ready")
                break
            time.sleep(0.1)
        kind = {"Content-Type": "application/json"}
        alerts = json.dumps([{"labels": {"alertname": "Failed"}}]).encode()
        urllib.request.urlopen(urllib.request.Request(f"http://{address}/api/v2/alerts", alerts, kind))
        end = time.monotonic() + 60
        while not told and time.monotonic() < end:
            time.sleep(0.1)
        time.sleep(5)  # both are told at once: whoever is not now, is not
    finally:
        server.terminate()
        server.wait()
        shutil.rmtree(secrets)
    return " ".join(sorted(told))


print("secrets beside the configuration:", who_is_told("etc/secrets"))
print("secrets where it was started:", who_is_told("secrets"))
SECRETS
found=$(python3 secrets.py)
echo "$found"
[ "$found" = $'secrets beside the configuration: webhook\nsecrets where it was started: pagerduty' ]
