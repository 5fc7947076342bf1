"""Filebeat and Elasticsearch for machines that have neither: made from what package registries serve, and kept.

Filebeat is built from the Go module proxy: a program of one file with the one input that Airflow's files need; minutes,
once. Elasticsearch is the server that its makers publish on Maven Central for tests of plugins: without lifecycle,
ingest pipelines and Kibana, with all that storing and searching takes.
"""

from __future__ import annotations

import os
import re
import shutil
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from windsock import parts
from windsock.exceptions import MissingProgramError, StackError

from . import workshop

if TYPE_CHECKING:
    from collections.abc import Callable

FILEBEAT = parts.FILEBEAT.oldest
ELASTICSEARCH = parts.ELASTICSEARCH.oldest
HERE = Path(__file__).parent
JAVA = {"8": 17, "9": 21}
"""The oldest Java that a version of Elasticsearch starts on (its support matrix)."""
JDKS = Path("/usr/lib/jvm")
"""Where Linux distributions, and Temurin's packages, put those that are not on the PATH."""
NOBODY = 65_534
"""Elasticsearch refuses to run as root."""


def filebeat(home: Path, say: Callable[[str], None]) -> Path:
    """Return the program, built below `home` where it is not there yet. Raises StackError."""
    place = home / f"filebeat-{FILEBEAT}"
    program = place / "filebeat"
    with workshop.locked(place):
        if not program.exists():
            workshop.need("go", workshop.GO)
            say("building Filebeat: some minutes, once")
            source = place / "source"
            shutil.rmtree(source, ignore_errors=True)
            shutil.copytree(HERE / "filebeat", source)
            # It is copied byte by byte while it is linked: nobody must take a part of it for the whole.
            flags = ("-mod=mod", "-buildvcs=false", "-trimpath", "-ldflags=-s -w")
            workshop.run(place, "go", "build", *flags, "-o", "../unfinished", ".", cwd=source)
            (place / "unfinished").rename(program)
            say("Filebeat is built")
    return program


def elasticsearch(home: Path, say: Callable[[str], None], version: str = ELASTICSEARCH) -> Path:
    """Return the server's folder, fetched to `home` where it is not there yet. Raises StackError."""
    place = home / f"elasticsearch-{version}"
    server = place / f"elasticsearch-{version}"
    with workshop.locked(place):
        if not (server / "plugins" / "root").exists():
            workshop.need("mvn", "apt-get install maven")
            _jdk(version)
            say(f"fetching Elasticsearch {version}")
            artifact = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{version}:zip"
            shutil.rmtree(server, ignore_errors=True)
            for goal in (("get", "-Dtransitive=false"), ("copy", f"-DoutputDirectory={place}")):
                workshop.run(place, "mvn", "-B", "-q", f"dependency:{goal[0]}", f"-Dartifact={artifact}", goal[1])
            _unpack(place / f"elasticsearch-{version}.zip", place)
            plugin(place, server, version, HERE / "elasticsearch" / "RootPlugin.java", "root")
            say("Elasticsearch is there")
    return server


def prepare(home: Path, say: Callable[[str], None], *, wanted: bool) -> None:
    """Make both, where they are wanted. Raises StackError."""
    if wanted:
        elasticsearch(home, say)
        filebeat(home, say)


def environment(state: Path, version: str = ELASTICSEARCH) -> dict[str, str]:
    """The variables that a server with its own configuration in `state` is started with. Raises StackError."""
    return {
        "ES_PATH_CONF": str(state / "config"),
        "ES_TMPDIR": str(state / "tmp"),
        "ES_JAVA_HOME": str(_jdk(version)),
        # It gets little to do: neither threads that collect garbage nor the second compiler's work ever pay. Without
        # that compiler a start takes a third less of a processor.
        "CLI_JAVA_OPTS": "-XX:TieredStopAtLevel=1",
        # Nor does touching all memory first, or verifying the bytecode of its makers' own jars: a quarter of a start.
        "ES_JAVA_OPTS": "-Xms1g -Xmx1g -XX:-AlwaysPreTouch -XX:TieredStopAtLevel=1 -XX:-UseG1GC -XX:+UseSerialGC"
        " -XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote",
        "HOME": str(state),
    }


