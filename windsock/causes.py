"""What failures have in common: the words of an exception without what differs from one failure to the next."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from windsock.events import DEADLINE_MISSED, TASK_SKIPPED
from windsock.text import line

if TYPE_CHECKING:
    from collections.abc import Mapping

LIMIT = 150
"""Characters of a cause: it is part of a headline."""
_READ = 400
"""Characters of a text that are looked at."""
_LAST_LINES = 10
"""Of a log, in which the exception is looked for."""
_BLANK = "…"
_WORDS = {DEADLINE_MISSED: "a deadline was missed", TASK_SKIPPED: "a task was skipped"}
_SAYS_NOTHING = ("task_failure",)
"""Airflow's reason for a failed run that only repeats that it failed."""

# Texts, which `re` compiles, and keeps, where one is needed: a callback's process needs few of them.
_BARE = r"(?:[\w.]{1,100}:)?[\W_]{0,150}"
"""Nothing but a type, as of `KeyError: 'price'`."""
_PROGRAM = r"(?i)\b(?:exit(?:ed)? (?:with )?(?:code|status)|returned a failure|container failed)\b"
"""That some program failed, which is no cause."""

_EXCEPTION = r"[A-Za-z_][\w.]{0,100}(?:Error|Exception|Timeout|Exit|Interrupt|Failure)\b(?::|$)"
_QUOTED = r"(?<!\w)'[^'\n]{0,200}'(?!\w)|\"[^\"\n]{0,200}\"|`[^`\n]{0,200}`"
_URL = r"[a-z][a-z0-9+.-]{1,20}://\S+"
_PATH = r"(?<![\w<])~?/[\w./%-]+"
_CLASS = r"[A-Za-z_]\w{0,60}(?:\.[A-Za-z_]\w{0,60}){0,9}\.[A-Z]\w{0,60}(?![\w.])"
_HOST = r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63}){1,9}(?::\d{1,5})?"
_NUMBERED = r"[A-Za-z_-]{0,60}\d[\w:-]*"
_OBJECT = r"<[^<>\n]{0,200}>"
_DIFFERS = rf"(?P<keep>{_CLASS})|{_QUOTED}|{_URL}|{_OBJECT}|{_PATH}|{_HOST}|{_NUMBERED}"
_REPEATED = rf"{_BLANK}(?:[\s,;:/=-]*{_BLANK})+"


def of(alertname: str, annotations: Mapping[str, str]) -> str:
    """Return the cause of an alert event in one line: `OperationalError: connection to server at … refused`.

    It has no number, no quoted value, no address, no path: failures of one cause have the same. It is taken of what the
    annotations say, which is safe to send. Empty where they name no cause.
    """
    said = annotations.get("exception") or of_log(annotations.get("log_tail", ""))
    if not said:
        reason = annotations.get("reason", "")
        said = "" if reason in _SAYS_NOTHING else reason
    return fingerprint(said) or _WORDS.get(alertname, "")


def fingerprint(text: str) -> str:
    """Return the first line of an exception's text without what differs; its type stays as it is."""
    first = text[:_READ].strip().partition("\n")[0]
    name, colon, message = first.partition(": ")
    if not colon or " " in name:
        name, colon, message = "", "", first
    plain = re.sub(_DIFFERS, lambda found: found["keep"] or _BLANK, message)
    return line(f"{name}{colon}{re.sub(_REPEATED, _BLANK, plain)}", LIMIT)


def is_vague(cause: str) -> bool:
    """Whether failures for different reasons say the same words: `KeyError: …`, a command's exit code."""
    return re.fullmatch(_BARE, cause) is not None or re.search(_PROGRAM, cause) is not None


def of_log(tail: str) -> str:
    """Return the last line of a log's end that begins as an exception does; empty where none does."""
    lines = [one.strip() for one in tail.splitlines()[-_LAST_LINES:]]
    return next((one for one in reversed(lines) if re.match(_EXCEPTION, one)), "")
