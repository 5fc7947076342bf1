"""Names that Prometheus accepts, made the way statsd_exporter makes them."""

from __future__ import annotations

import re

# What Prometheus says itself about each target and each rule (its versions add to `scrape_…`), and what this exporter
# says about itself: by the same name a line could say that something is up, or firing.
_TAKEN = re.compile(
    "up|ALERTS|ALERTS_FOR_STATE|(?:scrape|windsock)_.*"
    "|process_(?:cpu|max|open|resident|start|virtual)_.*|python_(?:info|gc_.*)"
)
_ILLEGAL = re.compile(r"-+|[^a-zA-Z0-9_]")


def escape(name: str) -> str:
    """`test.web--server` → `test_web_server`, `0ms` → `_0ms`; of dashes in a row one `_` is left."""
    return ("_" if "0" <= name[:1] <= "9" else "") + _ILLEGAL.sub("_", name)


def escape_metric(name: str) -> str:
    """A metric's name; one that is taken gets a prefix."""
    name = escape(name)
    return f"statsd_{name}" if _TAKEN.fullmatch(name) else name


def escape_label(name: str, reserved: str) -> str:
    """A label's name; one that Prometheus keeps to itself (`__…`, and `reserved`) is changed, not refused."""
    name = escape(name)
    if name.startswith("__"):
        return f"_{name.lstrip('_')}"
    return f"tag_{name}" if name == reserved else name
