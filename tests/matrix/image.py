"""The exporter's image: each step of its Dockerfile is taken in a Debian of its own, and what it starts takes a line.

`make matrix ARGS=image` runs it, as root, with debootstrap. Python is Debian's: the images that the file names come
from a registry for containers, which is not asked.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from real.server import find
from real.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "deploy" / "exporter" / "Dockerfile"
DEBIAN = "bookworm"
PACKAGES = ("python3", "python3-pip", "python3-venv", "ca-certificates")
MACHINES = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl")
"""What says where packages come from, as an engine lends it to a build."""
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass
class Stage:
    """One stage: what it has over the base, and what its instructions have set."""

    base: Path
    place: Path
    workdir: str = "/"
    user: str = "root"
    environment: dict[str, str] = field(default_factory=lambda: {"PATH": PATH})
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for name in ("upper", "work", "root"):
            (self.place / name).mkdir(parents=True)

    def inside(self, said: list[str], command: list[str], environment: dict[str, str]) -> list[str]:
        """The command that runs `command` in this stage's root, as its user, after what is `said` to the mounts."""
        root = self.place / "root"
        layers = f"lowerdir={self.base},upperdir={self.place}/upper,workdir={self.place}/work"
        mounts = [
            "mount --make-rprivate /",
            f"mount -t overlay overlay -o {layers} {root}",
            *(f"mount --rbind {one} {root}{one}" for one in ("/proc", "/dev")),
            *said,
        ]
        words = [f"{key}={value}" for key, value in {**self.environment, **environment}.items()]
        # No name of the user is known before the root is changed.
        become = [
            "setpriv",
            f"--reuid={self.user}",
            f"--regid={self.user}",
            "--clear-groups",
            "--no-new-privs",
            "--bounding-set=-all",
        ]
        run = ["env", "-i", "-C", self.workdir, *words, *(become if self.user != "root" else []), *command]
        text = "\n".join([*mounts, f"exec chroot {root} {shlex.join(run)}"])
        return ["unshare", "--mount", "sh", "-euc", text]


def instructions(text: str) -> Iterator[tuple[str, str]]:
    """Each instruction and what it says, lines that go on joined."""
    lines = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    for line in lines.replace("\\\n", " ").splitlines():
        if line.strip():
            word, _, rest = line.strip().partition(" ")
            yield word, rest.strip()


def copy(sources: list[str], target: Path, *, into: bool) -> None:
    """As COPY does it: of a folder its content, links as they are."""
    for source in (ROOT / one for one in sources):
        assert source.exists(), f"{FILE} copies {source}"
        if source.is_dir():
            shutil.copytree(
                source, target, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
            )
        else:
            target.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target if into else target.parent)


def run(stage: Stage, stages: dict[str, Stage], rest: str) -> None:
    """RUN, with the mounts that it asks for. What packages come from is the machine's: an engine lends it as well."""
    root = stage.place / "root"
    said = []
    for options in re.findall(r"--mount=(\S+)", rest):
        given = dict(one.split("=") for one in options.split(","))
        said += [
            f"mkdir -p {root}{given['target']}",
            f"mount --bind {stages[given['from']].place}/upper{given['source']} {root}{given['target']}",
        ]
    for one in MACHINES:
        made = f"mkdir -p {root}{one}" if Path(one).is_dir() else f"touch {root}{one}"
        said += [made, f"mount --bind {one} {root}{one}"]
    lent = {key: value for key, value in os.environ.items() if key.startswith("PIP_") and key != "PIP_FIND_LINKS"}
    command = ["sh", "-c", re.sub(r"--mount=\S+\s*", "", rest)]
    done = subprocess.run(stage.inside(said, command, lent), capture_output=True, text=True, timeout=900, check=False)
    assert done.returncode == 0, f"RUN {rest}: {done.stdout[-2000:]}{done.stderr[-2000:]}"


