"""The value behind a reference in windsock.yaml: an environment variable's, or an Airflow connection's.

A connection costs 12 to 36 ms and once 5 s, so it is asked for when a message is sent and never before.
"""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from windsock.airflow import compat
from windsock.exceptions import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable


def value(reference: str, key: str, pick: Callable[[Any], str | None] = lambda found: found.password) -> str:
    """Return the secret; `pick` says which part of a connection it is. Raises SettingsError naming `key`."""
    variable = re.fullmatch(r"\$\{(\w+)\}", reference)
    if variable:
        found = os.environ.get(variable[1])
        if not found:
            raise SettingsError([f"the environment variable {variable[1]}, which {key} names, is not set"])
        return found.strip()
    try:
        found = pick(compat.connection(reference))
    except ImportError:
        raise SettingsError(
            [f"the connection {reference}, which {key} names, can only be read where Airflow is installed"]
        ) from None
    except Exception as error:  # noqa: BLE001  each secrets backend raises its own
        raise SettingsError(
            [f"the connection {reference}, which {key} names, can't be read ({type(error).__name__})"]
        ) from None
    if not found:
        raise SettingsError(
            [f"the connection {reference}, which {key} names, lacks what docs/channels.md says it needs"]
        )
    return found


def address(found: Any) -> str:
    """The URL that a connection stands for: its host, with what was given as schema and password behind it."""
    host = str(found.host or "")
    if host and "://" not in host:
        host = f"{found.schema or 'https'}://{host}" + (f":{found.port}" if found.port else "")
    return host
