"""Numbers as they are written: by StatsD's clients in values, by Go in labels."""

from __future__ import annotations

import re
from decimal import Decimal

LONGEST = 64
"""Characters of a number: no client writes more than some twenty."""
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?|[+-]?inf")


def parse_number(text: str) -> float | None:
    """A decimal number or an infinity; None for all else, `nan`, `1_000`, blanks and endless digits too."""
    return float(text) if len(text) <= LONGEST and _NUMBER.fullmatch(text) else None


def go_float(value: float) -> str:
    """`1`, `0.25`, `604800`, `2.592e+06`: the shortest digits, with an exponent from a million on, as Go writes them.

    In a label (`le`, `quantile`) another spelling is another series.
    """
    text = repr(float(value))
    if not value or 1e-4 <= abs(value) < 1e6:
        return text.removesuffix(".0")
    mantissa, _, exponent = f"{Decimal(text).normalize():e}".partition("e")
    return f"{mantissa}e{int(exponent):+03d}"
