"""Labels: what tells the series of one metric apart."""

from __future__ import annotations

Labels = tuple[tuple[str, str], ...]
"""Names and values, in the order of the names."""


def labels(**values: str) -> Labels:
    """Labels as the store keys them."""
    return tuple(sorted(values.items()))


def render(of: Labels) -> str:
    """As the exposition has them between its braces; empty for none."""
    return ",".join(f'{name}="{_escape(value)}"' for name, value in of)


def _escape(value: str) -> str:
    if "\\" in value or '"' in value or "\n" in value:
        return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    return value
