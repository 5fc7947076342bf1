"""What the pages say to copy works as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
from real import command, engines

ROOT = Path(__file__).parents[2]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")))
BLOCK = re.compile(r"^( *)```yaml\n(.*?)^ *```$", re.DOTALL | re.MULTILINE)


def blocks(name: str) -> list:
    """The blocks that begin with the file's name, each with its page."""
    found = []
    for page in PAGES:
        for indent, text in BLOCK.findall(page.read_text()):
            lines = [line.removeprefix(indent) for line in text.splitlines()]
            if lines[0].startswith(f"# {name}"):
                found.append(pytest.param("\n".join(lines) + "\n", id=f"{page.stem}-{len(found)}"))
    return found


def windsock(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return command.windsock(*arguments, cwd=cwd, environ=os.environ)


@pytest.mark.parametrize("text", blocks("windsock.yaml"))
def test_a_windsock_yaml_is_valid_and_makes_routes(text, tmp_path):
    (tmp_path / "windsock.yaml").write_text(text)
    shown = windsock("config", "show", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    built = windsock("alerts", "build", "--out", "alerts", cwd=tmp_path)
    assert built.returncode == 0, built.stderr


@pytest.mark.parametrize("text", blocks("prometheus.yml"))
def test_a_prometheus_yml_is_one_to_prometheus(text, tmp_path):
    (tmp_path / "prometheus.yml").write_text(text)
    assert windsock("alerts", "build", "--out", "alerts", cwd=tmp_path).returncode == 0
    # Debian's is built without the discovery of Kubernetes.
    command = [engines.CURRENT.find(), "check", "config", "prometheus.yml"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_there_are_such_blocks():
    assert len(blocks("windsock.yaml")) >= 2
    assert len(blocks("prometheus.yml")) >= 2
