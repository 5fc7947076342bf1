#!/usr/bin/env bash
# PyMySQL 1.2 speaks TLS wherever the server offers it. For that it prepares a TLS context with each connection, before it
# knows what the server offers, and reads all of the machine's certificates into it, though by default it verifies none.
# With 144 authorities, about what Debian 12 has, that took 20 ms of a processor a connection: a program without a pool
# pays it each time. 1.1 did not; `ssl_disabled` (in a URL of SQLAlchemy: `?ssl_disabled=true`) ends it.
#
# Seen with PyMySQL 1.1.3 and 1.2.4, Python 3.11:
#   1.1.3, no option: read 0 times for 10 connections
#   1.2.4, no option: read 10 times for 10 connections, and none is verified
#   1.2.4, ssl_disabled: read 0 times for 10 connections
# Fails if that changes. Needs Python 3.10 with its venv module.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
cat >reads.py <<'READS'
import ssl
import sys
from importlib.metadata import version

import pymysql

times = 0
read = ssl.SSLContext.load_default_certs


def counted(context, *given):
    global times
    times += 1
    read(context, *given)


ssl.SSLContext.load_default_certs = counted
options = {name: True for name in sys.argv[1:]}
made = [pymysql.connect(host="127.0.0.1", user="airflow", defer_connect=True, **options) for _ in range(10)]
trusting = times and all(one.ctx.verify_mode == ssl.CERT_NONE for one in made)
said = ", and none is verified" if trusting else ""
print(f"{version('PyMySQL')}, {' '.join(options) or 'no option'}: read {times} times for {len(made)} connections{said}")
READS
for version in 1.1.3 1.2.4; do
    python3 -m venv "v$version"
    "v$version/bin/pip" install -q --disable-pip-version-check "PyMySQL==$version"
done
{
    v1.1.3/bin/python reads.py
    v1.2.4/bin/python reads.py
    v1.2.4/bin/python reads.py ssl_disabled
} | tee seen
diff seen - <<'SEEN'
1.1.3, no option: read 0 times for 10 connections
1.2.4, no option: read 10 times for 10 connections, and none is verified
1.2.4, ssl_disabled: read 0 times for 10 connections
SEEN
