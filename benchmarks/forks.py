"""CPU time of on_failure in a task's process, as its parent pays for it: fork, imports, settings, message and delivery.

    python benchmarks/forks.py PYTHON [--former FOLDER] [--runs N]

PYTHON is that of an environment with Airflow 3, such as .windsock/airflow-3.3.2/bin/python. For each figure a process
that has imported Airflow's task SDK, as a task's supervisor has, forks; user and system time are the kernel's, of the
child alone. `--former` is a checkout of another build, whose children take turns with ours: the ratio is the median of
the pairs, so that it holds on a busy machine. With windsock.yaml, and with variables alone.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from callbacks import CHILD, taking_all

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).resolve().parent.parent
PARENT = (
    CHILD.partition("def clocks")[0]
    + """
import os
for line in sys.stdin:
    child = os.fork()
    if not child:
        os.dup2(2, 1)
        if line.strip() == "on_failure":
            from windsock.callbacks import on_failure
            on_failure(context)
        os._exit(0)
    used = os.wait4(child, 0)[2]
    print(json.dumps((used.ru_utime + used.ru_stime) * 1000), flush=True)
"""
)


class Build:
    """One checkout's parent process."""

    def __init__(self, python: str, root: Path, environ: Mapping[str, str], home: str) -> None:
        command = [python, "-c", f"ROOT = {str(root)!r}\n{PARENT}"]
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(
            command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True, env=environ, cwd=home
        )

    def fork(self, what: str) -> float:
        """Milliseconds of CPU of a child that does `what`."""
        sent, answers = self._process.stdin, self._process.stdout
        assert sent is not None
        assert answers is not None
        sent.write(f"{what}\n")
        sent.flush()
        # Airflow may write its own lines while it is imported.
        return float(next(line for line in answers if line.strip().replace(".", "").isdigit()))

    def end(self) -> None:
        self._process.communicate()


@contextlib.contextmanager
def builds(python: str, roots: list[Path], given: Mapping[str, str], home: str) -> Iterator[list[Build]]:
    environ = {"PATH": os.environ["PATH"], "AIRFLOW_HOME": home, "AIRFLOW__CORE__LOAD_EXAMPLES": "false", **given}
    made = [Build(python, root, environ, home) for root in roots]
    try:
        yield made
    finally:
        for build in made:
            build.end()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("python", help="of an environment with Airflow 3")
    parser.add_argument("--former", type=Path, help="a checkout of the build to compare with")
    parser.add_argument("--runs", type=int, default=15)
    options = parser.parse_args()
    python = str(Path(options.python).absolute())
    roots = [ROOT, *([options.former.resolve()] if options.former else [])]
    with tempfile.TemporaryDirectory() as home, taking_all() as alertmanager:
        spool = f"{home}/spool"
        file = Path(home, "windsock.yaml")
        file.write_text(json.dumps({"alertmanager": {"urls": [alertmanager]}, "callbacks": {"spool": {"dir": spool}}}))
        ways = {
            "with a file": {"WINDSOCK_CONFIG": str(file)},
            "with variables": {
                "WINDSOCK__ALERTMANAGER__URLS": alertmanager,
                "WINDSOCK__CALLBACKS__SPOOL__DIR": spool,
            },
        }
        for way, given in ways.items():
            with builds(python, roots, given, home) as made:
                for build in made:
                    build.fork("on_failure")  # writes what Python compiles
                rounds = [[build.fork("on_failure") for build in made] for _ in range(options.runs)]
                alone = statistics.median(made[0].fork("nothing") for _ in range(options.runs))
            ours, *former = zip(*rounds, strict=True)
            line = f"{way:16}{statistics.median(ours):6.1f} ms of CPU, least {min(ours):.1f} ms; fork {alone:.1f} ms"
            if former:
                ratio = statistics.median(one / other for one, other in rounds)
                line += (
                    f"; former build {statistics.median(former[0]):.1f} ms, least {min(former[0]):.1f}: {ratio:.2f} x"
                )
            print(line)


if __name__ == "__main__":
    main()
