"""The Airflows that tests run: one environment a version, kept in .windsock/tests, built where it is out of date.

`python tests/real/environments.py` builds them all, so that no test waits for it.
"""

from __future__ import annotations

import fcntl
from pathlib import Path

from windsock.airflow.versions import NEWEST, NEXT, OLDEST
from windsock.demo.stack import environment

VERSIONS = (NEWEST, OLDEST)
_ALL = (*VERSIONS, f"{NEWEST}-s3", NEXT)  # and what reads logs from S3, and what one module runs
_PYTHONS = {OLDEST: ((3, 10), (3, 13)), NEXT: ((3, 11), (3, 15))}
_REQUIREMENTS = Path(__file__).parent / "requirements"
_HOME = Path(__file__).parents[2] / ".windsock" / "tests"


def airflow(version: str) -> Path:
    """Return the environment's folder; one process at a time builds."""
    _HOME.mkdir(parents=True, exist_ok=True)
    with (_HOME / "lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        # Of the next version it is the demo's own: `windsock up` takes a copy as it is.
        requirements = (environment.REQUIREMENTS if version == NEXT else _REQUIREMENTS) / f"airflow-{version}.txt"
        place = _HOME / requirements.stem
        return environment.make(requirements, place, print, _PYTHONS.get(version, environment.PYTHONS))


if __name__ == "__main__":
    for one in _ALL:
        airflow(one)
