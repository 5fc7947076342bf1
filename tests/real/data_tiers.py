"""A real Elasticsearch that knows data tiers: Maven's server with what x-pack-core has of them, as a plugin.

Lifecycle itself, which moves indices when they are old enough, is in a part of x-pack that no registry has. What it
would do under a policy, step by step, is asked of Elastic's own classes (`tiers/TiersPlugin.java`).
"""

from __future__ import annotations

import contextlib
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from windsock.demo.stack import shipping, workshop

from .elasticsearch import CACHE, Elasticsearch
from .server import Server, free_port
from .waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

SOURCE = Path(__file__).parent / "tiers" / "TiersPlugin.java"


def server(version: str) -> Path:
    """Return the server's folder, made where it is not there yet. Raises StackError."""
    plain = shipping.elasticsearch(CACHE, print, version)
    place = CACHE / f"elasticsearch-{version}-tiers"
    home = place / plain.name
    with workshop.locked(place):
        if not (home / "plugins" / "tiers").exists():
            shutil.rmtree(home, ignore_errors=True)
            shutil.copytree(plain, home)
            made = place / "tiers"
            shutil.rmtree(made, ignore_errors=True)
            made.mkdir()
            artifact = f"org.elasticsearch.plugin:x-pack-core:{version}"
            for goal in (("get", "-Dtransitive=false"), ("copy", f"-DoutputDirectory={made}")):
                workshop.run(place, "mvn", "-B", "-q", f"dependency:{goal[0]}", f"-Dartifact={artifact}", goal[1])
            _quiet(next(made.glob("*.jar")))
            shipping.plugin(place, home, version, SOURCE, "tiers")
    return home


def _quiet(jar: Path) -> None:
    """Leave out what it would have the server load beside the plugin's own class."""
    whole = jar.rename(jar.with_suffix(".whole"))
    with zipfile.ZipFile(whole) as old, zipfile.ZipFile(jar, "w") as new:
        for item in old.infolist():
            if not item.filename.startswith("META-INF/services/"):
                new.writestr(item, old.read(item))
    whole.unlink()


class Node(Elasticsearch):
    """One of a cluster, with these roles."""

    def __init__(self, home: Path, version: str, name: str, roles: list[str] | None, ports: dict[str, int]) -> None:
        """`roles` None: all of them, as a node has that is told none. `ports` are those of all nodes' transport."""
        Server.__init__(self, "nobody")
        self.version, self.home = version, home
        self.url = f"http://127.0.0.1:{self.port}"
        state = self.folder / "state"
        state.mkdir()
        self.become = shipping.configure(home, state, f"127.0.0.1:{self.port}")
        self.folder.chmod(0o755)
        file = state / "config" / "elasticsearch.yml"
        options = yaml.safe_load(file.read_text())
        del options["discovery.type"]
        options |= {
            "node.name": name,
            "transport.port": ports[name],
            "discovery.seed_hosts": [f"127.0.0.1:{port}" for port in ports.values()],
            "cluster.initial_master_nodes": [next(iter(ports))],
            **({"node.roles": roles} if roles else {}),
        }
        file.write_text(yaml.safe_dump(options))

    def up(self) -> None:
        variables = shipping.environment(self.folder / "state", self.version)
        variables["ES_JAVA_OPTS"] = "-Xms400m -Xmx400m -XX:TieredStopAtLevel=1"
        self.start("env", *(f"{key}={value}" for key, value in variables.items()), *self.become)

    def where(self, index: str) -> set[tuple[str, str]]:
        """The node and the state of each shard of an index; what is on its way is as before."""
        shards: Any = self.ask("GET", f"_cat/shards/{index}?format=json")
        return {(one["node"] or "", one["state"]) for one in shards} if isinstance(shards, list) else set()


@contextlib.contextmanager
def cluster(version: str, roles: dict[str, list[str] | None]) -> Iterator[Node]:
    """The first node of a cluster of these, by name, once all are there."""
    home = server(version)
    ports = {name: free_port() for name in roles}
    with contextlib.ExitStack() as stack:
        nodes = [Node(home, version, name, some, ports) for name, some in roles.items()]
        for node in nodes:
            stack.callback(node.remove)
            node.up()
        first = nodes[0]
        until(
            lambda: first.ask("GET", "_cluster/health").get("number_of_nodes") == len(nodes),
            why=(first.folder / "log").read_text,
        )
        yield first
