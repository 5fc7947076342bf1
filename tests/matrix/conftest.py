"""Programs that only say their version, and a Go that only writes files."""

from __future__ import annotations

import pytest
from real import programs


@pytest.fixture
def script(tmp_path, monkeypatch):
    """`script(folder, name, text)` writes a program; the PATH holds these folders only, in the order of their names."""
    monkeypatch.setattr(programs, "HOME", tmp_path / "home")
    place = tmp_path / "path"
    place.mkdir()
    monkeypatch.setenv("PATH", str(place))

    def write(folder, name, text):
        (place / folder).mkdir(exist_ok=True)
        file = place / folder / name
        file.write_text(f"#!/bin/sh\n{text}\n")
        file.chmod(0o755)
        monkeypatch.setenv("PATH", ":".join(map(str, sorted(place.iterdir()))))
        return file

    return write


@pytest.fixture
def versions(script):
    """`versions(folder, "2.42.0", name, …)`: programs that say that they are of this version."""

    def write(folder, version, *names):
        return [script(folder, name, f"echo '{name}, version {version}+ds (branch: x)'") for name in names]

    return write
