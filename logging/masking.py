"""The patterns of `windsock.redaction`, as Filebeat's JavaScript (ECMAScript 5.1) reads them.

Filebeat is where a line is masked: it is the one door that every line goes through, whoever wrote it and whatever
Airflow version; what Airflow's own masker knows is masked before, in the file.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from windsock import redaction

if TYPE_CHECKING:
    from windsock.settings import Settings

HINT = (
    r"passw|pwd|passphrase|passcode|secret|token|credential|signature|fernet|dsn|key|shared|sig|psk|bearer|basic|"
    r"authorization|cookie|:\/\/|@|\s-u\s|--user|a(?:kia|sia|bia|cca|roa|ida)[a-z0-9]|aiza|ya29|gocspx|1\/\/0|gh[pousr]_|"
    r"github_pat|gl[a-z]+-|xox|xapp|[srp]k_|whsec|sg\.|(?:sk|ac)[0-9a-f]{32}|npm_|pypi-|sk-|hf_|hv[sbr]\.|do[opr]_v1|"
    r"dapi|gl(?:sa|c)_|nrak|shp|sq0|pmak|lin_api|dt0|:aa|[78]q~|eyj|hooks\.|webhook"
)
"""Only a text in which this is found can hold a secret: one cheap look for each line, instead of a dozen."""
NAME = r"passw(or)?d|pwd|passphrase|passcode|secret|token|credential|fernet|dsn|(api|access|account|private)[_-]?key"
"""A field of this name holds a secret, whatever its value looks like."""


def javascript(settings: Settings) -> str:
    """The constants that line.js masks with. Raises ValueError for a pattern that it can't say."""
    own = [re.compile(pattern) for pattern in settings.redaction.patterns]
    hint = "" if own else HINT  # nobody knows what one's own secrets look like
    secrets = ",\n".join(f"    {_literal(pattern)}" for pattern in (*redaction.PATTERNS, *own))
    looks = (f"var {name} = new RegExp({json.dumps(text)}, 'i');\n" for name, text in (("HINT", hint), ("NAME", NAME)))
    return f"{''.join(looks)}var SECRETS = [\n{secrets}\n];\n"


def _literal(pattern: re.Pattern[str]) -> str:
    """As `{look: …, keep: 1, quote: 2}`: an expression, and the numbers of the groups that stay; 0: there is none."""
    text = pattern.pattern
    # There is no look-behind: what stands before is kept instead.
    text = re.sub(r"\(\?P<keep>\)\(\?<!\[([^\]]+)\]\)", r"(?P<keep>^|[^\1])", text)
    text = re.sub(r"\(\?<!\[([^\]]+)\]\)", r"(?:^|[^\1])", text)
    text = re.sub(r"\(\?i:([a-z|]+)\)", lambda found: f"(?:{_any_case(found[1])})", text)
    text = text.replace(r"\Z", r"(?![\s\S])")
    # Go's own expressions, which Filebeat prefers, count to 1,000 only; they take no longer for a text without an end.
    text = re.sub(r"\{(\d+),\d{4,}\}", r"{\1,}", text)
    groups = pattern.groupindex
    text = text.replace("(?P=quote)", f"\\{groups.get('quote', 0)}")
    text = re.sub(r"\(\?P<\w+>", "(", text)
    if pattern.flags & re.DOTALL:
        text = re.sub(r"(?<!\\)\.(?=[{*+?])", r"[\\s\\S]", text)
    if unknown := re.search(r"\(\?(?![:=!])|\\A|[*+}]\+", text):
        raise ValueError(f"{unknown[0]} in the pattern {pattern.pattern}: JavaScript has no such thing")
    look = f"new RegExp({json.dumps(text)}, '{'gi' if pattern.flags & re.IGNORECASE else 'g'}')"
    return f"{{look: {look}, keep: {groups.get('keep', 0)}, quote: {groups.get('quote', 0)}}}"


def _any_case(words: str) -> str:
    return "".join(f"[{letter.upper()}{letter}]" if letter.isalpha() else letter for letter in words)
