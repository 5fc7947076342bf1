"""A real Thanos: what takes remote write, what answers queries, what evaluates rules; each a process of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from windsock import parts

from . import programs
from .server import Server, free_port

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

REPLICA = "prometheus_replica"
"""The external label that two Prometheis of a pair have different, and nothing else."""
TENANT = {"THANOS-TENANT": "airflow"}


class Thanos:
    """Receive and query; `rule` starts a ruler beside them."""

    def __init__(self, engine: str = "prometheus") -> None:
        """`engine`: which of its two evaluates PromQL, `prometheus` or `thanos`."""
        self._program = str(programs.find("thanos", parts.THANOS.current))
        self._running: list[Server] = []
        stores, writing = free_port(), free_port()
        self._start(
            "receive",
            "--tsdb.path=data",
            "--tsdb.retention=100y",
            f"--grpc-address=127.0.0.1:{stores}",
            f"--remote-write.address=127.0.0.1:{writing}",
            f"--receive.local-endpoint=127.0.0.1:{stores}",
            '--label=receive_replica="0"',
        )
        self.write = f"http://127.0.0.1:{writing}/api/v1/receive"
        self.url = self._start(
            "query",
            f"--grpc-address=127.0.0.1:{free_port()}",
            f"--endpoint=127.0.0.1:{stores}",
            *(f"--query.replica-label={label}" for label in (REPLICA, "receive_replica", "tenant_id")),
            f"--query.promql-engine={engine}",
        )

    def rule(self, rules: Path, alertmanager: str = "") -> str:
        """A ruler that keeps nothing: it asks the query and writes what it records; its URL."""
        return self._start(
            "rule",
            "--data-dir=data",
            f"--grpc-address=127.0.0.1:{free_port()}",
            f"--query={self.url}",
            f"--rule-file={rules}",
            "--eval-interval=1s",
            "--remote-write.config=" + yaml.safe_dump({"remote_write": [{"url": self.write, "headers": TENANT}]}),
            *([f"--alertmanagers.url={alertmanager}"] if alertmanager else []),
        )

    def _start(self, what: str, *flags: str) -> str:
        server = Server("root")
        self._running.append(server)
        server.start(self._program, what, f"--http-address=127.0.0.1:{server.port}", *flags)
        return f"http://127.0.0.1:{server.port}"

    def logs(self) -> Sequence[str]:
        return [(server.folder / "log").read_text(errors="replace") for server in self._running]

    def remove(self) -> None:
        for server in reversed(self._running):
            server.remove()
