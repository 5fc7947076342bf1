"""The compose files as the container engine would read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]


def interpolate(text: str, values: dict[str, str] | None = None) -> str:
    """Fill `${NAME}`, `${NAME:-default}` and `${NAME:?message}` as Compose does; a required one needs a value."""
    values = values or {}

    def fill(match: re.Match[str]) -> str:
        name, operator, rest = match[1], match[2], match[3]
        if values.get(name):
            return values[name]
        assert operator == ":-", f"{name} is required"
        return rest

    return re.sub(r"(?<!\$)\$\{(\w+)(?:(:[-?])([^}]*))?\}", fill, text).replace("$$", "$")


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def compose_text() -> str:
    return (ROOT / "docker-compose.observability.yaml").read_text()


@pytest.fixture(scope="session")
def compose(compose_text) -> dict[str, Any]:
    """The stack with every default, and stand-ins for what must be given."""
    text = re.sub(r"\$\{(\w+):\?[^}]*\}", r"given-\1", compose_text)
    return yaml.safe_load(interpolate(text))


@pytest.fixture(scope="session")
def services(compose) -> dict[str, dict[str, Any]]:
    return compose["services"]


@pytest.fixture(scope="session")
def override() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "deploy/airflow.override.yaml").read_text())


def mounts(service: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(source, target, mode) of each volume."""
    found = []
    for volume in service.get("volumes", []):
        source, target, mode = re.fullmatch(r"([^:]+):([^:]+)(?::(\w+))?", volume).groups()
        found.append((source, target, mode or "rw"))
    return found


@pytest.fixture(scope="session")
def mounted():
    return mounts
