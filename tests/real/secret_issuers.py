"""Keys and tokens that are known by their own form, as their issuers make them, and private keys."""

from __future__ import annotations

import json
import string

from .secret_values import ALNUM, SAFE, digits, hexadecimal, some, word


def of_issuer(r):
    a = lambda n: word(r, n)  # noqa: E731
    s = lambda n: some(r, SAFE, n - 2, n - 2)  # noqa: E731
    h = lambda n: hexadecimal(r, n)  # noqa: E731
    u = lambda n: "".join(r.choice(string.ascii_uppercase + string.digits) for _ in range(n))  # noqa: E731
    value = r.choice(
        [
            "AKIA" + u(16),
            "ASIA" + u(16),
            "AIza" + s(35),
            "ya29." + s(60),
            "GOCSPX-" + s(28),
            "ghp_" + a(36),
            "ghs_" + a(36),
            f"github_pat_{a(22)}_{a(59)}",
            "glpat-" + s(20),
            "gldt-" + s(20),
            f"xoxb-{digits(r, 12)}-{digits(r, 12)}-{a(24)}",
            f"xoxe.xoxp-1-{a(60)}",
            f"xapp-1-{u(11)}-{digits(r, 13)}-{h(64)}",
            "sk_live_" + a(24),
            "rk_test_" + a(30),
            "whsec_" + a(32),
            f"SG.{s(22)}.{s(43)}",
            "SK" + h(32),
            "key-" + h(32),
            "npm_" + a(36),
            "pypi-AgEIcHlwaS5vcmc" + s(90),
            "sk-proj-" + s(60),
            "sk-ant-api03-" + s(93),
            "sk-or-v1-" + h(64),
            "hf_" + a(34),
            "hvs." + s(40),
            "dop_v1_" + h(64),
            "dapi" + h(32),
            f"glsa_{a(32)}_{h(8)}",
            "NRAK-" + u(27),
            "shpat_" + h(32),
            "sq0atp-" + s(22),
            f"PMAK-{h(24)}-{h(34)}",
            "lin_api_" + a(40),
            f"dt0c01.{u(24)}.{u(64)}",
            "ATATT3xFfGF0" + s(60),
            "ATBB" + a(32),
            "dckr_pat_" + s(27),
            "ntn_" + a(46),
            "figd_" + s(40),
            f"{a(14)}.atlasv1.{s(67)}",
            "pul-" + h(40),
            "pscale_tkn_" + s(43),
            "sbp_" + h(40),
            "dp.pt." + a(43),
            "sntrys_" + a(60),
            "sqp_" + h(40),
            "HRKU-" + s(36),
            f"xkeysib-{h(64)}-{a(16)}",
            "gsk_" + a(52),
            "r8_" + a(37),
            "pplx-" + a(48),
            "xai-" + a(80),
            f"tskey-auth-{a(12)}-{a(32)}",
            f"access-production-{h(8)}-{h(4)}-{h(4)}-{h(4)}-{h(12)}",
            h(32) + "-us14",
            "LTAI" + a(20),
            "EAACEdEose0cBA" + a(90),
            f"{digits(r, 10)}:AA{s(33)}",
            f"{a(3)}8Q~{s(34)}",
            "rubygems_" + h(48),
            f"MT{a(23)}.{a(6)}.{s(38)}",
            "oy2" + a(43).lower(),
            f"pat{a(14)}.{h(64)}",
            "sl." + s(100),
            "dbtu_" + s(40),
            f"eyJhbGciOiJIUzI1NiJ9.eyJ{a(30)}.{s(43)}",
            f"eyJhbGciOiJkaXIifQ..{a(16)}.{a(40)}.{a(22)}",
            "AGE-SECRET-KEY-1" + u(58),
        ]
    )
    return value, r.choice(
        [
            "it said: {}",
            '{{"value": "{}"}}',
            "'{}'",
            "X: {}\r\nY: 1",
            "https://x.example.org/v1?page={}&n=1",
            "[{}]",
            "({})",
            "a={}",
            "{}",
            "{}\n",
        ]
    ).format(value)


def of_key(r):
    body = "\n".join(some(r, ALNUM + "+/", 62, 62) for _ in range(r.randint(3, 50)))
    kind = r.choice(["", "RSA ", "EC ", "DSA ", "OPENSSH ", "ENCRYPTED "])
    text = f"-----BEGIN {kind}PRIVATE KEY-----\n{body}\n-----END {kind}PRIVATE KEY-----"
    return body.split("\n")[1], r.choice(
        [
            text,
            json.dumps({"type": "service_account", "private_key": text + "\n"}),
            repr(text),
            text.partition("-----END")[0],
            text.replace("PRIVATE KEY", "PRIVATE KEY BLOCK").replace("BEGIN ", "BEGIN PGP "),
            text.replace("\n-", "\n-").replace(
                "KEY-----\n", "KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,AB-CD\n\n", 1
            ),
            json.dumps({"kty": "RSA", "n": "x", "d": body.split("\n")[1].replace("+", "-").replace("/", "_")}).replace(
                "+", "-"
            ),
        ]
    )
