"""What is known by where it stands: in URLs, headers, SQL, commands, and keys that say what they are."""

from __future__ import annotations

from dataclasses import replace

from .form import Form
from .issuers import ISSUERS
from .names import NAMED, PLAIN, QUOTED, WINDOW

_PART = r"[^\s\"'<>()\\]"
_APPRISE = (
    "tgram|slack|discord|msteams|workflows|workflow|gotify|gotifys|pover|pagerduty|opsgenie|mmost|mmosts|"
    "rocket|rockets|matrix|matrixs|ifttt|pbul|pushed|twilio|sns|spontit|line|signal|signals|webex|wxteams|"
    "gchat|zulip|ryver|flock|feishu|lark|dingtalk|guilded|join|prowl|spush|splunk|victorops|sendgrid|mailgun|"
    "sparkpost|vonage|nexmo|msg91|bark|barks|ntfy|ntfys|pushy|revolt|wecombot|pagertree|fcm|threema|whatsapp|"
    "plivo|o365|httpsms"
)
_HOOKS = (
    "/webhook", "/hook", "/incoming", "/input", "/integration", "/heartbeat", "/services/", "/workflows/",
    "/alert", "/ping", "/key/", "/token/", "/apikey/", "/api_key/", "/secret/", "/robot/", "/in/", "/invoke/",
    "/bot/", "/t/",
)  # fmt: skip
_URLS = (
    # user:password@ in any URL, whatever the password has in it; a port is none
    Form(("://",), r"://[^\s:/@\"'<>]{0,256}:", r"[^\s/\"'<>]+", "@", window=2048),
    Form(("://",), r"://[^\s:/@\[\]\"'<>]{1,256}:", r"[^\s\"'<>]+", "@", unless=r"\d{1,5}(?:[/?#].*)?", window=256),
    Form(("://",), r"://", r"[A-Za-z0-9_.~%+-]{16,}", "@"),
    Form(
        ("%3a%2f%2f",),
        r"%3a%2f%2f(?:[^\s%&]|%2[b-e]|%5f){0,256}%3a",
        r"(?:[^\s%&\"']|%[235-9][0-9a-f]|%4[1-9a-f])+",
        "%40",
        needs="%3[aA]%2[fF]",
    ),
    # What only a query calls so.
    Form(
        ("?", "&", ";", "#"),
        r"[?&;#](?:key|code|auth|k|sid|ticket|api|session|hmac|assertion|hash)=",
        r"[\w.~%+/=-]{8,}",
        unless=r"[a-z]+(?:[_-][a-z]+)*|\d{1,9}",
        needs="://",
    ),
    # scott/tiger@//host:1521/service
    Form(
        ("/",),
        "/",
        r"[^\s/@\"']{3,64}",
        r"@(?://)?[\w.-]{1,253}:\d{2,5}[/:]",
        (r"(?:^|[^\w/.])[A-Za-z]\w*",),
        needs="@",
    ),
    # What a messenger's address ends with lets everyone write there.
    Form(("hooks.slack",), r"hooks\.slack(?:-gov)?\.com/", rf"{_PART}{{4,}}"),
    Form(("/api/",), r"/api/(?:v\d+/)?webhooks/", rf"{_PART}{{8,}}"),
    Form((".office.com/", ".office365.com/"), r"\.office(?:365)?\.com/(?:webhook[\w]*/)?", r"[\w@/.-]{24,}"),
    Form(("/bot",), "/bot", r"\d{6,12}(?::|%3a)[\w-]{20,}"),
    Form(
        ("hc-ping.com/", "webhook.site/", "cronitor.link/", "ntfy.sh/", "hooks.zapier.com/", "maker.ifttt.com/"),
        r"[a-z.-]+/",
        rf"{_PART}{{6,}}",
    ),
    # The others have a long part behind such a word in their path, with a digit in it.
    Form(
        _HOOKS,
        r"/[\w.-]+/(?:[\w.~-]{1,64}/)*?",
        rf"[\w=~-]{{16,}}{_PART}*",
        before=(r"://[^\s\"'<>]*",),
        unless=r"[a-z]{1,15}(?:[_-]+[a-z]{1,15})*(?:\.[a-z]+)?/?(?:[?#].*)?",
    ),
    # Apprise's addresses are secrets as a whole.
    Form(("://",), "://", rf"{_PART}{{6,}}", before=(f"(?:^|[^a-z0-9+.-])(?:{_APPRISE})",), window=64),
)

