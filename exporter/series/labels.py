"""Labels: what tells the series of one metric apart."""

from __future__ import annotations

Labels = tuple[tuple[str, str], ...]
"""Names and values, in the order of the names."""


def labels(**values: str) -> Labels:
    """Labels as the store keys them."""
    return tuple(sorted(values.items())) if len(values) > 1 else tuple(values.items())


def render(of: Labels) -> str:
    """As the exposition has them between its braces; empty for none."""
    text = ",".join([f'{name}="{value}"' for name, value in of])
    if "\\" in text or "\n" in text or text.count('"') > 2 * len(of):
        return ",".join([f'{name}="{_escape(value)}"' for name, value in of])
    return text


def _escape(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
