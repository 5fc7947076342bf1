"""`make release`: wheel, sdist, chart, bill of materials and their sums in dist/, where all say the same version.

Refuses where windsock/__init__.py, the chart and CHANGELOG.md differ, and where git has changes that are not committed.
With --tag the commit then gets a signed tag, whose message has the sums: who trusts the key can trust the files.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
CHART = Path("deploy/helm/windsock")


SIGNING = (
    "git signs with a key of ssh where gpg.format is ssh and user.signingkey its file, and verifies with the signers "
    "in gpg.ssh.allowedSignersFile"
)


def version(root: Path) -> str:
    """What the package says that it is; empty where it says nothing."""
    match = re.search(r'^__version__ = "(.+)"$', (root / "windsock/__init__.py").read_text(), re.MULTILINE)
    return match[1] if match else ""


def wrong(root: Path) -> list[str]:
    """What is against a release of this tree."""
    ours = version(root)
    chart = yaml.safe_load((root / CHART / "Chart.yaml").read_text())
    found = [f"{CHART}/Chart.yaml: {key} is not {ours}" for key in ("version", "appVersion") if chart[key] != ours]
    if not re.search(rf"^## \[?{re.escape(ours)}\b", (root / "CHANGELOG.md").read_text(), re.MULTILINE):
        found.append(f"CHANGELOG.md has no heading `## [{ours}]`")
    return found


class TagError(Exception):
    """There is no tag that others could trust."""


def tag(root: Path, version: str, sums: str) -> str:
    """Sign the commit that is checked out as `v` and the version, as git is set up; what `git tag -v` says of it.

    Raises TagError; then there is no such tag, or the one that there was.
    """
    name = f"v{version}"

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise TagError(f"git {' '.join(arguments[:2])}: {done.stderr.strip()}")
        return done.stderr + done.stdout

    git("tag", "--sign", name, "--message", f"windsock {version}\n\n{sums}")
    try:
        return git("tag", "--verify", name)
    except TagError:
        git("tag", "--delete", name)
        raise


def main() -> int:
    """Make dist/; exit code 1 where something is against it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tag", action="store_true", help="and sign this commit as this version")
    options = parser.parse_args()
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
    if options.tag:
        try:
            sys.stdout.write(tag(ROOT, version(ROOT), (dist / "SHA256SUMS").read_text()))
        except TagError as error:
            sys.stderr.write(f"{error}\nno tag was made: {SIGNING}\n")
            return 1
    return 0


def run(*command: str) -> None:
    """Run a step; what it prints is seen. Raises CalledProcessError."""
    environ = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
    subprocess.run(command, cwd=ROOT, env=environ, check=True)


if __name__ == "__main__":
    sys.exit(main())
