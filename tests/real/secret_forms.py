"""Texts with a secret in them, by kind of text: each way of quoting and separating that the kind has."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

import yaml

from .secret_issuers import of_issuer, of_key
from .secret_values import ALNUM, SAFE, digits, hexadecimal, some, word

NAMES = (
    "password", "PASSWORD", "db_password", "DB_PASSWORD", "dbPassword", "Passwd", "user_passwd", "passphrase", "pwd", "PWD",  # noqa: E501
    "DB_PASS", "db-pass", "pass", "secret", "client_secret", "clientSecret", "SECRET_KEY", "secret_access_key", "token",
    "access_token", "refreshToken", "id-token", "AUTH_TOKEN", "api_key", "apiKey", "API-KEY", "apikey", "x-api-key",
    "DD-API-KEY", "DD-APPLICATION-KEY", "app_key", "application_key", "private_key", "signing-key", "encryption_key",
    "fernet_key", "AccountKey", "SharedAccessKey", "routing_key", "integration_key", "license_key", "NEW_RELIC_LICENSE_KEY",  # noqa: E501
    "master_key", "consumer_secret", "Ocp-Apim-Subscription-Key", "X-Vault-Token", "PRIVATE-TOKEN", "X-Auth-Token",
    "X-Auth-Key", "signature", "credential", "MYSQL_PWD", "PGPASSWORD", "REDISCLI_AUTH_TOKEN", "ssh_passphrase", "dsn",
    "SENTRY_DSN", "webhook_secret", "hmac_key", "aes_key", "session_token", "SESSION_ID", "jwt", "bearer", "otp_secret",
)  # fmt: skip
MOST = ALNUM + "_-.!*^~+%/@#?=:$|"
ANY = MOST + ",;& {}[]()<>"


def of_json(r):
    name, value = r.choice(NAMES), some(r, ANY + "\"'\\", 10, 26)
    text = json.dumps(
        {"user": "etl", name: value, "port": 5432},
        indent=r.choice([None, None, 2]),
        separators=r.choice([None, (",", ":")]),
    )
    for _ in range(r.choice([0, 0, 1])):
        text = json.dumps({"body": text, "status": 401})
    return value, text


def of_python(r):
    name, value = r.choice(NAMES), some(r, ANY, 10, 26)
    return value, r.choice(
        [
            repr({"user": "etl", name: value, "port": 1}),
            f"connect(host='db', {name}={value!r}, port=5432)",
            f"{name} = {value!r}",
            f'self.{name.replace("-", "_")}: str = "{value}"',
            f"os.environ['{name}'] = '{value}'",
            f"[('host', 'db'), ('{name}', '{value}')]",
            f'setenv("{name}", "{value}")',
            repr({name.encode(): value.encode()}),
            f"headers={{'{name}': b'{value}'}}",
            f"Conn(host='x', {name}=\"{value}\")",
        ]
    )


def of_yaml(r):
    name = r.choice(NAMES)
    value = some(r, MOST.replace("#", "").replace(":", "") + ",;&", 10, 26)
    return value, r.choice(
        [
            yaml.safe_dump({"db": {"user": "etl", name: value}}),
            f"{name}: {value}",
            f"  {name}:   {value}\n  next: 1",
            f"{name}: '{value}'",
            f'{name}: "{value}"  # comment',
            f"- {name}: {value}\n- x",
            f"{name}: |\n  {value}\n",
            f"{name}: !!str {value.translate({ord(c): None for c in ',;&'})}",
            f"- name: {name}\n  value: {value}\n",
            f'- name: {name}\n  value: "{value}"\n',
        ]
    )


def of_env(r):
    name = r.choice([name for name in NAMES if name.isupper() or "_" in name]).replace("-", "_")
    loose, value = some(r, MOST + ",;&", 10, 24), some(r, MOST, 10, 24)
    return r.choice(
        [
            (loose, f"{name.upper()}={loose}"),
            (loose, f"export {name}={loose}\nexport X=1"),
            (loose, f"HOME=/x\n{name}={loose}\nPATH=/bin"),
            (value, f"export {name}='{value}'"),
            (value, f'{name}="{value}"'),
            (value, f"docker run -e {name}={value} image"),
            (value, f"env {name}={value} python x.py"),
            (value, f"started with {name}={value}, PORT=80"),
            (value, f"set {name}={value}"),
            (value, f"setx DB_PASSWORD {value}"),
            (value, f"ENV {name.upper()}={value}"),
        ]
    )


def of_dsn(r):
    value, name = (
        some(r, ALNUM + "_-.!*^~+/@#?=:$|", 10, 22),
        r.choice(["password", "Password", "pwd", "PWD", "Pwd", "passwd"]),
    )
    braced = some(r, ALNUM + ";,&@", 10, 20)
    return r.choice(
        [
            (value, f"host=db port=5432 user=etl {name}={value} dbname=x"),
            (value, f"host=db {name} = '{value}' dbname=x"),
            (value, f"Server=tcp:db,1433;User ID=etl;{name}={value};Encrypt=yes"),
            (value, f"DRIVER={{ODBC Driver 18}};SERVER=db;UID=etl;{name}={value};"),
            (braced, f"DRIVER={{ODBC Driver 18}};SERVER=db;UID=etl;PWD={{{braced}}};"),
            (value, f"jdbc:sqlserver://db:1433;databaseName=x;user=etl;{name}={value};"),
            (value, f"DefaultEndpointsProtocol=https;AccountName=x;AccountKey={value};EndpointSuffix=core.windows.net"),
            (value, f"Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=Root;SharedAccessKey={value}"),
            (value, f"dsn: etl:{value}@tcp(db:3306)/x"),
        ]
    )


SCHEMES = (
    "postgresql", "postgresql+psycopg2", "postgres", "mysql", "mysql+pymysql", "mongodb+srv", "amqp", "amqps", "redis", "rediss",  # noqa: E501
    "https", "http", "sftp", "ftp", "smtp", "snowflake", "git+https", "ldap", "clickhouse", "mssql+pyodbc", "kafka", "s3",  # noqa: E501
)  # fmt: skip


def of_url(r):
    scheme = r.choice(SCHEMES)
    strange, plain, token = some(r, MOST.replace("#", "") + "&,;", 10, 24), some(r, SAFE, 10, 24), some(r, SAFE, 20, 60)
    name = r.choice([*NAMES, "key", "code", "sig", "auth"])
    around = r.choice(
        ["{}", "could not connect to {} (timeout)", "'{}'", '{{"conn": "{}"}}', "url={}, x", "<{}>", "[{}]"]
    )
    value, url = r.choice(
        [
            (strange, f"{scheme}://etl:{strange}@db:5432/x"),
            (strange, f"{scheme}://etl:{quote(strange, safe='')}@db/x"),
            (plain, f"{scheme}://:{plain}@db:6379/0"),
            (plain, f"{scheme}://db:5432/x?user=etl&password={plain}"),
            (plain, f"{scheme}://db/x?{name}={plain}&sslmode=require"),
            (quote(strange, safe=""), f"{scheme}://db/x?a=1&{name}={quote(strange, safe='')}#top"),
            (plain, f"https://app.example.org/callback#access_token={plain}&type=x"),
            (token, f"https://{token}@github.com/x/y.git"),
            (token, f"https://oauth2:{token}@gitlab.com/x/y.git"),
            (token, f"https://x-access-token:{token}@github.com/x"),
            (token, f"https://b.s3.amazonaws.com/k?X-Amz-Expires=9&X-Amz-Signature={token}"),
            (token, f"https://a.blob.core.windows.net/c?sv=2022&se=2026-01-01&sig={quote(token)}"),
            (plain, f"AIRFLOW_CONN_X=postgres%3A%2F%2Fetl%3A{plain}%40db%3A5432%2Fx"),
            (plain, f"postgres%3a%2f%2fetl%3a{plain}%40db"),
        ]
    )
    return value, around.format(url)


def of_messenger(r):
    t24, t32, t43, u = (
        word(r, 24),
        hexadecimal(r, 32),
        some(r, SAFE, 41, 41),
        "-".join(hexadecimal(r, n) for n in (8, 4, 4, 4, 12)),
    )
    value, text = r.choice(
        [
            (t43, f"https://api.telegram.org/bot{digits(r, 10)}:{t43}/sendMessage"),
            (t43, f"https://api.telegram.org/bot{digits(r, 9)}%3A{t43}/getMe"),
            (t24, f"https://hooks.slack.com/services/T0AB/B0CD/{t24}"),
            (t24, f"https://hooks.slack.com/workflows/T0AB/A0CD/{digits(r, 18)}/{t24}"),
            (t24, f"https://hooks.slack.com/triggers/E0AB/{digits(r, 13)}/{t24}"),
            (t43, f"https://discord.com/api/webhooks/{digits(r, 18)}/{t43}"),
            (t43, f"https://ptb.discord.com/api/v10/webhooks/{digits(r, 18)}/{t43}?wait=true"),
            (t32, f"https://acme.webhook.office.com/webhookb2/{u}@{u}/IncomingWebhook/{t32}/{u}"),
            (t32, f"https://outlook.office.com/webhook/{u}@{u}/IncomingWebhook/{t32}/{u}"),
            (
                t43,
                f"https://prod-1.westeurope.logic.azure.com:443/workflows/{t32}/triggers/manual/paths/invoke?sp=x&sig={t43}",
            ),
            (t43, f"https://chat.googleapis.com/v1/spaces/AAA/messages?key=AIza{some(r, SAFE, 33, 33)}&token={t43}"),
            (u, f"https://open.feishu.cn/open-apis/bot/v2/hook/{u}"),
            (u, f"https://open.larksuite.com/open-apis/bot/v2/hook/{u}"),
            (t32, f"https://oapi.dingtalk.com/robot/send?access_token={t32}"),
            (u, f"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key={u}"),
            (t24, f"https://chat.example.org/hooks/{t24}"),
            (t24, f"https://rocket.example.org/hooks/{word(r, 17)}/{t24}"),
            (t32, f"https://hooks.zapier.com/hooks/catch/12345/{t32}/"),
            (t43, f"https://maker.ifttt.com/trigger/failed/with/key/{t43}"),
            (t32, f"https://events.pagerduty.com/integration/{t32}/enqueue"),
            (u, f"https://alert.victorops.com/integrations/generic/20131114/alert/{u}/team"),
            (u, f"https://hc-ping.com/{u}"),
            (u, f"https://logs-01.loggly.com/inputs/{u}/tag/http/"),
            (t32, f"https://http-intake.logs.datadoghq.com/v1/input/{t32}"),
            (t43, f"https://webexapis.com/v1/webhooks/incoming/{t43}"),
            (t32, f"https://{t32}@o12.ingest.sentry.io/42"),
            (u, f"https://api.flock.com/hooks/sendMessage/{u}"),
            (t24, f"tgram://{digits(r, 9)}:{t24}/12345"),
            (t24, f"slack://T0AB/B0CD/{t24}/#ops"),
            (t24, f"gotifys://push.example.org/{t24}"),
            (t24, f"pover://user@{t24}"),
            (t24, f"discord://{digits(r, 18)}/{t24}"),
        ]
    )
    return value, r.choice(["{}", "POST {} failed: 404", '{{"url": "{}"}}', "url='{}'", "urlopen error <{}>"]).format(
        text
    )


def of_header(r):
    value, login = some(r, ALNUM + "_-.~+/", 14, 50), base64.b64encode(f"etl:{some(r)}".encode()).decode()
    name = r.choice(
        [name for name in NAMES if "-" in name] + ["X-Auth", "X-Authorization", "Proxy-Authorization", "Authorization"]
    )
    quoted = r.choice(
        [
            "{}: {}",
            "'{}': '{}'",
            '"{}": "{}"',
            "-H '{}: {}'",
            '-H "{}: {}"',
            "> {}: {}\r\n> Accept: */*",
            "{}: {}\nHost: x",
        ]
    )
    return r.choice(
        [
            (value, quoted.format(name, value)),
            (login, quoted.format("Authorization", f"Basic {login}")),
            (
                value,
                quoted.format(
                    "authorization",
                    f"{r.choice(['Bearer', 'bearer', 'Token', 'token', 'ApiKey', 'GenieKey', 'Splunk', 'Key'])} {value}",  # noqa: E501
                ),
            ),
            (value, f'Authorization: Digest username="etl", realm="x", response="{value}"'),
            (value, f"Authorization: AWS4-HMAC-SHA256 Credential=AKIA/2026/x, SignedHeaders=host, Signature={value}"),
            (value, quoted.format("Cookie", f"session={value}; a=b")),
            (value, quoted.format("Set-Cookie", f"sid={value}; HttpOnly")),
            (value, f"send: b'GET / HTTP/1.1\\r\\nAuthorization: Bearer {value}\\r\\nHost: x\\r\\n'"),
            (value, f"sent Bearer {value}"),
            (value, f"(b'authorization', b'Bearer {value}')"),
        ]
    )


def of_flag(r):
    value, name = (
        some(r, ALNUM + "_-.!*^~+/@#?=$", 10, 22),
        r.choice([name for name in NAMES if name.islower()]).replace("_", "-"),
    )
    return value, r.choice(
        [
            f"load --{name} {value} --verbose",
            f"load --{name}={value} -v",
            f"load --{name} '{value}' -v",
            f'load --{name}="{value}"',
            f"['load', '--{name}', '{value}', '-v']",
            f"['load', '--{name}={value}']",
            f"mysql -uroot -p{value} -h db",
            f"mysqldump --host db -u root -p'{value}' orders",
            f"['mysql', '-uroot', '-p{value}', 'x']",
            f"mysqladmin -p{value} status",
            f"mariadb -h db -p{value}",
            f"sshpass -p {value} ssh x@y",
            f"sshpass -p'{value}' scp a b",
            f"redis-cli -h db -a {value} ping",
            f"mongosh --host db -u etl -p {value}",
            f"docker login -u etl -p {value} registry.example.org",
            f"sqlcmd -S db -U etl -P {value} -Q x",
            f"ldapsearch -x -D cn=x -w {value} -b dc=y",
            f"curl -u etl:{value} https://x",
            f"curl -uetl:{value} https://x",
            f"curl --user etl:{value} https://x",
            f"curl --user=etl:{value} https://x",
            f"curl -u 'etl:{value}' https://x",
            f"['curl', '-u', 'etl:{value}']",
            f"curl --proxy-user etl:{value} x",
            f"wget --user=etl --password={value}",
            f"smbclient -U etl%{value} //x/y",
            f"openssl rsa -passin pass:{value} -in k",
            f"7z x -p{value} a.7z",
            f"unzip -P {value} a.zip",
            f"htpasswd -b file etl {value}",
            f"aws configure set aws_secret_access_key {value}",
            f"machine h login etl password {value}",
            f"requirepass {value}",
        ]
    )


def of_sql(r):
    value, bare = some(r, ALNUM + "_-.!*^~+/@#?=$% ", 10, 22), some(r, ALNUM + "_", 10, 20)
    q = r.choice(["'{}'", '"{}"'])
    return r.choice(
        [
            (value, f"CREATE USER etl IDENTIFIED BY {q.format(value)}"),
            (value, f"alter user 'etl'@'%' identified by {q.format(value)}"),
            (value, f"CREATE USER x IDENTIFIED WITH caching_sha2_password BY '{value}'"),
            (value, f"GRANT ALL ON *.* TO x IDENTIFIED BY PASSWORD '{value}'"),
            (bare, f"ALTER USER scott IDENTIFIED BY {bare}"),
            (bare, f"ALTER USER scott IDENTIFIED BY {bare};"),
            (value, f"CREATE ROLE etl WITH LOGIN PASSWORD '{value}'"),
            (value, f"ALTER ROLE etl WITH ENCRYPTED PASSWORD '{value}' VALID UNTIL 'infinity'"),
            (value, f"CREATE USER etl PASSWORD = '{value}'"),
            (value, f"CREATE LOGIN etl WITH PASSWORD = N'{value}'"),
            (value, f"CREATE LOGIN etl WITH PASSWORD=N'{value}', CHECK_POLICY = ON"),
            (value, f"SET PASSWORD FOR 'etl'@'%' = '{value}'"),
            (value, f"SET PASSWORD FOR etl = PASSWORD('{value}')"),
            (bare, f"ALTER ROLE etl PASSWORD $${bare}$$"),
            (value, f"CREATE USER MAPPING FOR x SERVER y OPTIONS (user 'etl', password '{value}')"),
            (value, f"COPY t FROM 's3://x' CREDENTIALS 'aws_access_key_id=x;aws_secret_access_key={bare};{value}'"),
            (bare, f"CREDENTIALS=(AWS_KEY_ID='x' AWS_SECRET_KEY='{bare}')"),
            (value, f"CREATE SECRET s (TYPE S3, KEY_ID 'x', SECRET '{value}')"),
            (value, json.dumps({"sql": f"ALTER ROLE etl PASSWORD '{value}'"})),
            (value, f"[SQL: ALTER ROLE etl PASSWORD \\'{value}\\']"),
            (bare, f"sqlplus scott/{bare}@//db:1521/x"),
            (bare, f"SELECT dblink('host=db user=x password={bare} dbname=y')"),
        ]
    )


KINDS = {
    "JSON": of_json,
    "Python": of_python,
    "YAML": of_yaml,
    "env": of_env,
    "DSN": of_dsn,
    "URL": of_url,
    "messenger": of_messenger,
    "header": of_header,
    "flag": of_flag,
    "SQL": of_sql,
    "issuer": of_issuer,
    "private key": of_key,
}


def leaks(secret, left):
    """Whether four characters in a row of the secret's latter half are still there."""
    tail = secret[len(secret) // 2 :]
    pieces = [tail[i : i + 5] for i in range(len(tail) - 4)]
    return any(piece in left for piece in pieces)
