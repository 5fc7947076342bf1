"""Services of a compose file as processes: as near to containers as the kernel makes them without an engine.

Each service has a root of its own (an overlay over the machine's), mounts what its service mounts, is its user without
any capability, and has its environment alone. All share one network without a way out, in which a service's name is
127.0.0.1. What an image would bring, its programs and its entry point, is said by `Image`.
"""

from __future__ import annotations

import os
import resource
import shlex
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .waiting import until

_ALSO_MOUNTED = ("/proc", "/sys", "/dev")


@dataclass(frozen=True)
class Image:
    """What the engine would have from a registry."""

    entrypoint: tuple[str, ...] = ()
    """Before the service's `command`."""
    programs: dict[str, str] = field(default_factory=dict)
    """By name: what is on its PATH, as the machine has it."""
    environment: dict[str, str] = field(default_factory=dict)
    workdir: str = "/"
    reads: tuple[str, ...] = ()
    """What it reads besides, which only root might."""
    copies: dict[str, str] = field(default_factory=dict)
    """By place in the container: a folder of the machine that it has there, as its own."""


class Engine:
    """Starts services in `folder`; `end()` ends all of them."""

    def __init__(self, folder: Path, root: Path, names: list[str]) -> None:
        self.folder = folder
        self.root = root
        self.running: dict[str, subprocess.Popen[bytes]] = {}
        self._workdirs: dict[str, str] = {}
        hosts = "".join(f"127.0.0.1 {name}\n" for name in ("localhost", *names))
        (folder / "hosts").write_text(hosts)
        # It holds the network, in which all others are.
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && touch up && exec sleep infinity"],
            cwd=folder, start_new_session=True,
        )  # fmt: skip
        until((folder / "up").exists)

    def inside(self, *command: str) -> list[str]:
        """The command that runs `command` in the services' network."""
        return ["nsenter", f"--net=/proc/{self._holder.pid}/ns/net", *command]

    def run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.inside(*command), capture_output=True, text=True, timeout=120, check=False)

    def start(self, name: str, service: dict[str, Any], image: Image, mounts: list[tuple[Path, str, str]]) -> None:
        """`mounts`: the machine's path, the place in the container, ro or rw."""
        self._workdirs[name] = image.workdir
        place = self.folder / name
        for part in ("upper", "work", "upper-tree", "work-tree", "root"):
            (place / part).mkdir(parents=True)
        script = place / "start"
        script.write_text("\n".join(self._script(place, service, image, mounts)))
        with (place / "log").open("wb") as log:
            self.running[name] = subprocess.Popen(
                self.inside("unshare", "--mount", "--uts", "--fork", "--kill-child", "sh", "-eu", str(script)),
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    def _script(
        self, place: Path, service: dict[str, Any], image: Image, mounts: list[tuple[Path, str, str]]
    ) -> list[str]:
        new, user = place / "root", service["user"]
        uid, _, gid = user.partition(":")
        said = ["mount --make-rprivate /", f"hostname {place.name}"]
        said += [f"mount -t overlay overlay -o lowerdir=/,upperdir={place}/upper,workdir={place}/work {new}"]
        said += [f"mount --rbind {one} {new}{one}" for one in _ALSO_MOUNTED]
        for one in service.get("tmpfs", []):
            said += [f"mkdir -p {new}{one}", f"mount -t tmpfs -o mode=1777,size=256m tmpfs {new}{one}"]
        # The tree, which may be below what has just been hidden; nothing of the machine's is changed in it either.
        tree = f"lowerdir={self.root},upperdir={place}/upper-tree,workdir={place}/work-tree"
        said += [f"mkdir -p {new}{self.root}", f"mount -t overlay overlay -o {tree} {new}{self.root}"]
        for target, source in image.copies.items():
            said += [f"mkdir -p {new}{target}", f"cp -r {source}/. {new}{target}/", f"chown -R {user} {new}{target}"]
        said += [
            f"mkdir -p {new}/image",
            *(f"ln -s {path} {new}/image/{name}" for name, path in image.programs.items()),
        ]
        # In an image everyone may enter the folders of its programs; here only root may enter some, such as its home.
        said += [f"chmod go+x {new}{one}" for one in _folders(image)]
        for source, target, mode in [*mounts, (self.folder / "hosts", "/etc/hosts", "ro")]:
            made = (
                "mkdir -p" if source.is_dir() else f"mkdir -p $(dirname {new}{target}) && rm -f {new}{target} && touch"
            )
            said += [f"{made} {new}{target}", f"mount --bind {source} {new}{target}"]
            if mode == "ro":
                said += [f"mount -o remount,bind,ro {new}{target}"]
        if service.get("read_only"):
            said += [f"mount -o remount,bind,ro {new} || mount -o remount,ro {new}"]
        environment = {
            "PATH": "/image:/usr/local/bin:/usr/bin:/bin",
            **image.environment,
            **service.get("environment", {}),
        }
        # As far as the machine lets even root.
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        limits = [f"prlimit --nofile={min(value, most)}" for value in service.get("ulimits", {}).values()]
        command = [*(service.get("entrypoint") or image.entrypoint), *service.get("command", [])]
        return [
            *said,
            f"exec {' '.join(limits)} chroot {new} setpriv --reuid={uid} --regid={gid} --clear-groups --no-new-privs "
            f"--bounding-set=-all --inh-caps=-all env -i -C {image.workdir} "
            + shlex.join([*(f"{key}={value}" for key, value in environment.items()), *command]),
            "",
        ]

    def healthy(self, name: str, service: dict[str, Any]) -> bool:
        """Whether its health check says so, asked as the engine asks it: in the container."""
        kind, *test = service["healthcheck"]["test"]
        found = self.pid(name)
        if found is None:
            return False
        command = ["sh", "-c", *test] if kind == "CMD-SHELL" else test
        environ = Path(f"/proc/{found}/environ").read_bytes().decode().split("\0")
        given = ["-C", self._workdirs[name], *(one for one in environ if one.startswith("PATH="))]
        place = f"/proc/{found}/root"
        done = subprocess.run(
            self.inside("nsenter", f"--mount=/proc/{found}/ns/mnt", f"--root={place}", "env", "-i", *given, *command),
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        return done.returncode == 0

    def pid(self, name: str) -> int | None:
        """Of its first process, as the machine counts them."""
        pid = self.running[name].pid
        children = Path(f"/proc/{pid}/task/{pid}/children")
        found = children.read_text().split() if children.exists() else []
        return int(found[0]) if found else None

    def log(self, name: str) -> str:
        return (self.folder / name / "log").read_text(errors="replace")

    def end(self) -> None:
        for process in (*self.running.values(), self._holder):
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _folders(image: Image) -> list[str]:
    """All folders on the way to the programs, through each link."""
    found: dict[str, None] = {}
    for program in (*image.programs.values(), *image.reads):
        path = Path(program)
        while True:
            found.update(dict.fromkeys(map(str, reversed(path.parents))))
            found.update(dict.fromkeys(map(str, reversed(path.resolve().parents))))
            if not path.is_symlink():
                break
            path = path.parent / path.readlink()
    return list(found)
