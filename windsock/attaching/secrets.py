"""The secrets of docker-compose.observability.yaml: those that are random are made once, and never changed."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from windsock import extras, yaml_dump

from .changes import Change

if TYPE_CHECKING:
    from pathlib import Path

RANDOM = ("web_password", "alertmanager_password", "grafana_password", "elastic_password")
GIVEN = ("airflow_database", "logs_write_key", "logs_read_key")
"""Whoever has them puts them there: empty until then."""
_USERS = {
    "prometheus_web": {"windsock": "web_password"},
    "alertmanager_web": {"windsock": "web_password", "airflow": "alertmanager_password"},
}
"""By web configuration: the users, and where the password is of which it has the hash."""
_OPEN = 0o644
"""A container's user, who is none of the host's, reads a file through the folder that only its owner may enter."""


def changes(folder: Path) -> list[Change]:
    """What is missing in `folder`. Raises MissingPackageError without bcrypt."""
    extras.need("bcrypt", what="the hashes of passwords")
    import bcrypt  # noqa: PLC0415  only here

    found = []
    passwords: dict[str, str] = {}
    for name in RANDOM:
        path = folder / name
        passwords[name] = path.read_text(encoding="utf-8").strip() if path.exists() else secrets.token_hex(24)
        found.append(Change(path, passwords[name], _OPEN, secret=True))
    for name, users in _USERS.items():
        hashed = {
            user: bcrypt.hashpw(passwords[one].encode(), bcrypt.gensalt(10)).decode() for user, one in users.items()
        }
        found.append(Change(folder / name, yaml_dump.dump({"basic_auth_users": hashed}), _OPEN, secret=True))
    found += [Change(folder / name, "", _OPEN, secret=True) for name in GIVEN]
    return [one for one in found if not one.path.exists()]


def close(folder: Path) -> None:
    """Let nobody but the owner into the folder; Alertmanager's is mounted as a folder, and entered by its user."""
    (folder / "channels").mkdir(parents=True, exist_ok=True)
    (folder / "channels").chmod(0o755)
    folder.chmod(0o700)
