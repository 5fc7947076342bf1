"""The value behind a reference in windsock.yaml: an environment variable's, or an Airflow connection's.

A connection costs 12 to 36 ms and once 5 s, so it is asked for when a message is sent and never before, and never for
what every failure needs. No error has what redaction takes for a secret, such as `token: ` and a word.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from windsock.airflow import compat
from windsock.exceptions import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_VARIABLE = r"\$\{(\w+)\}"
_MOST_BYTES = 64 << 10
"""Of a file with a secret: a token or a URL, not what was named by mistake."""


def value(reference: str, key: str, pick: Callable[[Any], str | None] = lambda found: found.password) -> str:
    """Return the secret; `pick` says which part of a connection it is. Raises SettingsError naming `key`."""
    if re.fullmatch(_VARIABLE, reference):
        return variable(reference, key)
    what = f"the connection {reference}, which {key} names,"
    try:
        found = pick(compat.connection(reference))
    except ImportError:
        raise SettingsError([f"{what} can only be read where Airflow is installed"]) from None
    except Exception as error:  # noqa: BLE001  each secrets backend raises its own
        raise SettingsError([f"{what} can't be read ({type(error).__name__})"]) from None
    if not found:
        raise SettingsError([f"{what} lacks what docs/channels.md says it needs"])
    return found


def variable(reference: str, key: str, environ: Mapping[str, str] = os.environ) -> str:
    """Return the secret where connections are not read. Raises SettingsError naming `key`.

    Where $VARIABLE is not set, $VARIABLE_FILE may name the file that has it, as containers are given secrets.
    """
    match = re.fullmatch(_VARIABLE, reference)
    if match is None:
        raise SettingsError([f"expected ${{VARIABLE}} as {key}; connections are not read here"])
    name = match[1]
    found = environ.get(name, "").strip()
    if not found and (file := environ.get(f"{name}_FILE")):
        found = _content(file, f"{name}_FILE, for {key},")
    if not found:
        raise SettingsError([f"the environment variable {name} is not set; {key} names it"])
    return found


def _content(file: str, who: str) -> str:
    try:
        with Path(file).open("rb") as opened:
            data = opened.read(_MOST_BYTES + 1)
        found = data.decode().strip()
    except (OSError, ValueError) as error:
        raise SettingsError([f"the file that {who} names can't be read ({type(error).__name__})"]) from None
    if not found or len(data) > _MOST_BYTES:
        raise SettingsError([f"the file that {who} names is {'too large' if found else 'empty'}; expected the secret"])
    return found


def filled(texts: Mapping[str, str], key: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return `texts` with the variables' values in place of each `${VARIABLE}`. Raises SettingsError naming `key`."""
    return {
        name: re.sub(_VARIABLE, lambda found, name=name: variable(found[0], f"{key}.{name}", environ), text)  # type: ignore[misc]
        for name, text in texts.items()
    }


def address(found: Any) -> str:
    """The URL that a connection stands for: its host, with what was given as schema and password behind it."""
    host = str(found.host or "")
    if host and "://" not in host:
        host = f"{found.schema or 'https'}://{host}" + (f":{found.port}" if found.port else "")
    return host
