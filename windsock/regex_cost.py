"""How long a regular expression can take at worst: Python's engine can't be stopped, and it holds up its process.

A pattern is looked for in pieces of `PIECE` characters, at each of which it may start. From there a repeat can end in
as many ways as it has lengths; one after another they multiply, alternatives add up, and a repeat of something that has
several ways itself has the power of them: that is where exponents come from.
"""

from __future__ import annotations

import importlib
import re
import sys
from typing import Any

_parser: Any = importlib.import_module("re._parser" if sys.version_info >= (3, 11) else "sre_parse")

PIECE = 1000
"""Characters that are searched at once; a secret that is longer is still found by its beginning."""
_LIMIT = 1000
"""Ways from one place, at most: a million steps a piece, some 10 ms."""
_PLAIN = frozenset(("LITERAL", "NOT_LITERAL", "ANY", "IN", "AT", "RANGE", "CATEGORY", "NEGATE"))
_REPEATS = frozenset(("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"))


def check(pattern: str) -> None:
    """Raise ValueError where `pattern` is no regular expression, takes out nothing, or may take too long."""
    try:
        re.compile(pattern)
        parsed = _parser.parse(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"expected a regular expression: {error}") from None
    if not parsed.getwidth()[0]:
        raise ValueError("expected a regular expression that needs at least one character")
    if _ways(parsed) > _LIMIT:
        raise ValueError(
            "expected a regular expression that can't take long: give its repeats bounds, as in `acme-[a-z0-9]{20,64}`,"
            " and repeat no group that holds a repeat or alternatives"
        )


def _ways(sequence: Any) -> int:
    ways = 1
    for operation, argument in sequence:
        name = str(operation)
        if name in _PLAIN:
            continue
        if name in _REPEATS:
            least, most, body = argument
            most = min(int(most), PIECE) if most is not _parser.MAXREPEAT else PIECE
            inner = _ways(body)
            ways *= (most - least + 1) * (min(inner ** min(most, 64), _LIMIT + 1) if inner > 1 else 1)
        elif name == "SUBPATTERN":
            ways *= _ways(argument[-1])
        elif name == "BRANCH":
            ways *= sum(_ways(branch) for branch in argument[1])
        elif name == "ATOMIC_GROUP":
            ways *= _ways(argument)
        elif name in ("ASSERT", "ASSERT_NOT"):
            ways *= _ways(argument[1])
        else:  # back references and conditions: what they cost depends on the text
            return _LIMIT + 1
        if ways > _LIMIT:
            return ways
    return ways
