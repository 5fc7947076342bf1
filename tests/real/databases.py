"""Real database servers: PostgreSQL, PgBouncer, MariaDB; and SQLite, which needs none."""

from __future__ import annotations

import importlib.util
import signal
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from .server import Server, find


def need_drivers() -> None:
    for module, package in (("psycopg2", "psycopg2-binary"), ("pymysql", "pymysql")):
        if importlib.util.find_spec(module) is None:
            pytest.fail(f"{module} is not installed: pip install {package}")


class Postgres(Server):
    name = "postgresql"
    ends = signal.SIGINT  # "fast": it does not wait for clients

    def __init__(self) -> None:
        super().__init__("postgres")
        self.postgres = find("postgres", "postgresql", "usr/lib/postgresql/*/bin/postgres")
        initdb = str(Path(self.postgres).parent / "initdb")
        self.run(initdb, "-D", "data", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "--no-sync")
        self.up()

    def up(self) -> None:
        options = {
            "port": self.port,
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": self.folder,
            "fsync": "off",
        }
        given = [text for key, value in options.items() for text in ("-c", f"{key}={value}")]
        self.start(self.postgres, "-D", "data", *given)
        wait_for(self.admin("postgres"))

    def create(self, database: str) -> str:
        """Make an empty database; returns the URL that SQLAlchemy of any version takes."""
        with self.admin("postgres").connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql(f'CREATE DATABASE "{database}"')
        return self.url(database).replace("postgresql:", "postgresql+psycopg2:")

    def url(self, database: str, user: str = "postgres", port: int | None = None) -> str:
        return f"postgresql://{user}@127.0.0.1:{port or self.port}/{database}"

    def admin(self, database: str) -> sa.engine.Engine:
        url = self.url(database).replace("postgresql:", "postgresql+psycopg2:")
        return sa.create_engine(url, future=True, pool_pre_ping=True)


class MariaDB(Server):
    name = "mysql"

    def __init__(self) -> None:
        super().__init__("mysql")
        self.mariadbd = find("mariadbd", "mariadb-server", "usr/sbin/mariadbd")
        install = find("mariadb-install-db", "mariadb-server")
        data = self.folder / "data"
        options = ["--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal"]
        self.run(install, *options, "--skip-test-db")
        self.up()

    def up(self) -> None:
        self.start(
            self.mariadbd,
            "--no-defaults",
            f"--datadir={self.folder / 'data'}",
            f"--socket={self.folder / 's'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            f"--pid-file={self.folder / 'pid'}",
            "--explicit-defaults-for-timestamp=1",
            "--innodb-flush-log-at-trx-commit=0",
            # Times must come out right whatever the server's zone.
            "--default-time-zone=+05:30",
        )
        wait_for(self.admin(""))

    def url(self, database: str, user: str = "root") -> str:
        # It speaks no TLS, for which PyMySQL reads all of the machine's certificates with each connection: 20 ms.
        return f"mysql://{user}@127.0.0.1:{self.port}/{database}?ssl_disabled=true"

    def admin(self, database: str) -> sa.engine.Engine:
        url = self.url(database).replace("mysql:", "mysql+pymysql:")
        engine = sa.create_engine(url, future=True, pool_pre_ping=True)
        sa.event.listen(engine, "connect", lambda raw, _: raw.cursor().execute("SET time_zone = '+00:00'"))
        return engine


class PgBouncer(Server):
    """Transaction pooling: after each transaction the next may run on another connection."""

    def __init__(self, postgres: Postgres) -> None:
        super().__init__("postgres")
        settings = {
            "listen_addr": "127.0.0.1",
            "listen_port": self.port,
            "unix_socket_dir": "",
            "auth_type": "any",
            "pool_mode": "transaction",
            "default_pool_size": 4,
        }
        ini = self.folder / "pgbouncer.ini"
        lines = [f"* = host=127.0.0.1 port={postgres.port} user=postgres", "[pgbouncer]"]
        ini.write_text("\n".join(["[databases]", *lines, *(f"{key} = {value}" for key, value in settings.items())]))
        self.start(find("pgbouncer", "pgbouncer", "usr/sbin/pgbouncer"), str(ini))

    def url(self, database: str) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{database}"


class SQLiteFolder:
    name = "sqlite"

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def url(self, database: str) -> str:
        return f"sqlite:///{self.folder / database}.db"

    def admin(self, database: str) -> sa.engine.Engine:
        engine = sa.create_engine(self.url(database), future=True)
        sa.event.listen(engine, "connect", lambda raw, _: raw.execute("PRAGMA synchronous = OFF"))
        return engine


def wait_for(engine: sa.engine.Engine) -> None:
    end = time.monotonic() + 180
    while True:
        try:
            engine.connect().close()
        except sa.exc.OperationalError:
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            return
