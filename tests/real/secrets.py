"""Secrets made at random from the forms that their issuers publish, and texts that carry them."""

from __future__ import annotations

import base64
import json
import string
import traceback
from urllib.parse import quote

ALNUM = string.ascii_letters + string.digits
HEX = "0123456789abcdef"
URLSAFE = ALNUM + "_-"
UPPER = string.ascii_uppercase + string.digits


def pick(r, alphabet, least, most=None):
    return "".join(r.choice(alphabet) for _ in range(r.randint(least, most or least)))


# By issuer: the secret, and whether it is known by its looks; the others are known by the name that stands before them.
LOOKS = {
    "AWS access key id": lambda r: r.choice(["AKIA", "ASIA"]) + pick(r, UPPER, 16),
    "Google API key": lambda r: "AIza" + pick(r, URLSAFE, 35),
    "Google OAuth token": lambda r: "ya29." + pick(r, URLSAFE, 40, 120),
    "Google OAuth client": lambda r: "GOCSPX-" + pick(r, URLSAFE, 28),
    "GitHub": lambda r: r.choice(["ghp_", "gho_", "ghu_", "ghs_", "ghr_"]) + pick(r, ALNUM, 36),
    "GitHub fine-grained": lambda r: "github_pat_" + pick(r, ALNUM, 22) + "_" + pick(r, ALNUM, 59),
    "GitLab": lambda r: "glpat-" + pick(r, URLSAFE, 20),
    "Slack bot": lambda r: f"xoxb-{pick(r, string.digits, 12)}-{pick(r, string.digits, 12)}-{pick(r, ALNUM, 24)}",
    "Slack app": lambda r: f"xapp-1-A{pick(r, UPPER, 10)}-{pick(r, string.digits, 13)}-{pick(r, HEX, 64)}",
    "Stripe": lambda r: r.choice(["sk_live_", "rk_live_", "sk_test_"]) + pick(r, ALNUM, 24, 99),
    "SendGrid": lambda r: f"SG.{pick(r, URLSAFE, 22)}.{pick(r, URLSAFE, 43)}",
    "Twilio": lambda r: "SK" + pick(r, HEX, 32),
    "npm": lambda r: "npm_" + pick(r, ALNUM, 36),
    "PyPI": lambda r: "pypi-AgEIcHlwaS5vcmc" + pick(r, URLSAFE, 80, 140),
    "OpenAI": lambda r: "sk-proj-" + pick(r, URLSAFE, 48, 120),
    "Anthropic": lambda r: "sk-ant-api03-" + pick(r, URLSAFE, 93) + "AA",
    "Hugging Face": lambda r: "hf_" + pick(r, string.ascii_letters, 34),
    "Vault": lambda r: "hvs." + pick(r, URLSAFE, 24, 95),
    "DigitalOcean": lambda r: "dop_v1_" + pick(r, HEX, 64),
    "Databricks": lambda r: "dapi" + pick(r, HEX, 32),
    "Grafana": lambda r: f"glsa_{pick(r, ALNUM, 32)}_{pick(r, HEX, 8)}",
    "Azure client secret": lambda r: pick(r, ALNUM, 3) + "8Q~" + pick(r, ALNUM + "_~.-", 34),
    "Telegram": lambda r: pick(r, "123456789", 10) + ":AA" + pick(r, URLSAFE, 33),
    "JSON web token": lambda r: ".".join(
        (_b64(b'{"alg":"HS256"}'), _b64(f'{{"sub":"{pick(r, ALNUM, 12)}"}}'.encode()), pick(r, URLSAFE, 43))
    ),
    "Slack webhook": lambda r: (
        f"https://hooks.slack.com/services/T{pick(r, UPPER, 10)}/B{pick(r, UPPER, 10)}/{pick(r, ALNUM, 24)}"
    ),
    "private key": lambda r: (
        f"-----BEGIN {r.choice(['', 'RSA ', 'EC ', 'OPENSSH '])}PRIVATE KEY-----\n"
        + "\n".join(pick(r, ALNUM + "+/", 64) for _ in range(20))
        + "\n-----END PRIVATE KEY-----"
    ),
}
NAMED = {
    "AWS secret key": lambda r: ("aws_secret_access_key", pick(r, ALNUM + "/+", 40)),
    "Azure storage": lambda r: ("AccountKey", pick(r, ALNUM + "/+", 86) + "=="),
    "Azure service bus": lambda r: ("SharedAccessKey", pick(r, ALNUM + "/+", 43) + "="),
    "PagerDuty": lambda r: ("routing_key", pick(r, HEX, 32)),
    "Datadog": lambda r: ("DD-API-KEY", pick(r, HEX, 32)),
    "Fernet": lambda r: ("AIRFLOW__CORE__FERNET_KEY", pick(r, ALNUM, 1) + pick(r, URLSAFE, 42) + "="),
    "password": lambda r: ("password", pick(r, ALNUM + "!$%*+-./:=?@^_~|", 8, 24).strip("./:?=") + "x9"),
    "passphrase": lambda r: ("passphrase", pick(r, string.ascii_lowercase, 8, 12) + pick(r, ALNUM, 4)),
    "client secret": lambda r: ("client_secret", pick(r, ALNUM, 1) + pick(r, URLSAFE, 39)),
    "Snowflake": lambda r: ("SNOWFLAKE_PWD", pick(r, ALNUM, 14)),
}


