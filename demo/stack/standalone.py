"""`airflow standalone` whose components are forked by one process that has imported Airflow: half of what they cost.

    python -m windsock.demo.stack.standalone standalone

in Airflow's environment; with other arguments it is `airflow`. Where one component ends, so do the others.
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from collections.abc import Iterable

AIRFLOW = str(Path(sys.executable).with_name("airflow"))
COMPONENTS = ("scheduler", "dag-processor", "api-server", "triggerer")
MODULES = (
    "airflow.__main__",
    "airflow.api_fastapi.app",
    "airflow.api_fastapi.execution_api.app",
    "airflow.api_fastapi.execution_api.routes",
    "airflow.api_fastapi.execution_api.versions",
    "airflow.cli.cli_parser",
    "airflow.cli.commands.api_server_command",
    "airflow.cli.commands.dag_processor_command",
    "airflow.cli.commands.scheduler_command",
    "airflow.cli.commands.triggerer_command",
    "airflow.dag_processing.bundles.local",
    "airflow.executors.local_executor",
    "airflow.jobs.dag_processor_job_runner",
    "airflow.jobs.scheduler_job_runner",
    "airflow.jobs.triggerer_job_runner",
    "airflow.migrations.db_types",
    "airflow.migrations.utils",
    "airflow.models.renderedtifields",
    "airflow.providers.standard.decorators.python",
    "airflow.providers.standard.operators.empty",
    "airflow.providers.standard.operators.trigger_dagrun",
    "airflow.providers.standard.sensors.external_task",
    "airflow.sdk.execution_time.supervisor",
    "airflow.sdk.execution_time.task_runner",
    "airflow.serialization.definitions.mappedoperator",
    "airflow.timetables.trigger",
    "airflow.utils.db",
    "airflow.utils.serve_logs",
    "alembic.command",
    "mako.ext.pygmentplugin",
    "uvicorn",
    "uvicorn.lifespan.on",
    "uvicorn.loops.auto",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.auto",
    "uvicorn.protocols.websockets.auto",
)
"""What the components of 3.x, and the processes of its tasks, import anyway. None reads DAGs or loads plugins."""
OURS = (
    "windsock.callbacks.attach",
    "windsock.callbacks.handlers",
    "windsock.callbacks.sending",
    "windsock.settings.sources",
)
"""What each DAG of the demo imports, each time that it is parsed and in each task."""


def main() -> NoReturn:
    """Be `airflow` with the arguments of this process, or fork its components."""
    sys.path.remove(str(Path.cwd()))  # `python -m` has put it there; `airflow` does without
    if sys.argv[1:] != ["standalone"]:
        _airflow(*sys.argv[1:])
    # A title must not be written over the environment, which the doctor reads.
    os.environ["SPT_NOENV"] = "1"
    warm((*MODULES, *OURS))
    importlib.import_module("setproctitle").getproctitle()
    del os.environ["SPT_NOENV"]
    _fork("db", "migrate")
    _, status = os.wait()
    if status:
        sys.exit("airflow: the database can't be made")
    names = {_fork(name): name for name in COMPONENTS}

    def end(*_: object) -> None:
        for child in names:
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    first, status = os.wait()
    print(f"airflow {names.pop(first)} has ended: so do the others", flush=True)  # noqa: T201  the part's log
    end()
    with suppress(ChildProcessError):
        while True:
            os.wait()
    sys.exit(os.waitstatus_to_exitcode(status) or 1)


def warm(modules: Iterable[str]) -> None:
    """Import these and make what every process of Airflow makes of them; nothing of it depends on an environment."""
    # It stays: looking for garbage in it is in vain.
    gc.set_threshold(100_000, 20, 100)
    for name in modules:
        with suppress(ImportError):  # not every version has each
            importlib.import_module(name)
    sqlalchemy = importlib.import_module("sqlalchemy.orm")
    providers = importlib.import_module("airflow.providers_manager")
    providers.ProvidersManager().initialize_providers_configuration()
    sqlalchemy.configure_mappers()
    gc.freeze()


def _fork(*arguments: str) -> int:
    """Start `airflow …`; returns its process's id."""
    sys.stdout.flush()
    child = os.fork()
    if not child:
        # As it would be seen had it been started by itself.
        importlib.import_module("setproctitle").setproctitle(f"{AIRFLOW} {' '.join(arguments)}")
        _airflow(*arguments)
    return child


def _airflow(*arguments: str) -> NoReturn:
    sys.argv = [AIRFLOW, *arguments]
    sys.exit(importlib.import_module("airflow.__main__").main())


if __name__ == "__main__":
    main()