_SCHEMES = ("Bearer", "Basic", "GenieKey", "ApiKey", "Negotiate")
_PARAMETER = r"[\w-]{1,32}=(?:\\{0,3}\"[^\"\\\n]*\\{0,3}\"|[^\s\"',;\\]+)"
_HEADERS = (
    # The scheme stays; a word in lower case alone is no secret: "authorization: failed"
    Form(
        ("authorization",),
        r"authorization\\{0,3}[\"']?\]?[ \t]{0,4}[:=,][ \t]{0,4}(?:b?\\{0,3}[\"'])?(?:[a-z][a-z0-9-]{1,20}[ \t]{1,4})?",
        rf"(?:{_PARAMETER}(?:[,;]?[ \t]{{0,2}}{_PARAMETER})*"
        r"|[a-z]*[\d_~+/=.:-][^\s\"',;\\<>]*|[a-z]{16,}[^\s\"',;\\<>]*)",
        unless="[a-z-]{1,15}[:.-]*|.{1,7}",
        window=WINDOW,
    ),
    Form(
        tuple(spelled for word in _SCHEMES for spelled in (word, word.lower())),
        r"[A-Za-z]+(?:[ \t]{1,4}|%20|\+)\\{0,3}[\"']?",
        r"(?:[a-z]{0,15}[A-Z0-9_~+/=.-][A-Za-z0-9._~+/=-]{7,}|[a-z]{16,}[A-Za-z0-9._~+/=-]*)",
        before=("(?:^|[^a-z])",),
        window=WINDOW,
        any_case=False,
    ),
    Form(
        ("cookie",),
        r"cookie2?\\{0,3}[\"']?[ \t]{0,4}[:=][ \t]{0,4}(?:b?\\{0,3}[\"'])?",
        r"[^\"'\r\n]{3,}",
        unless=PLAIN,
        window=WINDOW,
    ),
)

_SQL = (
    # PASSWORD 'x', PASSWORD('x'), wrong password "x": without a sign in between
    Form(
        ("passw", "secret", "pwd", "passphrase"),
        r"(?:passw(?:or)?d|secret|pwd|passphrase)(?:[ \t]{1,8}(?:is[ \t]{1,4})?|[ \t]{0,8}\([ \t]{0,8})",
        QUOTED,
        unless=PLAIN,
    ),
    Form(
        ("identified",),
        r"identified[ \t\n]{1,8}(?:(?:with|via)[ \t\n]{1,8}\S{1,64}[ \t\n]{1,8})?(?:by|as|using)[ \t\n]{1,8}"
        r"(?:values[ \t\n]{1,8})?(?:password[ \t\n]{0,8}\(?[ \t\n]{0,8})?",
        rf"(?:{QUOTED}|[^\s\"'`;,)]+)",
        rest=r"(?:[\"'`$;)\r\n]|$|[ \t]+(?:;|$|[\r\n]|replace|default|temporary|account|profile|quota|require|with))",
        unless="random|password",
    ),
    Form(("set password for",), r"set password for \S+[ \t]*(?:=|to)[ \t]*", QUOTED),
    Form(("credentials",), r"credentials[ \t\n]{1,8}(?:as[ \t]{1,8})?", QUOTED, unless=PLAIN),
)

