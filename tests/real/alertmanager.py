"""Real Alertmanagers with the generated routes, and what they tell people, message by message."""

from __future__ import annotations

import json
import threading
from collections import Counter
from datetime import datetime, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import requests
import yaml

from windsock import yaml_load
from windsock.alerts import build
from windsock.alerts.routes import RECORDED, WATCHDOG, Timing
from windsock.storms import SIGNS

from .server import Server, find

if TYPE_CHECKING:
    from windsock.settings import Settings

FAST = Timing(
    group_wait="400ms",
    group_interval="1s",
    storm_wait="400ms",
    beside_wait="400ms",
    meanwhile_wait="400ms",
    again_interval="1s",
)


class Messages:
    """Alertmanager's webhook: what every receiver is told, in the order in which it is."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        posts = self.posts

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                posts.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def news(self, *names: str) -> tuple[Counter[tuple[str, ...]], Counter[tuple[str, ...]]]:
        """How often each alert, by these labels, appears as newly firing, and as newly resolved."""
        firing: Counter[tuple[str, ...]] = Counter()
        resolved: Counter[tuple[str, ...]] = Counter()
        before: dict[tuple[str, str], set[str]] = {}
        for post in list(self.posts):
            group = post["receiver"], post["groupKey"]
            known = before.setdefault(group, set())
            for alert in post["alerts"]:
                key = tuple(alert["labels"].get(name, "") for name in names)
                if alert["status"] == "firing" and alert["fingerprint"] not in known:
                    known.add(alert["fingerprint"])
                    firing[key] += 1
                elif alert["status"] == "resolved":
                    known.discard(alert["fingerprint"])
                    resolved[key] += 1
        return firing, resolved

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Alertmanager(Server):
    """One of them; of several each has a port to gossip on, and knows the others' as `peers`."""

    def __init__(
        self,
        settings: Settings,
        messages: Messages | None = None,
        gossip: int = 0,
        peers: tuple[int, ...] = (),
        timing: Timing = FAST,
        peer_timeout: str = "200ms",
    ) -> None:
        super().__init__("")
        self.url = f"http://127.0.0.1:{self.port}"
        self.gossip = gossip
        self.peers = peers
        self.messages = messages
        self.peer_timeout = peer_timeout
        texts = build.files(settings, timing)
        if messages is not None:
            config = yaml_load.load(texts[build.ALERTMANAGER])
            for receiver in config["receivers"]:
                if receiver["name"] not in {RECORDED, WATCHDOG}:
                    receiver["webhook_configs"] = [{"url": messages.url, "send_resolved": True}]
            texts[build.ALERTMANAGER] = yaml.safe_dump(config)
        for name, text in texts.items():
            (self.folder / name).write_text(text)
        self.up()

    def up(self) -> None:
        """Start, with what is left on disk: silences and what was told, but no alerts."""
        address = f"127.0.0.1:{self.gossip}" if self.gossip else ""
        others = [f"--cluster.peer=127.0.0.1:{port}" for port in self.peers if port != self.gossip]
        # A peer waits `peer-timeout` for each one before it; all of that has to fit into a group's interval.
        times = (
            f"peer-timeout={self.peer_timeout}",
            "gossip-interval=50ms",
            "settle-timeout=2s",
            "reconnect-interval=1s",
        )
        self.start(
            find("prometheus-alertmanager", "prometheus-alertmanager"),
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--config.file=alertmanager.yml",
            "--storage.path=data",
            f"--cluster.listen-address={address}",
            *others,
            *(f"--cluster.{name}" for name in times),
        )

    def alerts(self, **labels: str) -> list[dict[str, Any]]:
        """What fires, without what senders say to each other."""
        found = self._all(_equal(labels))
        return [alert for alert in found if alert["labels"]["alertname"] not in SIGNS]

    def signs(self) -> list[dict[str, Any]]:
        """What senders say to each other."""
        return self._all([f'alertname=~"{"|".join(SIGNS)}"'])

    def _all(self, filters: list[str]) -> list[dict[str, Any]]:
        answer = requests.get(f"{self.url}/api/v2/alerts", params={"filter": filters}, timeout=60)
        answer.raise_for_status()
        found: list[dict[str, Any]] = answer.json()
        return found

    def end(self, **labels: str) -> None:
        """End what is left of a test: every second it would go through each group of it, for as long as it runs."""
        now = datetime.now(timezone.utc).isoformat()
        left = self._all(_equal(labels))
        self.post(*({"labels": one["labels"], "endsAt": now} for one in left))

    def post(self, *alerts: dict[str, Any]) -> None:
        """Send alerts as another sender does."""
        requests.post(f"{self.url}/api/v2/alerts", json=list(alerts), timeout=60).raise_for_status()


def _equal(labels: dict[str, str]) -> list[str]:
    return [f'{name}="{value}"' for name, value in labels.items()]
