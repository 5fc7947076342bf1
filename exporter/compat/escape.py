"""Names that Prometheus accepts, made the way statsd_exporter makes them."""

from __future__ import annotations

import re

_ILLEGAL = re.compile(r"-+|[^a-zA-Z0-9_]")


def escape(name: str) -> str:
    """`test.web--server` → `test_web_server`, `0ms` → `_0ms`; of dashes in a row one `_` is left."""
    return ("_" if "0" <= name[:1] <= "9" else "") + _ILLEGAL.sub("_", name)


def escape_label(name: str, reserved: str) -> str:
    """A label's name; one that Prometheus keeps to itself (`__…`, and `reserved`) is changed, not refused."""
    name = escape(name)
    if name.startswith("__"):
        return f"_{name.lstrip('_')}"
    return f"tag_{name}" if name == reserved else name
