"""Prometheus, Alertmanager and others in the versions of windsock/parts.py: found, or built and kept.

`python tests/real/programs.py promtool amtool` builds the current ones of these, and without a name all of them, below
.windsock, from the Go module proxy: as released, but without service discoveries and without their web pages.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from windsock import parts
from windsock.demo.stack import workshop
from windsock.exceptions import MissingProgramError, StackError

if TYPE_CHECKING:
    from collections.abc import Callable

HOME = Path(__file__).resolve().parents[2] / ".windsock"
ALSO = {"alertmanager": ("prometheus-alertmanager",)}
"""What Debian calls it."""


@dataclass(frozen=True)
class Module:
    """Where the programs of a part are made from."""

    part: parts.Part
    name: str
    path: str
    released: str
    """The module's version."""
    shown: str
    """What `--version` shows, as the variable that is set by the linker."""
    commands: dict[str, str]
    """By program: its package in the module."""
    pages: tuple[str, ...] = ()
    """Web pages that are linked into a program, and that no module holds."""
    tags: tuple[str, ...] = ()
    """Build tags of its release, beside those of all."""
    go: str = parts.GO
    """The oldest Go that its go.mod takes."""

    @property
    def place(self) -> Path:
        return HOME / f"{self.name}-{self.part.current}"


def _prometheus(version: str) -> str:
    """v0.316.0 is what the module proxy calls 3.16.0."""
    major, minor, patch = version.split(".")
    return f"v0.{major}{int(minor):02}.{patch}"


MODULES = (
    Module(
        parts.PROMETHEUS,
        "prometheus",
        "github.com/prometheus/prometheus",
        _prometheus(parts.PROMETHEUS.current),
        f"github.com/prometheus/common/version.Version={parts.PROMETHEUS.current}",
        {"promtool": "./cmd/promtool", "prometheus": "./cmd/prometheus"},
    ),
    Module(
        parts.ALERTMANAGER,
        "alertmanager",
        "github.com/prometheus/alertmanager",
        f"v{parts.ALERTMANAGER.current}",
        f"github.com/prometheus/common/version.Version={parts.ALERTMANAGER.current}",
        {"amtool": "./cmd/amtool", "alertmanager": "./cmd/alertmanager"},
        ("ui/app/dist/index.html", "ui/mantine-ui/dist/index.html"),
    ),
    Module(
        parts.VICTORIAMETRICS,
        "victoriametrics",
        "github.com/VictoriaMetrics/VictoriaMetrics",
        f"v{parts.VICTORIAMETRICS.current}",
        f"github.com/VictoriaMetrics/VictoriaMetrics/lib/buildinfo.Version=v{parts.VICTORIAMETRICS.current}",
        {name: f"./app/{name}" for name in ("victoria-metrics", "vmalert", "vmalert-tool")},
    ),
    Module(
        parts.THANOS,
        "thanos",
        "github.com/thanos-io/thanos",
        f"v{parts.THANOS.current}",
        f"github.com/prometheus/common/version.Version={parts.THANOS.current}",
        {"thanos": "./cmd/thanos"},
        # Thanos casts Prometheus' labels to its own: those of this layout, which is no longer the default.
        tags=("slicelabels",),
        go="1.26.10",
    ),
    Module(
        parts.STATSD_EXPORTER,
        "statsd_exporter",
        "github.com/prometheus/statsd_exporter",
        f"v{parts.STATSD_EXPORTER.current}",
        f"github.com/prometheus/common/version.Version={parts.STATSD_EXPORTER.current}",
        {"statsd_exporter": "."},
    ),
    Module(
        parts.HELM,
        "helm",
        "helm.sh/helm/v4",
        f"v{parts.HELM.current}",
        f"helm.sh/helm/v4/internal/version.version=v{parts.HELM.current}",
        {"helm": "./cmd/helm"},
    ),
    Module(
        parts.KUBECONFORM,
        "kubeconform",
        "github.com/yannh/kubeconform",
        f"v{parts.KUBECONFORM.current}",
        f"main.version=v{parts.KUBECONFORM.current}",
        {"kubeconform": "./cmd/kubeconform"},
    ),
)
PROGRAMS = {program: module for module in MODULES for program in module.commands}


def current(program: str, say: Callable[[str], None] = print) -> Path:
    """The newest one, built where it is not there yet. Raises StackError."""
    module = PROGRAMS[program]
    built, source = module.place / program, module.place / "source"
    with workshop.locked(module.place):
        if not built.exists():
            go = workshop.go(module.place, module.go, say)
            say(f"building {program} {module.part.current}: some minutes, once")
            shutil.rmtree(source, ignore_errors=True)
            # Not in Go's cache itself: nothing may be written there.
            shutil.copytree(workshop.download(module.place, f"{module.path}@{module.released}"), source)
            _build(go, module, program, source)
            shutil.rmtree(source)
    return built


def _build(go: str, module: Module, program: str, source: Path) -> None:
    for path in (source, *source.rglob("*")):
        path.chmod(path.stat().st_mode | 0o200)
    for page in module.pages:
        (source / page).parent.mkdir(parents=True, exist_ok=True)
        (source / page).touch()
    unfinished = module.place / "unfinished"
    tags = ",".join(("remove_all_sd", *module.tags))
    flags = ("-mod=readonly", "-buildvcs=false", "-trimpath", f"-tags={tags}")
    linked = f"-ldflags=-s -w -X {module.shown}"
    # A GOROOT of another Go, and a go.work, would be taken before what the module says.
    environment = {"GOWORK": "off", "GOTOOLCHAIN": "local", "CGO_ENABLED": "0", "GOROOT": ""}
    workshop.run(
        module.place, go, "build", *flags, linked, "-o", str(unfinished), module.commands[program],
        cwd=source, env=environment,
    )  # fmt: skip
    # It is written bit by bit: nobody must take a part of it for the whole.
    unfinished.rename(module.place / program)


def version(program: Path) -> str:
    """What it says of itself, "2.42.0"; empty where it says nothing."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=60, check=False)
    found = re.search(r"\bv(?:ersion )?(\d+\.\d+\.\d+)", f"{done.stdout}\n{done.stderr}")
    return found[1] if found else ""


def find(program: str, wanted: str) -> Path:
    """The program in this version: one of the PATH, or the current one as it is built. Raises StackError."""
    for folder in os.get_exec_path():
        for name in (program, *ALSO.get(program, ())):
            place = Path(folder) / name
            if os.access(place, os.X_OK) and version(place) == wanted:
                return place
    if wanted == PROGRAMS[program].part.current:
        return current(program)
    raise MissingProgramError(f"{program} {wanted}", "Debian 12 has it (apt-get), and it has to be on the PATH")


def links(folder: Path, wanted: dict[str, str]) -> None:
    """Fill `folder`, which goes first on the PATH, with programs in these versions, under all names that they have.

    Raises StackError.
    """
    for program, one in wanted.items():
        found = find(program, one)
        for name in (program, *ALSO.get(program, ())):
            (folder / name).symlink_to(found)


if __name__ == "__main__":
    try:
        for one in sys.argv[1:] or PROGRAMS:
            current(one)
    except StackError as error:
        sys.exit(str(error))
