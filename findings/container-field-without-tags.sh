#!/usr/bin/env bash
# statsd_exporter 0.31.0 drops a DogStatsD line that has a container's id and no tags. Datadog's client (0.56.0), which Airflow
# sends through with statsd_datadog_enabled, adds the id to every line as soon as it knows one (in a container it does),
# so metrics without tags, such as scheduler_heartbeat, are gone there while those with tags become a series a container.
#
# External data (`|e:`) and cardinality (`|card:`, whose first letter is taken for a container's) cost the line with tags, too.
# Seen with statsd_exporter 0.31.0:
#   heartbeat:1|c                     stored
#   heartbeat:1|c|c:ID                dropped: malformed_component, malformed_container_id
#   finish:1|c|#dag_id:d|c:ID         stored, with a label container_id
#   finish:1|c|#dag_id:d|e:it-false   dropped: invalid_sample_factor
#   finish:1|c|#dag_id:d|card:low     dropped: malformed_container_id
# Fails if that changes. Needs Go.
set -euo pipefail
folder=$(mktemp -d)
trap 'kill "${pid:-}" 2>/dev/null || true; chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
GOBIN="$folder" go install github.com/prometheus/statsd_exporter@v0.31.0
python3 - "$folder" <<'LOOK'
import collections
import re
import socket
import subprocess
import sys
import time
import urllib.request

LINES = {
    "plain": "plain.heartbeat:1|c",
    "container": "container.heartbeat:1|c|c:in-4026531835",
    "tags": "tags.finish:1|c|#dag_id:d|c:in-4026531835",
    "external": "external.finish:1|c|#dag_id:d|e:it-false",
    "low": "low.finish:1|c|#dag_id:d|card:low",
}
WANTED = {
    "plain": "stored: plain_heartbeat 1",
    "container": "dropped: malformed_component, malformed_container_id",
    "tags": 'stored: tags_finish{container_id="in-4026531835",dag_id="d"} 1',
    "external": "dropped: invalid_sample_factor",
    "low": "dropped: malformed_container_id",
}


def port(kind):
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


statsd, web = port(socket.SOCK_DGRAM), port(socket.SOCK_STREAM)
options = [f"--statsd.listen-udp=127.0.0.1:{statsd}", "--statsd.listen-tcp=", f"--web.listen-address=127.0.0.1:{web}"]
log = open(f"{sys.argv[1]}/log", "w")
exporter = subprocess.Popen([f"{sys.argv[1]}/statsd_exporter", *options], stdout=log, stderr=log)


def scrape():
    for _ in range(200):
        try:
            return urllib.request.urlopen(f"http://127.0.0.1:{web}/metrics", timeout=5).read().decode()
        except OSError:
            time.sleep(0.1)
    sys.exit("statsd_exporter does not answer")


def errors(text):
    found = re.findall(r'^statsd_exporter_sample_errors_total\{reason="(\w+)"\} (\d+)', text, re.MULTILINE)
    return collections.Counter({reason: int(count) for reason, count in found})


seen = {}
try:
    before = errors(scrape())
    sender = socket.socket(type=socket.SOCK_DGRAM)
    for name, line in LINES.items():
        sender.sendto(line.encode(), ("127.0.0.1", statsd))
        time.sleep(1)  # it stores what it got every 200 ms
        text = scrape()
        stored = re.search(rf"^{name}_.*", text, re.MULTILINE)
        lost = errors(text) - before
        before = errors(text)
        seen[name] = f"stored: {stored[0]}" if stored else f"dropped: {', '.join(lost) or 'silently'}"
        print(f"{line:45} {seen[name]}")
finally:
    exporter.terminate()
    exporter.wait()
sys.exit(None if seen == WANTED else "changed")
LOOK
