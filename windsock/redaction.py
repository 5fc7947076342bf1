"""Secrets are taken out before a text leaves the process: exception texts carry connection strings and headers.

What is known here is public: the forms that issuers give their keys, and the names that people give to secrets. Of a
match, the group `keep` stays, so that a reader sees what was there.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from windsock.regex_cost import PIECE

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MASK = "***"

# What a name must hold for its value to be a secret: `db_password`, `AWS_SECRET_ACCESS_KEY`, `x-api-key`, `AccountKey`.
_NAMES = (
    r"(?:passw(?:or)?d|(?<![a-z])pass(?![a-z])|pwd|passphrase|passcode|secret|token|credential|signature|fernet|dsn"
    r"|(?:api|access|account|private|signing|encryption|fernet|service|routing|integration|auth|shared|license|master)"
    r"[_-]?key|shared[_-]?access|(?<![a-z])sig(?![a-z])|(?<![a-z])psk(?![a-z]))"
)
# Values that say nothing: of JSON and Python, sizes and counts, and types in a line of code.
_PLAIN = (
    r"(?!(?:none|null|nil|true|false|yes|no|\d{1,5}(?:\.\d{1,3})?|str|int|bool|bytes|float|dict|list|any|object|optional)"
    r"(?![^\s\"',;&)}\]]))"
)
_VALUE = (
    # in quotes, escaped or not, up to the same quotes …
    r"(?:(?P<quote>\\{0,3}[\"'])(?:(?!(?P=quote))(?:\\[^\n]|[^\\\n])){1,4096}"
    # … or up to where a value ends in a URL, a header, a connection string, a call
    rf"|{_PLAIN}[^\s\"'&,;<>]{{2,4096}}[^\s\"'&,;<>)}}\]])"
)

# What follows an option without a value: `--no-password --host db`, `--use-token -v`. A value may begin with a dash.
_OPTION = r"--[a-z][a-z-]{1,40}(?![\w-])|-[A-Za-z]{1,3}(?![\w-])"
_TOKENS = (
    r"(?:AKIA|ASIA|ABIA|ACCA|AROA|AIDA)[A-Z0-9]{16}(?![A-Z0-9])(?:[\s:,/\"'=]{1,5}[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+]))?",
    r"AIza[0-9A-Za-z_-]{35}",  # Google API keys
    r"ya29\.[0-9A-Za-z_-]{20,}",  # Google OAuth tokens
    r"GOCSPX-[0-9A-Za-z_-]{20,}",  # Google OAuth clients
    r"1//0[0-9A-Za-z_-]{30,}",  # Google refresh tokens
    r"gh[pousr]_[A-Za-z0-9]{36,}",  # GitHub
    r"github_pat_[A-Za-z0-9_]{22,}",
    r"gl(?:pat|dt|rt|ptt|soat|cbt|ft|agent)-[0-9A-Za-z_.-]{20,}",  # GitLab
    r"xox[abeoprs](?:\.xox[bp])?-[A-Za-z0-9-]{10,}",  # Slack
    r"xapp-\d-[A-Za-z0-9-]{10,}",
    r"(?:sk|rk|pk)_(?:live|test)_[0-9A-Za-z]{10,}",  # Stripe
    r"whsec_[0-9A-Za-z+/=]{16,}",
    r"SG\.[0-9A-Za-z_-]{16,32}\.[0-9A-Za-z_-]{32,64}",  # SendGrid
    r"(?:SK|AC)[0-9a-f]{32}(?![0-9a-f])",  # Twilio
    r"key-[0-9a-f]{32}(?![0-9a-f])",  # Mailgun
    r"npm_[A-Za-z0-9]{36}",
    r"pypi-[A-Za-z0-9_-]{50,}",
    r"sk-(?:ant-|proj-|svcacct-|or-v1-)?[A-Za-z0-9_-]{20,}",  # OpenAI, Anthropic, OpenRouter
    r"hf_[A-Za-z0-9]{30,}",  # Hugging Face
    r"hv[sbr]\.[A-Za-z0-9_-]{20,}",  # Vault
    r"do[opr]_v1_[0-9a-f]{64}",  # DigitalOcean
    r"dapi[0-9a-f]{32}(?:-\d)?",  # Databricks
    r"glsa_[A-Za-z0-9]{32}_[0-9a-f]{8}",  # Grafana
    r"glc_[A-Za-z0-9+/]{32,}={0,2}",
    r"NRAK-[A-Z0-9]{27}",  # New Relic
    r"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}",  # Shopify
    r"sq0(?:atp|csp)-[0-9A-Za-z_-]{22,}",  # Square
    r"PMAK-[0-9a-f]{24}-[0-9a-f]{34}",  # Postman
    r"lin_api_[A-Za-z0-9]{40}",  # Linear
    r"dt0[a-z]\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}",  # Dynatrace
    r"AGE-SECRET-KEY-1[0-9A-Z]{50,}",
    r"\d{8,10}:AA[0-9A-Za-z_-]{32,}",  # Telegram
    r"[A-Za-z0-9_~.-]{3}[78]Q~[A-Za-z0-9_~.-]{31,34}",  # Azure's client secrets
    r"eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{5,}",  # JSON web tokens
)

_PRIVATE_KEY = (
    r"(?P<keep>-----BEGIN [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----).{1,20000}?"
    r"(?:-----END [A-Z ]{0,32}PRIVATE KEY(?: BLOCK)?-----|\Z)"
)
_AUTHORIZATION = (
    r"(?P<keep>\bauthorization\\{0,3}[\"']?\s{0,4}[:=]\s{0,4}\\{0,3}[\"']?(?:[a-z][a-z-]{1,20}\s{1,4})?)"
    r"(?=[^\s\"',;]{0,256}[\d_~+/=.-])[^\s\"',;\\]{8,}"
)

PATTERNS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        (_PRIVATE_KEY, re.DOTALL),
        # user:password@ in any URL, SQLAlchemy's dialects included; then one with a slash in it, which is no port
        (r"(?P<keep>[a-z][a-z0-9+.-]{1,30}://[^\s:/@]{0,256}:)[^\s/]{1,256}(?=@)", re.IGNORECASE),
        (
            r"(?P<keep>[a-z][a-z0-9+.-]{1,30}://[^\s:/@\[\]]{1,256}:)(?!\d{1,5}(?:[/?#]|$))[^\s@\"'<>]{1,256}(?=@)",
            re.IGNORECASE,
        ),
        (r"(?P<keep>https?://)[A-Za-z0-9_.~%+-]{16,256}(?=@)", re.IGNORECASE),
        # scott/tiger@//host:1521/service
        (r"(?P<keep>\b[A-Za-z]\w{0,63}/)[^\s/@]{3,64}(?=@(?://)?[\w.-]{1,253}:\d{2,5}/)", 0),
        # Authorization: Bearer …, Basic …; a plain lower-case word is none: "basic authentication"
        (r"(?P<keep>\b(?i:bearer|basic)\s{1,4})(?=[a-z]{16}|[a-z]{0,15}[A-Z0-9_~+/=-])[A-Za-z0-9._~+/=-]{8,}", 0),
        (_AUTHORIZATION, re.IGNORECASE),
        (r"(?P<keep>\b(?:set-)?cookie\\{0,3}[\"']?\s{0,4}[:=]\s{0,4}\\{0,3}[\"']?)[^\"'\r\n]{3,4096}", re.IGNORECASE),
        # password=…, "api_key": "…", AccountKey=…
        (
            rf"(?P<keep>{_NAMES}[\w-]{{0,32}}\\{{0,3}}[\"']?\]?\s{{0,4}}(?:=>|:=|[=:])\s{{0,4}}){_VALUE}",
            re.IGNORECASE,
        ),
        # --token …, curl -u user:…
        (
            rf"(?P<keep>--[\w-]{{0,32}}{_NAMES}[\w-]{{0,16}}\s{{1,2}})(?!{_OPTION})[^\s\"'][^\s\"']{{1,4096}}[^\s\"',;)]",
            re.IGNORECASE,
        ),
        (r"(?P<keep>\s(?:-u|--user)\s{1,2}[^\s:]{1,64}:)[^\s\"']{1,256}", 0),
        (rf"(?P<keep><[\w:-]{{0,40}}{_NAMES}[\w:-]{{0,20}}>)[^<]{{3,4096}}(?=</)", re.IGNORECASE),
        (rf"(?P<keep>)(?<![A-Za-z0-9])(?:{'|'.join(_TOKENS)})", 0),
        (r"(?P<keep>https://hooks\.slack(?:-gov)?\.com/)(?:services|workflows|triggers)/[A-Za-z0-9/_-]+", 0),
        (r"(?P<keep>discord(?:app)?\.com/api/webhooks/)\d+/[\w-]+", 0),
        (r"(?P<keep>webhook\.office\.com/)[\w@/.-]{8,}", 0),
    )
)

_OVERLAP = 200
_learned: tuple[re.Pattern[str], ...] = ()


def redact(text: str) -> str:
    """Return `text` with what looks like a secret replaced by `***`."""
    for pattern in PATTERNS:
        text = pattern.sub(_masked, text)
    for pattern in _learned:
        text = _without(pattern, text)
    return text


def learn(patterns: Iterable[str]) -> None:
    """Take out what matches one of `patterns` too, from now on, in place of those of an earlier call.

    They come from `redaction.patterns`, whose check makes sure that none of them can take long.
    """
    global _learned  # noqa: PLW0603  whoever sends a text has no settings at hand, and must not forget them
    _learned = tuple(re.compile(pattern) for pattern in patterns)


def _masked(match: re.Match[str]) -> str:
    groups = match.groupdict()
    quote = groups.get("quote") or ""
    return f"{groups.get('keep') or ''}{quote}{MASK}"


def _without(pattern: re.Pattern[str], text: str) -> str:
    parts, done = [], 0
    for match in _found(pattern, text):
        parts += [text[done : match.start()], _masked(match)]
        done = match.end()
    return "".join((*parts, text[done:]))


def _found(pattern: re.Pattern[str], text: str) -> Iterator[re.Match[str]]:
    """Matches one behind the other, looked for in pieces, so that the time grows with the text and not faster."""
    start = 0
    while start < len(text):
        end = start + PIECE
        match = pattern.search(text, start, end)
        if match is None:
            start = end - _OVERLAP if end < len(text) else end
        elif match.end() == end < len(text) and match.start() > start:
            start = match.start()  # it may go on behind the piece
        else:
            yield match
            start = max(match.end(), start + 1)
