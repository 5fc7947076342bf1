"""The compose files, for the tests of this folder."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import yaml
from real import compose as files

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def root() -> Path:
    return files.ROOT


@pytest.fixture(scope="session")
def compose_text() -> str:
    return files.FILE.read_text()


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    """The stack with every default."""
    return files.read()


@pytest.fixture(scope="session")
def services(compose) -> dict[str, dict[str, Any]]:
    return compose["services"]


@pytest.fixture(scope="session")
def override() -> dict[str, Any]:
    return yaml.safe_load((files.ROOT / "deploy/airflow.override.yaml").read_text())


@pytest.fixture(scope="session")
def mounted():
    return files.mounts
