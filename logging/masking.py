"""The patterns of `windsock.redaction`, as Filebeat's JavaScript (ECMAScript 5.1) reads them.

Filebeat is where a line is masked: it is the one door that every line goes through, whoever wrote it and whatever
Airflow version; what Airflow's own masker knows is masked before, in the file.
"""

from __future__ import annotations

import json
import re

from windsock import redaction

HINT = (
    r"passw|secret|token|api[_-]?key|access[_-]?key|credential|bearer|basic|:\/\/|A[KSBC][IC]A|AIza|ya29|gh[pousr]_|"
    r"github_pat_|xox[abeoprs]-|eyJ|PRIVATE KEY"
)
"""Only a text in which this is found can hold a secret: one cheap look for each line, instead of a dozen."""


NAME = r"passw(or)?d|secret|token|api[_-]?key|access[_-]?key|credential"
"""A field of this name holds a secret, whatever its value looks like."""


def javascript() -> str:
    """The constants that line.js masks with. Raises ValueError for a pattern that it can't say."""
    secrets = ",\n".join(f"    {_literal(pattern)}" for pattern in redaction.PATTERNS)
    looks = "".join(
        f"var {name} = new RegExp({json.dumps(text)}, 'i');\n" for name, text in (("HINT", HINT), ("NAME", NAME))
    )
    return f"{looks}var SECRETS = [\n{secrets}\n];\n"


def _literal(pattern: re.Pattern[str]) -> str:
    text = pattern.pattern.replace("(?P<keep>", "(", 1)
    text = re.sub(r"\(\?i:([a-z|]+)\)", lambda found: f"(?:{_any_case(found[1])})", text)
    text = text.replace(r"\Z", r"(?![\s\S])")
    if pattern.flags & re.DOTALL:
        text = re.sub(r"(?<!\\)\.(?=[{*+?])", r"[\\s\\S]", text)
    if unknown := re.search(r"\(\?(?![:=!])|\\A|\(\?P|[*+}]\+", text):
        raise ValueError(f"{unknown[0]} in the pattern {pattern.pattern}: JavaScript has no such thing")
    return f"new RegExp({json.dumps(text)}, '{'gi' if pattern.flags & re.IGNORECASE else 'g'}')"


def _any_case(words: str) -> str:
    return "".join(f"[{letter.upper()}{letter}]" if letter.isalpha() else letter for letter in words)