def _b64(raw):
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _traceback(text):
    try:
        raise ConnectionError(text)
    except ConnectionError:
        return traceback.format_exc()


def looks_in(r, secret):
    """Where a secret that is known by its looks may stand."""
    return r.choice(
        [
            f"it said: {secret}",
            f"https://api.example.org/v1/items?page=2&key={secret}&limit=10" if "\n" not in secret else secret,
            f"Authorization: Bearer {secret}",
            json.dumps({"user": "etl", "value": secret, "items": [1, 2]}),
            json.dumps({"body": json.dumps({"value": secret})}),
            repr({"value": secret}),
            _traceback(f"401 from the server, sent {secret!r}"),
            f"X-Auth: {secret}\r\nAccept: */*",
            f"conf={{'target': '{secret}'}}",
            f"[{secret}]",
        ]
    )


def named_in(r, name, secret):
    """Where one that is known by its name may stand."""
    return r.choice(
        [
            f"https://api.example.org/v1/items?page=2&{name}={quote(secret, safe='')}&limit=10",
            f"DefaultEndpointsProtocol=https;AccountName=x;{name}={secret};EndpointSuffix=core.windows.net",
            json.dumps({"user": "etl", name: secret, "items": [1, 2]}),
            json.dumps({name: secret}, indent=2),
            json.dumps({"body": json.dumps({name: secret})}),
            repr({name: secret, "x": 1}),
            _traceback(f"connect(host='db', {name}={secret!r}, port=5432)"),
            f"host=db {name}={secret} port=5432",
            f"{name}: {secret}",
            f"export {name}='{secret}'",
            f"loader --{name.replace('_', '-')} {secret} --verbose",
            f"<{name}>{secret}</{name}>",
            f"X-{name}: {secret}\r\nAccept: */*",
        ]
    )


def connection(r):
    password = pick(r, ALNUM + "!$*+-=_~.,;", 8, 24)
    scheme = r.choice(["postgresql+psycopg2", "mysql", "mongodb+srv", "amqp", "redis", "snowflake", "https", "sftp"])
    user = r.choice(["etl", "svc-airflow", "", "a.b%40c"]) if scheme == "redis" else "etl"
    return password, r.choice(
        [
            f"{scheme}://{user}:{password}@db.example.org:5432/orders?sslmode=require",
            f"could not connect to {scheme}://{user}:{password}@db/orders (timeout)",
            json.dumps({"conn": f"{scheme}://{user}:{password}@db/orders"}),
            _traceback(f"OperationalError: {scheme}://{user}:{password}@db/orders"),
        ]
    )


def basic(r):
    login = base64.b64encode(f"etl:{pick(r, ALNUM, 8, 20)}".encode()).decode()
    return login, r.choice([f"Authorization: Basic {login}", repr({"Authorization": f"Basic {login}"})])


def one(r):
    """A secret and a text that holds it."""
    kind = r.random()
    if kind < 0.5:
        secret = r.choice(list(LOOKS.values()))(r)
        return secret, looks_in(r, secret)
    if kind < 0.8:
        name, secret = r.choice(list(NAMED.values()))(r)
        return secret, named_in(r, name, secret)
    return connection(r) if kind < 0.95 else basic(r)


def core(secret):
    """A part in the middle that tells it: the first characters are an issuer's prefix."""
    body = secret.split("\n")[len(secret.split("\n")) // 2]
    return body[len(body) // 2 :][:12]