def configure(server: Path, state: Path, address: str) -> tuple[str, ...]:
    """Make `state`, where a server keeps all that it writes; returns the command that starts it on `address`.

    Raises StackError where the server's folder can't be read by the user that it has to run as.
    """
    host, _, port = address.rpartition(":")
    for name in ("data", "logs", "tmp"):
        (state / name).mkdir(parents=True, exist_ok=True)
    shutil.copytree(server / "config", state / "config", dirs_exist_ok=True)
    options = {
        "cluster.name": "windsock",
        "node.name": "windsock",
        "path.data": state / "data",
        "path.logs": state / "logs",
        "network.host": host,
        "http.port": port,
        # Nobody connects to it: a single node.
        "transport.port": 0,
        "discovery.type": "single-node",
        "xpack.security.enabled": "false",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
    }
    (state / "config" / "elasticsearch.yml").write_text("".join(f"{key}: {value}\n" for key, value in options.items()))
    command = (str(server / "bin" / "elasticsearch"),)
    if os.geteuid() != 0:
        return command
    for folder in (server, *server.parents):
        if not folder.stat().st_mode & 0o001:
            raise StackError(f"Elasticsearch does not run as root, and others can't enter {folder}: chmod o+x {folder}")
    for path in (state, *state.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    return ("setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *command)


def plugin(place: Path, server: Path, version: str, source: Path, name: str) -> None:
    """Make a server's plugin of one class, with the jars that are in `place/name` already. Raises StackError."""
    jdk, classes, made = _jdk(version), place / "classes", place / name
    made.mkdir(exist_ok=True)
    path = f"{server}/lib/*:{made}/*"
    workshop.run(place, str(jdk / "bin" / "javac"), "-nowarn", "-cp", path, "-d", str(classes), str(source))
    workshop.run(place, str(jdk / "bin" / "jar"), "cf", str(made / f"{name}.jar"), "-C", str(classes), ".")
    lines = {
        "name": name,
        "description": f"windsock's {name}",
        "version": "1.0.0",
        "classname": f"windsock.{source.stem}",
        "java.version": str(_java(version)),
        "elasticsearch.version": version,
    }
    (made / "plugin-descriptor.properties").write_text("".join(f"{key}={value}\n" for key, value in lines.items()))
    folder = server / "plugins"
    folder.mkdir(exist_ok=True)
    made.rename(folder / name)


def _unpack(archive: Path, place: Path) -> None:
    with zipfile.ZipFile(archive) as packed:
        for item in packed.infolist():
            file = Path(packed.extract(item, place))
            # Python's zipfile forgets who may run or read what; a user other than this one has to.
            file.chmod(0o755 if item.is_dir() else (item.external_attr >> 16 & 0o777) | 0o444)
    archive.unlink()


def _java(version: str) -> int:
    return JAVA[version.partition(".")[0]]


def _jdk(version: str) -> Path:
    """A JDK that this version of Elasticsearch starts on: that of the PATH, or another one of the machine."""
    least, found = _java(version), shutil.which("javac")
    homes = ([Path(found).resolve().parent.parent] if found else []) + sorted(JDKS.glob("*"))
    for home in homes:
        if (home / "bin" / "javac").exists() and _release(home) >= least:
            return home
    raise MissingProgramError(
        f"JDK {least} or later", f"apt-get install openjdk-{least}-jdk-headless, or see https://adoptium.net"
    )


def _release(jdk: Path) -> int:
    """17 of `JAVA_VERSION="17.0.15"` in the file that each JDK has; 0 where there is none."""
    try:
        found = re.search(r'^JAVA_VERSION="(\d+)', (jdk / "release").read_text(), re.MULTILINE)
    except OSError:
        return 0
    return int(found[1]) if found else 0
