"""Numbers as Go writes them: in a label (`le`, `quantile`) another spelling is another series."""

from __future__ import annotations

from decimal import Decimal


def go_float(value: float) -> str:
    """`1`, `0.25`, `604800`, `2.592e+06`: the shortest digits, with an exponent from a million on."""
    text = repr(float(value))
    if not value or 1e-4 <= abs(value) < 1e6:
        return text.removesuffix(".0")
    mantissa, _, exponent = f"{Decimal(text).normalize():e}".partition("e")
    return f"{mantissa}e{int(exponent):+03d}"
