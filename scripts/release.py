"""`make release`: wheel, sdist, chart, bill of materials and their sums in dist/, where all say the same version.

Refuses where windsock/__init__.py, the chart and CHANGELOG.md differ, and where git has changes that are not committed.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = Path("deploy/helm/windsock")


def wrong(root: Path) -> list[str]:
    """What is against a release of this tree."""
    match = re.search(r'^__version__ = "(.+)"$', (root / "windsock/__init__.py").read_text(), re.MULTILINE)
    version = match[1] if match else ""
    chart = yaml.safe_load((root / CHART / "Chart.yaml").read_text())
    found = [
        f"{CHART}/Chart.yaml: {key} is not {version}" for key in ("version", "appVersion") if chart[key] != version
    ]
    if not re.search(rf"^## \[?{re.escape(version)}\b", (root / "CHANGELOG.md").read_text(), re.MULTILINE):
        found.append(f"CHANGELOG.md has no heading `## [{version}]`")
    return found


def main() -> int:
    """Make dist/; exit code 1 where something is against it."""
    status = subprocess.run(["git", "status", "--porcelain"], cwd=ROOT, capture_output=True, text=True, check=True)
    found = wrong(ROOT) + [f"not committed: {line[3:]}" for line in status.stdout.splitlines()]
    if found:
        sys.stderr.write("\n".join(found) + "\n")
        return 1
    sys.path.insert(0, str(ROOT / "tests"))
    from real import programs  # noqa: PLC0415  the path is made here

    dist, uv = ROOT / "dist", str(Path(sys.executable).with_name("uv"))
    for old in dist.glob("*"):
        old.unlink()
    run(uv, "build", "--quiet")
    run(str(programs.current("helm")), "package", str(CHART), "--destination", str(dist))
    extras = ("--extra", "exporter", "--extra", "mappings", "--extra", "otlp")
    lock = ROOT / "uv.lock"
    try:
        run(uv, "export", "--quiet", "--format", "cyclonedx1.5", *extras, "-o", str(dist / "windsock.cdx.json"))
    finally:
        # What windsock needs are lower bounds: the newest of today is what the bill names, and what an image gets.
        lock.unlink(missing_ok=True)
    made = sorted(path for path in dist.iterdir() if path.name != ".gitignore")
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}" for path in made]
    (dist / "SHA256SUMS").write_text("\n".join(sums) + "\n")
    sys.stdout.write((dist / "SHA256SUMS").read_text())
    return 0


def run(*command: str) -> None:
    """Run a step; what it prints is seen. Raises CalledProcessError."""
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run(command, cwd=ROOT, env=environ, check=True)


if __name__ == "__main__":
    sys.exit(main())
