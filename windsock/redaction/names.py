"""Secrets that are known by the name before them: `name = value`, `"name": "value"`, `--name value`.

A name and a value meet in few ways, whatever the language: JSON, YAML, env, DSN, headers, query strings are one form.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .form import Form

if TYPE_CHECKING:
    from collections.abc import Iterator

WINDOW = 4096


class _Name(NamedTuple):
    words: tuple[str, ...]
    pattern: str
    before: tuple[str, ...] = ()
    unless: str = r"[]"


# What stands around a value: quotes, escaped or not, of JSON in JSON, of HTML, of URLs; PostgreSQL's dollars.
QUOTED = (
    r"(?:[brufn]{0,2}(?:"
    r"\\\"(?:[^\\\"\n]|\\\\(?:\\\\|\\[\"']|[^\\\"'\n])|\\[^\\\"'\n])+"
    r"|\\'(?:[^\\'\n]|\\\\(?:\\\\|\\[\"']|[^\\\"'\n])|\\[^\\\"'\n])+"
    r"|\\{2,3}[\"'](?:[^\\\"'\n]|\\{1,3}[^\\\"'\n]|\\{4,8}[\"']?)+"
    r"|\"(?:[^\"\\\n]|\\.|\"\")+|'(?:[^'\\\n]|\\.|'')+|`[^`\n]+)"
    r"|&quot;(?:[^&\n]|&(?:amp|lt|gt|#39);)+|&#3[49];[^&\n]+"
    r"|%2[27](?:[^\s&%]|%[013-9a-f]|%2[013-689a-f])+|\$\w{0,16}\$[^$\n]+)"
)
# Up to where a value ends in a URL, a connection string, a call.
_BARE = r"(?:[^\s\"'`&,;<>\\]|\\[^\s\"'])(?:[^\s\"'`&,;<>\\]|\\[^\s\"'])+[^\s\"'`&,;<>\\)}\]]"
# Values that say nothing: of JSON and Python, sizes and counts, what is filled in later …
PLAIN = (
    r"none|null|nil|true|false|yes|no|\d{1,5}(?:\.\d{1,3})?|str|int|bool|bytes|float|dict|list|any|object|optional"
    r"|\*{3,}|<[\w .-]*>?|\$\{\w+(?::?[?-].*)?\}?|\{\{.*|\{\w*\}?|%s|%\(\w+\)s?|\.{3}"
    r"|(?:\w+_)?(?:password|passwd|token|secret|api_key|credentials?)"
)
# … and, where nothing is in quotes, types and calls in a line of code.
CODE = (
    r"(?:str|int|bool|bytes|float|dict|list|any|object|optional|union|callable|secretstr)\[.*|[a-z_.]{3,}\(.*"
    r"|(?:self|cls|os|conn|conf|config|settings|options|args|kwargs|context|connection|hook|request|response|credentials?"
    r"|parsed|url|env|environ|params|data|session|client)(?:\.[a-z_]|\[).*|\{.*"
    r"|[a-z_][a-z_.]*[_.](?:password|passwd|token|secret|key|credentials?)"
)
# A name that ends like this tells of a secret and is none: `token_url`, `password_file`, `tokens_used`.
_ABOUT = (
    r"[a-z](?:[_-]|s_)?(?:url|uri|file|path|dir|folder|name|type|count|len|length|size|limit|ttl|expiry|expires|expires_in"
    r"|expiration|version|algorithm|arn|policy|format|endpoint|backend|class|usage|used|required|enabled|field|column|scope"
    r"|timeout|retries|provider|manager|bucket)\\{0,3}[\"'`]?\]?[ \t]*(?:=|:)"
)
_CLOSE = r"(?:\\{0,3}[\"'`]|&quot;|&#3[49];|%2[27])?[\])]?"
_MORE = r"[\w.*-]{0,48}"
_MEETS = (
    r"[ \t]{0,16}(?:=>|:=|={1,3}|:|%3d|%3a|&#61;|\\u003d)[ \t]{0,16}"
    r"(?:(?:str|bytes|secretstr|optional\[str\]|str \| none)[ \t]{0,4}=[ \t]{0,4})?"
)
# "name": "DB_PASSWORD", "value": …
_APART = r"[,\s]{1,24}\\{0,3}[\"']?value\\{0,3}[\"']?[ \t]{0,8}[:=][ \t]{0,8}"
# A tag or a block of YAML
_TAGGED = r"(?:!{1,2}\w{1,16}[ \t]{1,4}|[|>][+-]?[ \t]{0,4}\n[ \t]{1,16})?"
# An option's name takes what follows; `--no-password --host db` has none.
_OPTION = r"--[a-z][a-z-]{1,40}|-[a-z]{1,3}"
_LINE = r"(?:^|[\r\n])[ \t]*(?:-[ \t]+|export[ \t]+|set[ \t]+|env[ \t]+)?(?:name:[ \t]*)?[\w.-]*"

_SECRETS = _Name(
    (
        "passw", "passphrase", "passcode", "kennwort", "secret", "token", "credential", "signature", "fernet", "shared",
        "x-auth", "conn", "session", "authkey", "requirepass", "masterauth",
    ),
    r"(?:passw|passphrase|passcode|kennwort|secret|token|credential|signature|fernet|shared[_-]?access|x-auth"
    r"|connection_?string|conn_?str|session[_-]?id|authkey|requirepass|masterauth)",
)  # fmt: skip
# Short ones are parts of other words; `$PWD` is where one is, `pass: 120` and `sig: KILL` are counts and names.
_SHORT = _Name(
    ("pass", "pwd", "pw", "dsn", "sig", "psk", "jwt", "otp", "bearer", "_auth", "pat", "creds", "apikey"),
    r"(?:pass|pwd|pw|dsn|sig|psk|jwt|otp|bearer|_auth|pat|creds|apikey)(?:[_.-]|\d|\b)",
    (r"(?:^|[^a-z])(?:db|user|root|my|smtp|ftp|admin|ssh|key|store|mail|http|proxy|redis|mysql|pg|auth|sudo|ldap)?",),
    r"/[\w./~-]*|\d+|sig[a-z]+|\w{1,3}",
)
_KEY = (
    r"(?:api|app|application|access|account|private|signing|sign|encryption|decryption|encrypt|crypto|cipher|fernet"
    r"|service|routing|integration|auth|authorization|shared|licen[sc]e|master|secret|ssh|deploy|storage|server|consumer"
    r"|ingest|ingestion|insert|write|webhook|host|functions?|subscription|admin|aes|rsa|hmac|gpg|pgp|session|cookie|jwt"
    r"|security|instrumentation|sas|device|root|client|bot|genie|dd|hec|stripe|sendgrid|mailgun|twilio|openai|anthropic"
    r"|sentry|datadog|newrelic|honeycomb|aws|gcp|azure|maps|rest|vault|unseal|recovery|personal|user)[ _.-]?"
)
_KEYS = _Name(("key",), "key", (_KEY,))


def _forms(name: _Name) -> Iterator[Form]:
    unless = f"{PLAIN}|{name.unless}" if name.unless != "[]" else PLAIN
    value = f"(?:{QUOTED}|{_BARE})"
    named = f"{name.pattern}{_MORE}{_CLOSE}"
    yield Form(
        name.words,
        f"{named}(?:{_MEETS}|{_APART}){_TAGGED}",
        value,
        before=name.before,
        unless=unless,
        code=CODE,
        harmless=_ABOUT,
        window=WINDOW,
    )
    # A line that is nothing but a name and a value goes on to its end, with `,`, `;` and `&` in it: YAML, env, headers.
    yield Form(
        name.words,
        rf"{named}(?:[ \t]{{0,8}}[:=][ \t]{{0,8}}|{_APART}){_TAGGED}",
        r"[^\s\"'`{\[<(][^\s\"'`]{2,}",
        rest=r"[ \t]*(?:[\r\n]|$)",
        before=(*name.before, _LINE),
        unless=f"(?:{unless})[,;:)]*",
        code=CODE,
        harmless=_ABOUT,
    )
    yield Form(
        name.words,
        rf"{name.pattern}{_MORE}(?:[ ][^<>\n]{{0,64}})?>",
        "[^<>]{3,}",
        "</",
        name.before,
        unless,
        harmless=_ABOUT,
    )
    # ("password", "x"), as pairs and calls have it
    yield Form(
        name.words,
        rf"{name.pattern}{_MORE}\\{{0,3}}[\"'],[ \t]{{0,4}}",
        QUOTED,
        rest=r"\\{0,3}[\"'][ \t]{0,4}\)",
        before=(*name.before, r"\([ \t]*b?\\{0,3}[\"'][\w.-]*"),
        unless=unless,
    )
    yield Form(
        name.words,
        rf"{name.pattern}[\w-]{{0,24}}(?:\\{{0,3}}[\"'],[ \t]{{0,2}}|[ \t]{{1,2}})",
        rf"(?:{QUOTED}|[^\s\"'][^\s\"']+[^\s\"',;)])",
        before=(*name.before, r"(?:^|[\s\"'\[(,])--?[\w-]*"),
        unless=f"{unless}|{_OPTION}",
        window=WINDOW,
    )


NAMED = (
    *(form for name in (_SECRETS, _SHORT, _KEYS) for form in _forms(name)),
    # DB_PASSWORD=… among other words
    Form(
        tuple(word.upper() for word in _SECRETS.words),
        f"{_SECRETS.pattern.upper()}[A-Z0-9_]{{0,48}}=",
        r"[^\s\"'`{\[<(][^\s\"'`]{2,}",
        before=(r"(?:^|[\s\"'])[A-Z0-9]+_[A-Z0-9_]*",),
        unless=PLAIN,
        code=CODE,
        harmless=_ABOUT,
        needs="[A-Z0-9]_[A-Z0-9]",
        window=WINDOW,
        any_case=False,
    ),
    # PWD={with ; in it}, of ODBC
    Form(("pwd=", "password="), r"\w+=", r"\{[^{}\"':\n]{2,}\}"),
)
