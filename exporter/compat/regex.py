"""Regular expressions as Go writes them."""

from __future__ import annotations

import re

_CLASSES = {
    "alnum": "0-9A-Za-z",
    "alpha": "A-Za-z",
    "digit": "0-9",
    "lower": "a-z",
    "punct": r"!-/:-@\[-`{-~",
    "space": r"\t\n\v\f\r ",
    "upper": "A-Z",
    "word": "0-9A-Za-z_",
    "xdigit": "0-9A-Fa-f",
}
_GO_ONLY = re.compile(r"\\\\|\\z|\(\?<(?=[A-Za-z_])|\[:(\w+):\]")


def compile_go(pattern: str) -> re.Pattern[str]:
    """Compile a Go regular expression, put into Python's spelling where the two differ. Raises re.error."""

    def spelling(found: re.Match[str]) -> str:
        if found[1]:
            return _CLASSES.get(found[1], found[0])
        return {r"\z": r"\Z", "(?<": "(?P<"}.get(found[0], found[0])

    return re.compile(_GO_ONLY.sub(spelling, pattern), re.ASCII)
