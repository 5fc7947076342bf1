"""What the exporter's resident memory is made of: interpreter, packages, its own modules, and what it takes as it runs.

    python benchmarks/memory.py [--database URL] [--json]

Each part is what the process grew by when it was loaded, in the order in which the exporter does it; the last lines
are the exporter itself, without a scrape and after one, and after its receive buffers have been filled once.
"""

from __future__ import annotations

import argparse
import importlib
import os
import socket
import sys
import time
from pathlib import Path

PARTS = {
    "click, YAML": ("logging", "click", "yaml"),
    "pydantic": ("pydantic", "pydantic.root_model"),
    "redaction, settings": ("windsock.redaction", "windsock.settings.root"),
    "HTTP server, TLS": ("http.server", "ssl"),
    "the catalogue": ("windsock.catalog",),
    "StatsD, series, page": ("windsock.exporter.service",),
}
DATABASE = {
    "SQLAlchemy": ("sqlalchemy",),
    "collector": ("windsock.exporter.database.collector",),
}
_BURST = 20_000


def resident() -> float:
    """Resident MiB of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def measure(database: str | None) -> list[tuple[str, float]]:
    """What is resident after each part."""
    found = [("Python", resident())]
    for part, modules in {**PARTS, **(DATABASE if database else {})}.items():
        for module in modules:
            importlib.import_module(module)
        found.append((part, resident()))
    return found + running(database)


def running(database: str | None) -> list[tuple[str, float]]:
    """What is resident in an exporter that runs."""
    from windsock.exporter import parts  # noqa: PLC0415  what it imports is measured above
    from windsock.exporter.service import Service  # noqa: PLC0415  as above
    from windsock.settings import Settings  # noqa: PLC0415  as above

    listen = {"statsd": {"listen": ["udp://127.0.0.1:0"]}, "web": {"listen": "127.0.0.1:0"}}
    settings = Settings.model_validate({"exporter": listen, "metadata": {"interval": 1}})
    if database is not None:
        os.environ["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] = database  # a file holds no secret
    with Service(settings, parts=parts.make(settings)) as service:
        time.sleep(5)
        found = [("idle", resident())]
        scrape(service.web.address)
        found.append(("after a scrape", resident()))
        address = "127.0.0.1", int(service.addresses()[0].rpartition(":")[2])
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for _ in range(_BURST):
                sender.sendto(b"airflow.scheduler_heartbeat:1|c", address)
        time.sleep(2)
        found.append((f"after {_BURST:,} datagrams", resident()))
    return found


def scrape(address: str) -> None:
    """With what the exporter has loaded itself."""
    import http.client  # noqa: PLC0415  as above

    connection = http.client.HTTPConnection(address, timeout=60)
    connection.request("GET", "/metrics")
    connection.getresponse().read()
    connection.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", metavar="URL", help="read this metadata database, too")
    parser.add_argument("--json", action="store_true", help="one JSON document")
    options = parser.parse_args()
    found = measure(options.database)
    if options.json:
        import json  # noqa: PLC0415  as above

        print(json.dumps(dict(found), indent=2))
        return
    before = 0.0
    print(f"{'MiB resident':28}{'':>8}{'grown by':>10}   Python {sys.version.split()[0]}")
    for part, size in found:
        print(f"{part:28}{size:8.1f}{size - before:10.1f}")
        before = size


if __name__ == "__main__":
    main()
