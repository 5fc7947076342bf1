"""A `windsock.yaml` and its environment, and the command as a user runs it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from real.command import windsock, without_settings

from windsock import settings
from windsock.exceptions import SettingsError

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def load(tmp_path) -> Callable[..., settings.Settings]:
    """Load a file of the given text, with variables; neither this process's environment nor its folder counts."""

    def load(text: str | None = None, overrides: dict | None = None, **environ: str) -> settings.Settings:
        path = None
        if text is not None:
            path = tmp_path / "windsock.yaml"
            path.write_text(text)
        return settings.load(path, environ, cwd=False, overrides=overrides)

    return load


@pytest.fixture
def problems(load, tmp_path) -> Callable[..., list[str]]:
    """What is wrong with a file, without the folder that it is in."""

    def problems(text: str | None = None, **environ: str) -> list[str]:
        with pytest.raises(SettingsError) as caught:
            load(text, **environ)
        return [problem.replace(f"{tmp_path}/", "") for problem in caught.value.problems]

    return problems


@pytest.fixture
def command(tmp_path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run `windsock …` in an empty folder without any configuration of its own."""

    def run(*arguments: str | Path, given: str | None = None, **environ: str) -> subprocess.CompletedProcess[str]:
        return windsock(*arguments, cwd=tmp_path, environ=without_settings() | environ, given=given or "")

    return run
