"""A real Airflow of a given version, with DAGs of the test's: its processes, its REST API, its files."""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import sqlalchemy as sa

from . import environments
from .forking import Component, Fork
from .server import find, free_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

COMPONENTS = {
    "3": {
        "api": ("api-server", "--workers", "1"),
        "scheduler": ("scheduler",),
        "dag-processor": ("dag-processor",),
        "triggerer": ("triggerer",),
    },
    "2": {
        # What `airflow webserver --workers 1` starts, in another Python, and watches.
        "api": (
            *("gunicorn", "--workers", "1", "--worker-class", "sync", "--timeout", "120"),
            *("--name", "airflow-webserver", "--config", "python:airflow.www.gunicorn_config"),
            *("--preload", "airflow.www.app:cached_app()"),
        ),
        "scheduler": ("scheduler",),
        "triggerer": ("triggerer",),
    },
}
FINISHED = frozenset({"success", "failed"})
USERS = {"admin": "Admin", "eve": "Public"}
"""Those of 2.11, and what they may do; the password is `admin`."""


class Airflow:
    """Runs with the LocalExecutor: `database` is a SQLAlchemy URL; None: SQLite, which 2.11 runs no LocalExecutor on.

    `dags` holds the text of each file by its name, `variables` further environment variables, such as
    WINDSOCK__ALERTMANAGER__URLS or AIRFLOW__METRICS__STATSD_PORT; `pages` are those that what serves pages and API has
    instead. `python` is another environment than the tests'.
    """

    def __init__(
        self,
        version: str,
        dags: Mapping[str, str],
        variables: Mapping[str, str] | None = None,
        database: str | None = None,
        python: Path | None = None,
        pages: Mapping[str, str] | None = None,
    ) -> None:
        self.version = version
        self.major = version[0]
        self.place = python or environments.airflow(version)
        self.folder = Path(tempfile.mkdtemp(prefix=f"windsock-airflow-{version}-"))
        self.dags = self.folder / "dags"
        self.dags.mkdir()
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.database = database or f"sqlite:///{self.folder / 'airflow.db'}"
        defaults = self._defaults()
        self._engine = sa.create_engine(self.database, isolation_level="AUTOCOMMIT")
        self.variables = {**defaults, **(variables or {})}
        self._pages = self.variables if pages is None else {**defaults, **pages}
        self.processes: dict[str, Component] = {}
        self._fork: Fork | None = None
        self._token = ""
        for name, text in dags.items():
            self.add(name, text)
        self._make_database()

    def add(self, name: str, text: str, variables: Mapping[str, str] | None = None) -> None:
        """Give it a file of DAGs, also while it runs; `variables` are those of the processes that read this file."""
        if variables:
            text = f"import os\nos.environ.update({dict(variables)!r})\n{text}"
        new = self.folder / name
        new.write_text(text)
        new.rename(self.dags / name)

    @property
    def logs(self) -> Path:
        """Airflow's logs of tasks."""
        return self.folder / "logs"

    def output(self, component: str) -> str:
        """What a component has printed."""
        file = self.folder / f"{component}.out"
        return file.read_text(errors="replace") if file.exists() else ""

    def run(self, *arguments: str, timeout: float = 300) -> str:
        """Run an `airflow` command; returns its standard output."""
        if self._fork is not None:
            return self._fork.run(arguments, self._environment(self.variables), timeout)
        return self._run("airflow", *arguments, timeout=timeout)

    def python(self, code: str, variables: Mapping[str, str] | None = None, timeout: float = 300) -> str:
        """Run Python code in Airflow's environment, away from the repository; returns its standard output.

        It runs in a process that has imported what Airflow's components do, but no plugins and no DAGs. `variables` are
        those of another Airflow of this version, which need not run.
        """
        assert self._fork is not None, "start it"
        return self._fork.run(("python", code), self._environment(variables or self.variables), timeout)

    def fresh(self, code: str, timeout: float = 300) -> str:
        """Run Python code as `python` does, in a process that has imported nothing."""
        return self._run("python", "-c", code, timeout=timeout)

    def _run(self, program: str, *arguments: str, timeout: float) -> str:
        done = subprocess.run(
            [self.place / "bin" / program, *arguments],
            env=self._environment(self.variables),
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        assert done.returncode == 0, f"{program} {' '.join(arguments)}: {done.stdout[-2000:]}{done.stderr[-4000:]}"
        return done.stdout

    def start(self, *components: str, timeout: float = 300) -> Airflow:
        """Start these components (all, where none is named), and wait until the API answers."""
        if self._fork is None:
            self._fork = Fork(self.place, self.major, self.folder, self._environment(self.variables))
        for name in components or COMPONENTS[self.major]:
            environ = self._environment(self._pages if name == "api" else self.variables)
            if name == "api" and self.major == "2":
                environ["GUNICORN_CMD_ARGS"] = f"--bind=127.0.0.1:{self.port}"
            self.processes[name] = self._fork.start(COMPONENTS[self.major][name], environ, self.folder / f"{name}.out")
        if "api" in self.processes:
            health = "/api/v2/monitor/health" if self.major == "3" else "/health"
            self.wait(lambda: self._request("GET", health), timeout, "the API server")
        return self

    def stop(self, *components: str, number: int = signal.SIGTERM) -> None:
        """End these components (all, where none is named) with their children."""
        names = [name for name in components or tuple(self.processes) if name in self.processes]
        for name in names:
            self.processes[name].signal(number)
        for name in names:
            process = self.processes.pop(name)
            if not process.ended(within=20):
                process.signal(signal.SIGKILL)
                process.ended(within=10)
        if not self.processes and self._fork is not None:
            self._fork.close()
            self._fork = None
            # Children in sessions of their own outlive it: 3.x starts its log server and its tasks so.
            self._end_strays()

    def remove(self) -> None:
        """End everything, and delete the folder. Nobody looks at it any more: taking leave takes seconds of work."""
        self.stop(number=signal.SIGKILL)
        self._engine.dispose()
        shutil.rmtree(self.folder, ignore_errors=True)

    # -- what it is asked ---------------------------------------------------------------------------------------------

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Call the REST API (`/dags/…`, without its version); returns the answer. Raises HTTPError."""
        return self._request(method, f"/api/v{2 if self.major == '3' else 1}{path}", body)

    def token(self, user: str) -> str:
        """3.x: the token of a user of the simple auth manager whose password is `admin`."""
        headers = {"Content-Type": "application/json"}
        body = {"username": user, "password": "admin"}
        return str(self.wait(lambda: self._open("POST", "/auth/token", headers, body), 300, "a token")["access_token"])

    def sign_in(self, user: str) -> None:
        """3.x: ask as this user from now on, where not everybody is an administrator."""
        self._token = self.token(user)

    def wait_for_dags(self, *dag_ids: str, timeout: float = 300) -> None:
        """Wait until these DAGs are parsed; the scheduler of 2.11 and the dag processor of 3.x do that."""
        parsed = "SELECT dag_id FROM serialized_dag WHERE dag_id = :dag"
        for dag_id in dag_ids:
            self.wait(lambda dag_id=dag_id: self._look(parsed, dag=dag_id), timeout, f"the DAG {dag_id}")
            self.wait(lambda dag_id=dag_id: self.api("GET", f"/dags/{quote(dag_id)}"), timeout, f"the DAG {dag_id}")

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Make a run; returns its id."""
        body: dict[str, Any] = {"conf": dict(conf or {})}
        if self.major == "3":
            body["logical_date"] = None
        run: dict[str, Any] = self.api("POST", f"/dags/{quote(dag_id)}/dagRuns", body)
        return str(run["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        """The state of a run. Asked all the time, which the API server would take a fifteenth of a second for."""
        state = "SELECT state FROM dag_run WHERE dag_id = :dag AND run_id = :run"
        return str(self._look(state, dag=dag_id, run=run_id))

    def finish(self, dag_id: str, run_id: str, timeout: float = 300) -> str:
        """Wait until the run has finished; returns its state."""

        def finished() -> str:
            state = self.run_state(dag_id, run_id)
            return state if state in FINISHED else ""

        return str(self.wait(finished, timeout, f"the end of {dag_id} {run_id}"))

    def instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        """The task instances of a run, as the API gives them."""
        path = f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}/taskInstances?limit=1000"
        found: list[dict[str, Any]] = self.api("GET", path)["task_instances"]
        return found

    def clear(self, dag_id: str, run_id: str, *, only_failed: bool = True) -> None:
        """Clear a run's task instances, so that they run again."""
        body = {"dry_run": False, "dag_run_id": run_id, "only_failed": only_failed, "reset_dag_runs": True}
        self.api("POST", f"/dags/{quote(dag_id)}/clearTaskInstances", body)

    def mark(self, dag_id: str, run_id: str, state: str) -> None:
        """Set the state of a run by hand, as a person in the UI does."""
        self.api("PATCH", f"/dags/{quote(dag_id)}/dagRuns/{quote(run_id, safe='')}", {"state": state})

    def pause(self, dag_id: str, *, paused: bool = True) -> None:
        """Pause a DAG, or end that."""
        self.api("PATCH", f"/dags/{quote(dag_id)}", {"is_paused": paused})

    def wait(self, ask: Callable[[], Any], timeout: float, what: str, every: float = 0.3) -> Any:
        """Ask until the answer is true, with so many seconds between; what is away or locked is no answer yet."""
        end = time.monotonic() + timeout
        while True:
            problem = ""
            try:
                found = ask()
            except (OSError, sa.exc.OperationalError) as error:
                found, problem = None, f" ({error})"
            if found:
                return found
            dead = [name for name, process in self.processes.items() if process.ended()]
            assert not dead, f"{dead[0]} has ended: {self.output(dead[0])[-3000:]}"
            assert time.monotonic() < end, f"{what} did not come within {timeout:g} s{problem}"
            time.sleep(every)

    # -- how it is started --------------------------------------------------------------------------------------------

    def _make_database(self) -> None:
        """Its tables and users: made once, which takes minutes of all starts together, and kept beside Airflow."""
        sqlite = self.database.startswith("sqlite")
        kept = self.place / ("ready.db" if sqlite else "ready.sql")
        if not kept.exists():
            self.run("db", "migrate")
            if self.major == "2":
                self.run("sync-perm")  # the roles, and what each first web server would add to them
                for user, role in USERS.items():
                    name = ("--username", user, "--firstname", user, "--lastname", role)
                    mail = ("--email", f"{user}@example.org")
                    self.run("users", "create", *name, *mail, "--role", role, "--password", "admin")
                # Signing in, which each request does, is slow by design: a fifteenth of a second of a processor.
                key = hashlib.pbkdf2_hmac("sha256", b"admin", b"salt", 1).hex()
                with self._engine.connect() as connection:
                    password = {"hash": f"pbkdf2:sha256:1$salt${key}"}
                    connection.execute(sa.text("UPDATE ab_user SET password = :hash"), password)
            new = self.place / f"{self.folder.name}.new"
            if sqlite:
                shutil.copy(self.folder / "airflow.db", new)
            else:
                self._postgres("pg_dump", "--no-owner", "--file", str(new))
            new.rename(kept)
        elif sqlite:
            shutil.copy(kept, self.folder / "airflow.db")
        else:
            self._postgres("psql", "--quiet", "--set=ON_ERROR_STOP=1", "--file", str(kept))

    def _postgres(self, program: str, *arguments: str) -> None:
        found = find(program, "postgresql", f"usr/lib/postgresql/*/bin/{program}")
        url = self.database.replace("+psycopg2", "")
        subprocess.run([found, *arguments, url], check=True, capture_output=True, timeout=120)

    def _defaults(self) -> dict[str, str]:
        options: dict[str, dict[str, Any]] = {
            "core": {
                "dags_folder": self.dags,
                "load_examples": False,
                "dags_are_paused_at_creation": False,
                "executor": "LocalExecutor"
                if self.major == "3" or "sqlite" not in self.database
                else "SequentialExecutor",
                "parallelism": 8,  # LocalExecutor forks so many workers at once
                "fernet_key": "",
                "unit_test_mode": False,
            },
            "database": {"sql_alchemy_conn": self.database},
            "logging": {"worker_log_server_port": free_port(), "trigger_log_server_port": free_port()},
            "scheduler": {"enable_health_check": False},
        }
        if self.major == "3":
            options["core"] |= {
                "simple_auth_manager_all_admins": True,
                "execution_api_server_url": f"{self.url}/execution/",
            }
            options["api"] = {
                "host": "127.0.0.1",
                "port": self.port,
                "base_url": self.url,
                "secret_key": secrets.token_hex(),
            }
            options["api_auth"] = {"jwt_secret": secrets.token_hex(64)}
            # On a busy machine the API server's first answers take longer than the default of 5 s. And so long a
            # supervisor that missed its task's end waits before it looks again, and a deferral that is over by then can
            # fail: findings/short-deferral-fails.sh.
            options["workers"] = {"execution_api_timeout": 60, "min_heartbeat_interval": 1}
            options["dag_processor"] = {
                "dag_bundle_storage_path": self.folder / "bundles",
                "refresh_interval": 5,
                # A new or changed file is parsed at once; each time more takes half a second of a processor. A callback
                # of a run that comes while its file is parsed waits for the next time.
                "min_file_process_interval": 60,
            }
        else:
            options["api"] = {"auth_backends": "airflow.api.auth.backend.basic_auth,airflow.api.auth.backend.session"}
            options["webserver"] = {
                "web_server_host": "127.0.0.1",
                "web_server_port": self.port,
                "base_url": self.url,
                "secret_key": secrets.token_hex(),
            }
            options["scheduler"] |= {"dag_dir_list_interval": 5, "min_file_process_interval": 60}
        return {
            f"AIRFLOW__{section.upper()}__{key.upper()}": str(value)
            for section, values in options.items()
            for key, value in values.items()
        }

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        return {
            "AIRFLOW_HOME": str(self.folder),
            "HOME": str(self.folder),
            "LANG": "C.UTF-8",
            "PATH": f"{self.place / 'bin'}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONUNBUFFERED": "1",
            "SPT_NOENV": "1",  # a title is not written over the environment, by which what is left behind is found
            **variables,
        }

    def _look(self, statement: str, **values: str) -> Any:
        """The first value of what its database answers."""
        with self._engine.connect() as connection:
            return connection.execute(sa.text(statement), values).scalar()

    def _request(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if path.startswith("/api/v2/dags"):
            if not self._token:
                self._token = self._open("GET", "/auth/token", {}, None)["access_token"]
            headers["Authorization"] = f"Bearer {self._token}"
        elif self.major == "2":
            headers["Authorization"] = "Basic YWRtaW46YWRtaW4="
        return self._open(method, path, headers, body)

    def _open(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, dict(headers), method=method)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            error.msg = f"{error.msg}: {error.read()[:500].decode(errors='replace')}"
            raise

    def _end_strays(self) -> None:
        for pid in self._strays():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue

    def _strays(self) -> Iterator[int]:
        """Processes that this Airflow started and left: they have its home in their environment."""
        mark = f"AIRFLOW_HOME={self.folder}\0".encode()
        for file in Path("/proc").glob("[0-9]*/environ"):
            try:
                if mark in file.read_bytes():
                    yield int(file.parent.name)
            except OSError:
                continue