def build(base: Path, folder: Path) -> Stage:
    """Take the steps of the Dockerfile; returns the last stage."""
    stages: dict[str, Stage] = {}
    stage: Stage | None = None
    for word, rest in instructions(FILE.read_text()):
        if word == "FROM":
            name = rest.partition(" AS ")[2] or "last"
            stage = stages[name] = Stage(base, folder / name)
            continue
        assert stage is not None
        if word == "WORKDIR":
            stage.workdir = rest
            (stage.place / f"upper{rest}").mkdir(parents=True, exist_ok=True)
        elif word == "COPY":
            *sources, target = rest.split()
            place = stage.place / "upper" / Path(stage.workdir, target).relative_to("/")
            copy(sources, place, into=target.endswith("/"))
        elif word == "RUN":
            run(stage, stages, rest)
        elif word == "ENV":
            stage.environment |= dict(one.split("=", 1) for one in shlex.split(rest))
        elif word == "USER":
            stage.user = rest
        elif word in {"ENTRYPOINT", "CMD"}:
            setattr(stage, {"ENTRYPOINT": "entrypoint", "CMD": "command"}[word], json.loads(rest))
        else:
            assert word == "EXPOSE", f"{word}: not known here"
    assert stage is not None
    return stage


@pytest.fixture(scope="module")
def debian() -> Path:
    """A Debian with Python, kept: as the images of Python have it, which ask for no environment of its own."""
    kept = ROOT / ".windsock" / f"debian-{DEBIAN}"
    if not kept.exists():
        new = kept.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        given = ["--variant=minbase", f"--include={','.join(PACKAGES)}", DEBIAN, str(new)]
        done = subprocess.run(
            [find("debootstrap", "debootstrap"), *given], capture_output=True, text=True, timeout=900, check=False
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        for file in new.glob("usr/lib/python3*/EXTERNALLY-MANAGED"):
            file.unlink()
        new.rename(kept)
    return kept


@pytest.fixture(scope="module")
def image(debian, tmp_path_factory) -> Stage:
    folder = tmp_path_factory.mktemp("image")
    folder.chmod(0o755)
    return build(debian, folder)


@pytest.fixture
def container(image, tmp_path) -> Iterator[list[str]]:
    """It runs, on a root that is read only; yields what a command begins with that is in its network."""
    root = image.place / "root"
    said = [f"mount -t tmpfs tmpfs {root}/tmp", f"mount -o remount,ro {root}"]
    network = ["unshare", "--net", "sh", "-euc", 'ip link set lo up && exec "$@"', "sh"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [*network, *image.inside(said, [*image.entrypoint, *image.command], {})],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        inside = ["nsenter", f"--net=/proc/{process.pid}/ns/net"]
        until(lambda: "# TYPE" in ask(inside), why=(tmp_path / "log").read_text)
        yield [str(process.pid), *inside]
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        assert process.wait(60) == 0, (tmp_path / "log").read_text()


def ask(inside: list[str]) -> str:
    """What Prometheus would get."""
    given = ["curl", "--silent", "--max-time", "30", "http://127.0.0.1:9102/metrics"]
    return subprocess.run([*inside, *given], capture_output=True, text=True, check=False).stdout


def test_it_starts_as_its_user_on_a_read_only_root_and_takes_a_line(container):
    pid, *inside = container
    status = Path(f"/proc/{pid}/status").read_text()
    assert re.search(r"^Uid:\t10001\t", status, re.MULTILINE)
    assert re.search(r"^CapEff:\t0+$", status, re.MULTILINE)
    subprocess.run(
        [*inside, "bash", "-c", "printf 'airflow.scheduler_heartbeat:1|c' > /dev/udp/127.0.0.1/9125"], check=True
    )
    until(lambda: "\nairflow_scheduler_heartbeat_total" in ask(inside))


def test_it_holds_no_compiler_no_tree_and_no_wheels(image):
    root = image.place / "upper"
    assert not [name for name in ("gcc", "cc", "make") if list(root.rglob(f"bin/{name}"))]
    assert not list(root.rglob("*.whl"))
    assert not (root / "src").exists()


def test_its_own_python_checks_what_is_installed(image):
    done = subprocess.run(
        image.inside([], ["python3", "-m", "pip", "check"], {}), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
