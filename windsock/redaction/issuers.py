"""The forms that issuers give their keys: each begins with what is nobody else's."""

from __future__ import annotations

from .form import Form

LONG = r"[A-Za-z0-9_.=+/~$:-]{15}"
"""No key is shorter."""
_ALONE = ("(?:^|[^A-Za-z0-9])",)


def _key(words: str, rest: str, before: tuple[str, ...] = _ALONE) -> Form:
    """Keys that begin with one of `words`, as they are written, and go on with `rest`."""
    spelled = words.split()
    begin = "|".join(word.replace(".", r"\.").replace("$", r"\$") for word in spelled)
    return Form(tuple(spelled), "", f"(?:{begin}){rest}", before=before, needs=LONG, window=4096, any_case=False)


ISSUERS = (
    # AWS: the id, and its secret beside it
    _key(
        "AKIA ASIA ABIA ACCA AROA AIDA",
        r"[A-Z0-9]{16}(?:[\s:,/\"'=]{1,5}[A-Za-z0-9/+]{40}(?:[^A-Za-z0-9/+]|$))?",
    ),
    _key("AIza", "[0-9A-Za-z_-]{35}"),  # Google: API keys, OAuth tokens, clients, refresh tokens
    _key("ya29. GOCSPX- 1//0", "[0-9A-Za-z_-]{20,}"),
    _key("GOOG1", "[A-Z0-9]{20,}"),
    _key("ghp_ gho_ ghu_ ghs_ ghr_ github_pat_", "[A-Za-z0-9_]{22,}"),
    _key("glpat- gldt- glrt- glptt- glsoat- glcbt- glft- glagent- glimt- gloas- glffct-", "[0-9A-Za-z_.-]{20,}"),
    _key("xoxa- xoxb- xoxe- xoxe. xoxo- xoxp- xoxr- xoxs- xoxc- xoxd- xapp-", "[A-Za-z0-9%.-]{10,}"),  # Slack
    _key("sk_live_ sk_test_ rk_live_ rk_test_ pk_live_ pk_test_", "[0-9A-Za-z]{10,}"),  # Stripe
    _key("whsec_", "[0-9A-Za-z+/=]{16,}"),
    _key("SG.", r"[0-9A-Za-z_-]{16,32}\.[0-9A-Za-z_-]{32,64}"),  # SendGrid
    _key("SK AC", "[0-9a-f]{32}"),  # Twilio
    _key("key-", "[0-9a-f]{32}"),  # Mailgun
    _key("npm_ hf_ lin_api_ r8_ gsk_ fo1_ pat_ sgp_", "[A-Za-z0-9_]{30,}"),
    _key("pypi- fm1_ fm2_ fm1r_", "[A-Za-z0-9_+/=-]{50,}"),
    # OpenAI, Anthropic, by what they write there: of theirs no stretch without a hyphen has to be long
    _key("sk-proj- sk-svcacct- sk-admin- sk-ant-", "[A-Za-z0-9_-]{20,}"),
    _key("sk-", "[A-Za-z0-9_-]*[A-Za-z0-9_]{20}[A-Za-z0-9_-]*"),  # OpenAI, Anthropic, OpenRouter, DeepSeek
    _key("xai- pplx- tskey- tvly- ops_ csk- nvapi- jina_ fw_ esecret_", "[A-Za-z0-9_-]{20,}"),
    _key("hvs. hvb. hvr.", "[A-Za-z0-9_-]{20,}"),  # Vault
    _key("s.", "[A-Za-z0-9]{24}", ("(?:^|[^A-Za-z0-9./_-])",)),
    _key("dop_v1_ doo_v1_ dor_v1_", "[0-9a-f]{64}"),  # DigitalOcean
    _key("dapi dkea", r"[0-9a-f]{32}(?:-\d)?"),  # Databricks
    _key("glsa_ glc_", "[A-Za-z0-9+/_]{32,}={0,2}"),  # Grafana
    _key("NRAK- NRII- NRJS- NRRA- NRIQ-", "[A-Za-z0-9_-]{19,}"),  # New Relic
    _key("shpat_ shpca_ shppa_ shpss_", "[0-9a-fA-F]{32}"),  # Shopify
    _key("sq0atp- sq0csp- sq0idp- EAAA", "[0-9A-Za-z_-]{22,}"),  # Square
    _key("EAA", "[0-9A-Za-z]{60,}"),  # Facebook
    _key("PMAK-", "[0-9a-f]{24}-[0-9a-f]{34}"),  # Postman
    _key("dt0a dt0c dt0s", r"\d{2}\.[A-Z0-9]{24}\.[A-Z0-9]{64}"),  # Dynatrace
    _key("AGE-SECRET-KEY-1", "[0-9A-Z]{50,}"),
    _key("ATATT3 ATCTT3 ATBB ATOA", "[A-Za-z0-9_=-]{20,}"),  # Atlassian
    _key("dckr_pat_ dckr_oat_", "[A-Za-z0-9_-]{20,}"),  # Docker
    _key(
        "ntn_ figd_ figu_ sntrys_ sntryu_ pul- pnu_ pnb_ rnd_ bkua_ bkaj_ sbp_ rubygems_ cio", "[A-Za-z0-9_+/=-]{26,}"
    ),
    _key(
        "squ_ sqp_ sqa_ CCIPAT_ CCIPRJ_ HRKU- CFPAT- dbtc_ dbtu_ hcaik_ hcalk_ tfp_ EZAK EZTK phx_ phc_",
        "[A-Za-z0-9_-]{20,}",
    ),
    _key(
        "pscale_tkn_ pscale_pw_ pscale_oauth_ dp.pt. dp.st. dp.ct. dp.sa. dp.scim. dp.audit. nf_ vercel_",
        "[A-Za-z0-9_.=-]{20,}",
    ),
    _key("xkeysib- xsmtpsib-", "[0-9a-f]{64}-[A-Za-z0-9]{16}"),  # Brevo
    _key("access-sandbox- access-development- access-production-", "[0-9a-f-]{36}"),  # Plaid
    _key("access_token$", r"(?:production|sandbox)\$[a-z0-9]{16}\$[0-9a-f]{32}"),  # Braintree
    _key("FLWSECK FLWSECK_TEST", "-[0-9A-Za-z-]{12,}"),
    _key("LTAI AKID", "[A-Za-z0-9]{16,}"),  # Alibaba, Tencent
    _key("AQVN y0_ t1.", "[A-Za-z0-9_-]{35,}"),  # Yandex
    _key("sl.", "[A-Za-z0-9_-]{60,}"),  # Dropbox
    _key("APA91b", "[A-Za-z0-9_-]{100,}", ()),  # Firebase
    _key("oy2", "[a-z0-9]{43}"),  # NuGet
    _key("pk.eyJ sk.eyJ tk.eyJ", r"[A-Za-z0-9_.-]{20,}"),  # Mapbox
    _key("eyJ", r"[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{5,}(?:\.[A-Za-z0-9_-]+)*", ()),  # JSON web tokens
    _key("eyJ", r"[A-Za-z0-9_-]{8,}\.\.[A-Za-z0-9_-]{8,}(?:\.[A-Za-z0-9_-]+)*", ()),
    # What stands in the middle of a key
    Form(
        (":AA",), "", ":AA[0-9A-Za-z_-]{32,}", before=(r"(?:^|\D)(\d{8,10})",), needs=LONG, any_case=False
    ),  # Telegram
    Form(
        (".atlasv1.",),
        "",
        r"\.atlasv1\.[A-Za-z0-9_=-]{40,}",
        before=("(?:^|[^A-Za-z0-9])([A-Za-z0-9]{10,40})",),
        needs=LONG,
        any_case=False,
    ),  # Terraform
    Form(
        ("7Q~", "8Q~"), "", "[78]Q~[A-Za-z0-9_~.-]{31,34}", before=("([A-Za-z0-9_~.-]{3})",), needs=LONG, any_case=False
    ),  # Azure
    Form(
        ("-us",), "", r"-us\d{1,2}", before=("(?:^|[^0-9a-f])([0-9a-f]{32})",), needs=LONG, any_case=False
    ),  # Mailchimp
    Form(
        ("MT", "Mj", "Mz", "ND", "NT", "Nj", "Nz", "OD", "OT"),
        "",
        r"[MNO][A-Za-z0-9_-]{23,27}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,40}",
        before=_ALONE,
        needs=LONG,
        window=128,
        any_case=False,
    ),  # Discord
    Form(("pat",), "", r"pat[A-Za-z0-9]{14}\.[0-9a-f]{64}", before=_ALONE, needs=LONG, any_case=False),  # Airtable
)
