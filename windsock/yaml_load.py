"""YAML that windsock has made itself, read by libyaml where PyYAML was built with it: ten times as fast.

What a user wrote is read by `windsock.settings.document`, which says where it is wrong.
"""

from __future__ import annotations

from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def load(text: str) -> Any:
    """Return the value of the one document. Raises yaml.YAMLError."""
    return yaml.load(text, Loader=_LOADER)  # noqa: S506  both are safe ones
