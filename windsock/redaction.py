"""Secrets are taken out before a text leaves the process: exception texts carry connection strings and headers."""

from __future__ import annotations

import re

MASK = "***"

_NAMED = (
    r"(?P<keep>[\w-]{0,64}(?:passw(?:or)?d|secret|token|api[_-]?key|access[_-]?key|credential)[\w-]{0,32}[\"']?"
    r"\s{0,4}[=:]\s{0,4}[\"']?)[^\s\"',;&)}\]]{3,}"
)

PATTERNS = tuple(
    re.compile(pattern, flags)
    for pattern, flags in (
        # user:password@ in any URL, SQLAlchemy's dialects included
        (r"(?P<keep>[a-z][a-z0-9+.-]{1,30}://[^\s:/@]{0,256}:)[^\s/]{1,256}(?=@)", re.IGNORECASE),
        # Authorization: Bearer …, Basic …; a plain lower-case word is none: "basic authentication"
        (r"(?P<keep>\b(?i:bearer|basic)\s{1,4})(?=[a-z]{16}|[a-z]{0,15}[A-Z0-9_~+/=-])[A-Za-z0-9._~+/=-]{8,}", 0),
        # password=…, "api_key": "…", --token …
        (_NAMED, re.IGNORECASE),
        (r"(?P<keep>)\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}\b", 0),  # AWS access key ids
        (r"(?P<keep>)\bAIza[0-9A-Za-z_-]{35}", 0),  # Google API keys
        (r"(?P<keep>)\bya29\.[0-9A-Za-z_-]{20,}", 0),  # Google OAuth tokens
        (r"(?P<keep>)\bgh[pousr]_[A-Za-z0-9]{36,}|\bgithub_pat_[A-Za-z0-9_]{22,}", 0),
        (r"(?P<keep>)\bxox[abeoprs]-[A-Za-z0-9-]{10,}", 0),  # Slack tokens
        (r"(?P<keep>https://hooks\.slack\.com/)(?:services|workflows|triggers)/[A-Za-z0-9/_-]+", 0),
        (r"(?P<keep>)\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{5,}", 0),  # JSON web tokens
        (
            r"(?P<keep>-----BEGIN [A-Z ]{0,32}PRIVATE KEY-----).{1,20000}?(?:-----END [A-Z ]{0,32}PRIVATE KEY-----|\Z)",
            re.DOTALL,
        ),
    )
)


def redact(text: str) -> str:
    """Return `text` with what looks like a secret replaced by `***`."""
    for pattern in PATTERNS:
        text = pattern.sub(rf"\g<keep>{MASK}", text)
    return text
