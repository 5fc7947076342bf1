"""Real database servers in temporary folders: PostgreSQL, PgBouncer, MariaDB, SQLite; ended with the tests."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Iterator


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def find(program: str, package: str, *places: str) -> str:
    there = (str(path) for place in places for path in sorted(Path("/").glob(place)))
    found = shutil.which(program) or next(there, None)
    if found is None:
        pytest.fail(f"{program} is not installed: apt-get install -y {package}")
    return found


class Server:
    """A program in a folder and a process group of its own, as a user who may run it: databases refuse root."""

    ends = signal.SIGTERM

    def __init__(self, user: str) -> None:
        self.port = free_port()
        self.folder = Path(tempfile.mkdtemp(prefix="windsock-"))
        self.user = user if os.geteuid() == 0 else ""
        if self.user:
            account = pwd.getpwnam(user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        self.process: subprocess.Popen[bytes] | None = None

    def command(self, *arguments: str) -> list[str]:
        become = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--clear-groups"] if self.user else []
        return [*become, *arguments]

    def run(self, *arguments: str) -> None:
        command = self.command(*arguments)
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=self.folder, check=False)
        assert done.returncode == 0, done.stderr + done.stdout

    def start(self, *arguments: str) -> None:
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                self.command(*arguments), stdout=log, stderr=log, start_new_session=True, cwd=self.folder
            )
        end = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
            except OSError:
                assert self.process.poll() is None, (self.folder / "log").read_text(errors="replace")[-2000:]
                assert time.monotonic() < end, "the server does not start"
                time.sleep(0.05)
            else:
                return

    def stop(self, number: int | None = None) -> None:
        """At once, with every connection."""
        number = number or self.ends
        if self.process is not None:
            if self.process.poll() is None:
                os.killpg(self.process.pid, number)
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait(10)
            self.process = None

    def remove(self) -> None:
        self.stop(signal.SIGKILL)
        shutil.rmtree(self.folder, ignore_errors=True)


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
        return f"mysql://{user}@127.0.0.1:{self.port}/{database}"

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
    end = time.monotonic() + 60
    while True:
        try:
            engine.connect().close()
        except sa.exc.OperationalError:
            assert time.monotonic() < end
            time.sleep(0.05)
        else:
            return


@pytest.fixture(scope="session")
def need_driver() -> None:
    for module, package in (("psycopg2", "psycopg2-binary"), ("pymysql", "pymysql")):
        if importlib.util.find_spec(module) is None:
            pytest.fail(f"{module} is not installed: pip install {package}")


@pytest.fixture(scope="session")
def postgres(need_driver) -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def mariadb(need_driver) -> Iterator[MariaDB]:
    server = MariaDB()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def pgbouncer(postgres) -> Iterator[PgBouncer]:
    server = PgBouncer(postgres)
    yield server
    server.remove()


@pytest.fixture
def own_postgres(need_driver) -> Iterator[Postgres]:
    """One that a test may stop."""
    server = Postgres()
    yield server
    server.remove()


@pytest.fixture
def own_mariadb(need_driver) -> Iterator[MariaDB]:
    """One that a test may stop."""
    server = MariaDB()
    yield server
    server.remove()


@pytest.fixture(scope="session")
def sqlite(tmp_path_factory) -> SQLiteFolder:
    return SQLiteFolder(tmp_path_factory.mktemp("sqlite"))


@pytest.fixture(params=["postgresql", "mysql", "sqlite"])
def server(request) -> Any:
    """Each engine in turn."""
    return request.getfixturevalue({"postgresql": "postgres", "mysql": "mariadb"}.get(request.param, request.param))
