"""The forms of `windsock.redaction`, as Filebeat's JavaScript (ECMAScript 5.1) reads them.

Filebeat is where a line is masked: it is the one door that every line goes through, whoever wrote it and whatever
Airflow version; what Airflow's own masker knows is masked before, in the file.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from windsock import redaction
from windsock.redaction.form import BEHIND, OPENING, REST
from windsock.redaction.forms import FORMS
from windsock.regex_cost import PIECE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from windsock.redaction.form import Form
    from windsock.settings import Settings

NAME = r"passw(or)?d|pwd|passphrase|passcode|secret|token|credential|fernet|dsn|(api|access|account|private)[_-]?key"
"""A field of this name holds a secret, whatever its value looks like."""
_NUMBERS = {form: number for number, form in enumerate(FORMS)}


def javascript(settings: Settings) -> str:
    """The constants that line.js masks with. Raises ValueError for a pattern that it can't say."""
    own = [_own(re.compile(pattern)) for pattern in settings.redaction.patterns]
    looks = {"NAME": (NAME, "i"), "OPENING": (f"^(?:{OPENING})", "i"), "REST": (f"^(?:{REST})", "")}
    lines = [
        *(f"var {name} = {_expression(text, flags)};" for name, (text, flags) in looks.items()),
        f"var BEHIND = {BEHIND}, PIECE = {PIECE}, OVERLAP = {redaction.OVERLAP};",
        f"var FORMS = [\n    {_joined(_form(form) for form in FORMS)}\n];",
        f"var TABLES = [\n    {_joined(_tables())}\n];",
        f"var OWN_SECRETS = [\n    {_joined(own)}\n];",
    ]
    return "".join(f"{line}\n" for line in lines)


def _form(form: Form) -> str:
    flags = "i" if form.any_case else ""
    parts = {
        "look": _expression(f"^({form.keep})({form.secret}){form.rest}", flags),
        "before": f"[{', '.join(_expression(f'(?:{one})$', 'i') for one in form.before)}]",
        "unless": _expression(f"^(?:{form.unless})$", "i") if form.unless else "null",
        "code": _expression(f"^(?:{form.code})$", "i") if form.code else "null",
        "harmless": _expression(form.harmless, "i") if form.harmless else "null",
        "window": str(form.window),
    }
    return f"{{{', '.join(f'{name}: {value}' for name, value in parts.items())}}}"


def _tables() -> Iterator[str]:
    for (needs, any_case), table in redaction.tables().items():
        words = json.dumps([[word, [_NUMBERS[form] for form in forms]] for word, forms in table.items()])
        yield f"{{needs: {_expression(needs, '')}, lower: {json.dumps(any_case)}, words: {words}}}"


def _expression(text: str, flags: str) -> str:
    return f"new RegExp({json.dumps(text)}, '{flags}')"


def _joined(parts: Iterable[str]) -> str:
    return ",\n    ".join(parts)


def _own(pattern: re.Pattern[str]) -> str:
    """As `{look: …, keep: 1}`: an expression, and the number of the group that stays; 0: there is none."""
    text = re.sub(r"\(\?P<\w+>", "(", pattern.pattern)
    flags = "i" if pattern.flags & re.IGNORECASE else ""
    text = text.removeprefix("(?i)")
    if unknown := re.search(r"\(\?(?![:=!])|\\[AZ]|[*+}]\+", text):
        raise ValueError(f"{unknown[0]} in the pattern {pattern.pattern}: JavaScript has no such thing")
    return f"{{look: {_expression(text, flags)}, keep: {pattern.groupindex.get('keep', 0)}}}"
