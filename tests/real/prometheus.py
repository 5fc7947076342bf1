"""A real Prometheus that takes remote write, and is asked when it is ready."""

from __future__ import annotations

from typing import Any

import requests
import yaml

from .server import Server, find
from .waiting import until


class Prometheus(Server):
    """With this prometheus.yml; what it stores is in `folder`/data. It keeps samples of any age."""

    def __init__(self, config: dict[str, Any] | None = None, program: str = "") -> None:
        """`program`: the path of another one than that of the PATH."""
        super().__init__("root")
        self.url = f"http://127.0.0.1:{self.port}"
        (self.folder / "prometheus.yml").write_text(yaml.safe_dump(config or {}))
        self.start(
            program or find("prometheus", "prometheus"),
            "--config.file=prometheus.yml",
            "--storage.tsdb.path=data",
            "--storage.tsdb.retention.time=100y",
            "--web.enable-remote-write-receiver",
            f"--web.listen-address=127.0.0.1:{self.port}",
        )
        # It listens before it takes anything.
        until(lambda: requests.get(f"{self.url}/-/ready", timeout=60).ok, why=(self.folder / "log").read_text)
