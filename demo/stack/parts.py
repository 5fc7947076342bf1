"""What the stack consists of: the command, the environment and the health check of each part."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from windsock.database import AIRFLOW_URLS
from windsock.exceptions import StackError

from . import airflow, grafana
from .configuration import SCRAPE
from .process import Part

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .addresses import Addresses
    from .folder import Folder
    from .programs import Programs

WINDSOCK = (sys.executable, "-m", "windsock")


def parts(
    programs: Programs, folder: Folder, addresses: Addresses, venv: Path | None, database: str | None
) -> list[Part]:
    """All parts, in the order in which they are started: who waits for whom does not matter, Airflow takes longest.

    `database` is the URL of Airflow's metadata database, where one is known.
    """
    base, run = environment(folder), folder.run
    found = [
        Part(
            "exporter",
            (*WINDSOCK, "exporter", "--config", str(folder.settings)),
            {**base, **_known(database)},
            f"{addresses.url('exporter')}/-/ready",
        ),
        Part(
            "inbox",
            (*WINDSOCK, "inbox", "--listen", addresses.inbox, "--smtp-listen", addresses.smtp),
            base,
            f"{addresses.url('inbox')}/healthz",
        ),
        Part(
            "alertmanager",
            (
                programs.alertmanager,
                f"--config.file={run / 'alerts' / 'alertmanager.yml'}",
                f"--storage.path={run / 'alertmanager'}",
                f"--web.listen-address={addresses.alertmanager}",
                f"--web.external-url={addresses.url('alertmanager')}",
                "--cluster.listen-address=",
            ),
            base,
            f"{addresses.url('alertmanager')}/-/ready",
        ),
        Part(
            "prometheus",
            (
                programs.prometheus,
                f"--config.file={run / 'prometheus.yml'}",
                f"--storage.tsdb.path={run / 'prometheus'}",
                f"--web.listen-address={addresses.prometheus}",
                f"--web.external-url={addresses.url('prometheus')}",
                "--web.enable-lifecycle",
            ),
            base,
            f"{addresses.url('prometheus')}/-/ready",
        ),
    ]
    if venv:
        found.insert(
            0,
            Part(
                "airflow",
                (str(venv / "bin" / "python"), "-m", "windsock.demo.stack.standalone"),
                {**base, **airflow.environment(venv, folder, addresses)},
                f"{addresses.url('airflow')}/api/v2/monitor/health",
                patience=airflow.PATIENCE,
                is_ready=airflow.is_healthy,
                arguments=("standalone",),
            ),
        )
    if programs.grafana:
        found.append(grafana.part(programs.grafana, folder, addresses, base))
    else:
        found.append(_preview(folder, addresses, base))
    return found


def _preview(folder: Folder, addresses: Addresses, base: Mapping[str, str]) -> Part:
    """In Grafana's place, at its address: links to a dashboard lead there."""
    command = ("dashboards", "preview", "--config", str(folder.settings), "--listen", addresses.grafana)
    interval = ("--scrape-interval", SCRAPE.removesuffix("s"))
    return Part("preview", (*WINDSOCK, *command, *interval), base, f"{addresses.url('grafana')}/healthz")


def doctor(folder: Folder, addresses: Addresses, venv: Path | None, database: str | None) -> Part:
    """`windsock doctor`, in Airflow's environment where there is one: it looks at Airflow's settings, too."""
    own = airflow.environment(venv, folder, addresses) if venv else {}
    variables = {**environment(folder), **own, **_known(database)}
    return Part("doctor", (*WINDSOCK, "doctor", "--config", str(folder.settings)), variables, "")


def generate(folder: Folder, *, dashboards: bool) -> None:
    """Have rules, routes and dashboards written by the commands that everyone uses for it. Raises StackError."""
    run(folder, "alerts", "build", "--config", str(folder.settings), "--out", str(folder.run / "alerts"))
    if dashboards:
        run(folder, "dashboards", "build", "--config", str(folder.settings), "--out", str(folder.run / "dashboards"))


def run(folder: Folder, *arguments: str) -> None:
    """Run a command of windsock. Raises StackError where it fails."""
    done = subprocess.run(
        [*WINDSOCK, *arguments],
        env=environment(folder),
        cwd=folder.run / "tmp",
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StackError(f"`windsock {' '.join(arguments)}` failed:\n{(done.stderr or done.stdout).strip()}")


def _known(database: str | None) -> dict[str, str]:
    """A database's URL holds a password: it stands in no file, and in the exporter's environment only."""
    return {AIRFLOW_URLS[0]: database} if database else {}


def environment(folder: Folder) -> dict[str, str]:
    """What every part is started with."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin",
        "HOME": str(folder.run / "tmp"),
        "TMPDIR": str(folder.run / "tmp"),
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
    }
