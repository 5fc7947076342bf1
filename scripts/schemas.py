"""Writes tests/data/schemas: the tables that the metadata collector reads, as a real Airflow makes them.

    python scripts/schemas.py VERSION URL

URL is an empty database of PostgreSQL, MariaDB or SQLite after `airflow db migrate` of that version. Foreign keys are
left out, since not all tables are there. Needs pg_dump or mariadb-dump.
"""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from windsock.exporter.database.schema import TABLES

SCHEMAS = Path(__file__).parent.parent / "tests" / "data" / "schemas"


def postgresql(url: URL) -> str:
    tables = [option for table in TABLES for option in ("-t", f"public.{table}")]
    command = ["pg_dump", "-s", "-O", "-x", *tables, url.set(drivername="postgresql").render_as_string(False)]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    text = re.sub(r"(?m)^(--|SET |SELECT |\\).*\n", "", text)
    text = re.sub(r"ALTER TABLE ONLY [\w.]+\s+ADD CONSTRAINT \w+ FOREIGN KEY [^;]*;\n", "", text)
    return text.replace("public.", "")


def mysql(url: URL) -> str:
    where = ["-h", url.host or "127.0.0.1", "-P", str(url.port or 3306), "-u", url.username or "root"]
    have = [
        name
        for name in subprocess.run(
            ["mariadb", "--no-defaults", *where, f"-p{url.password}", "-N", "-e", "SHOW TABLES", url.database or ""],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.split()
        if name in TABLES
    ]
    command = ["mariadb-dump", "--no-defaults", *where, f"-p{url.password}", "--no-data", "--compact"]
    text = subprocess.run(
        [*command, "--skip-triggers", url.database or "", *have], check=True, capture_output=True, text=True
    ).stdout
    text = re.sub(r"(?m)^(/\*|--).*\n", "", text)
    text = re.sub(r",\n  CONSTRAINT `\w+` FOREIGN KEY [^\n]*?(?=,?\n)", "", text)
    return re.sub(r" AUTO_INCREMENT=\d+", "", text)


def sqlite(url: URL) -> str:
    with sqlite3.connect(url.database or "") as connection:
        rows = connection.execute(
            "SELECT tbl_name, sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY type DESC, name"
        )
        return "".join(f"{sql};\n" for table, sql in rows if table in TABLES)


def main() -> None:
    version, url = sys.argv[1], make_url(sys.argv[2])
    engine = url.get_backend_name()
    text = {"postgresql": postgresql, "mysql": mysql, "sqlite": sqlite}[engine](url)
    SCHEMAS.mkdir(parents=True, exist_ok=True)
    text = re.sub(r"\n{2,}", "\n", text)
    text = "\n".join(line.rstrip() for line in text.strip().splitlines()) + "\n"
    (SCHEMAS / f"airflow-{version}-{engine}.sql").write_text(text)


if __name__ == "__main__":
    main()
