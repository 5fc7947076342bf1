"""The compose files as the container engine would read them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
FILE = ROOT / "docker-compose.observability.yaml"


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


def read(values: dict[str, str] | None = None) -> dict[str, Any]:
    """The stack with these variables, and every default."""
    found: dict[str, Any] = yaml.safe_load(interpolate(FILE.read_text(), values))
    return found


def mounts(service: dict[str, Any]) -> list[tuple[str, str, str]]:
    """(source, target, mode) of each volume."""
    found = []
    for volume in service.get("volumes", []):
        match = re.fullmatch(r"([^:]+):([^:]+)(?::(\w+))?", volume)
        assert match, volume
        found.append((match[1], match[2], match[3] or "rw"))
    return found