_OPTION = r"(?:^|[\s\"'\[(,])--?[A-Za-z]"
_ARGUMENT = rf"(?:{QUOTED}|[^\s\"',\]]+)"
# Between a command and its option: the other arguments, on the line or in a list.
_ARGUMENTS = r"[\w.-]{0,32}[\"']?,?[ \t][\"']?(?:[^\n|]*?[ \t\"'])?"
_COMMANDS = (
    # mysql -pPW, where `-p PW` names a database; 7z -pPW
    Form(
        ("mysql", "mariadb", "7z"),
        rf"[a-z0-9]+{_ARGUMENTS}-p",
        _ARGUMENT,
        before=("(?:^|[^a-z0-9])",),
        unless="[\"']?",
    ),
    Form(
        (
            "sshpass",
            "mongo",
            "cqlsh",
            "beeline",
            "influx",
            "docker",
            "podman",
            "helm",
            "skopeo",
            "az ",
            "oc ",
            "psexec",
        ),
        rf"[a-z]+{_ARGUMENTS}-p[\"']?,?[ \t]{{0,2}}",
        _ARGUMENT,
        before=("(?:^|[^a-z0-9])",),
        unless=r"\d{1,5}(?::\d+.*)?|\d+\.\d+\.\d+\.\d+:.*|[\w.-]+/(?:tcp|udp)|-.*",
    ),
    Form(("redis-cli", "rediscli"), rf"[a-z-]+{_ARGUMENTS}(?:-a|--pass)[\"']?,?[ \t]{{1,2}}", _ARGUMENT),
    Form(
        ("sqlcmd", "bcp ", "isql", "zip ", "osql"),
        rf"[a-z]+{_ARGUMENTS}-P[\"']?,?[ \t]{{0,2}}",
        _ARGUMENT,
        any_case=False,
    ),
    Form(("ldap",), rf"ldap[a-z]+{_ARGUMENTS}-w[\"']?,?[ \t]{{0,2}}", _ARGUMENT, any_case=False),
    Form(("htpasswd",), rf"htpasswd{_ARGUMENTS}-[a-z0-9]*b[a-z0-9]*[ \t]+\S+[ \t]+\S+[ \t]+", _ARGUMENT),
    Form(("pass:",), "pass:", r"[^\s\"',]{2,}", before=(r"-(?:pass(?:in|out)?|k)[\"']?,?[ \t][\"']?",)),
    # curl -u user:PW, --user=user:PW, --proxy-user, smbclient -U user%PW
    Form(
        ("-u", "--user", "--proxy-user", "-a"),
        r"--?[a-z-]{1,16}(?:[\"']?,?[ \t]{1,2}|=)?[\"']?[^\s:%\"'/=,]{1,64}[:%]",
        r"[^\s\"'/][^\s\"']*",
        before=(r"(?:^|[\s\"'\[,(])",),
        unless=r"//.*|\d{1,5}",
    ),
)

_SETTINGS = (
    Form(("login ", "user "), r"[a-z]+[ \t]+\S{1,64}\s+(?:password|passwd)\s+", r"\S+", before=("(?:^|[^a-z])",)),
    Form(
        ("requirepass ", "masterauth ", "env ", "setx ", "config set ", "configure set "),
        r"(?:requirepass|masterauth|(?:env|setx|set)[ \t]+[\w.-]*(?:passw|secret|token|api_?key|access_?key)[\w.-]*"
        r"|config(?:ure)? set[ \t]+[\w.-]*(?:passw|secret|token|key|pass)[\w.-]*)[ \t]+",
        rf"(?:{QUOTED}|[^\s\"']{{3,}})",
        before=("(?:^|[^a-z])",),
    ),
)

_KEYS = (
    Form(
        ("-----begin ",),
        r"-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----",
        r"[^-]+(?:-{1,4}[^-]+)*(?:-----END [A-Z0-9 ]{0,32}PRIVATE KEY(?: BLOCK)?-----)?",
        window=20_000,
    ),
    Form(("private-lines:",), r"private-lines:[ \t]*\d+", r"(?:\s+[A-Za-z0-9+/=]{8,})+", window=20_000),
    # "d": "…" of a JSON web key
    Form(('"d"',), r"\"d\"[ \t]{0,4}:[ \t]{0,4}\"", "[A-Za-z0-9_-]{22,}", window=WINDOW),
)

FORMS = (
    *_KEYS,
    *NAMED,
    *(replace(form, needs=form.needs or "://") for form in _URLS),
    *_HEADERS,
    *_SQL,
    *(replace(form, needs=_OPTION) for form in _COMMANDS),
    *_SETTINGS,
    *ISSUERS,
)
