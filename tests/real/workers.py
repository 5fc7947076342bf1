"""Which tests go to the same of pytest-xdist's workers (`pytest -n 4`), and in which order.

Each worker has session fixtures of its own: what tests share, such as an Airflow or an Elasticsearch, starts once
where all of them run in one worker. Other tests stay together by file.
"""

from __future__ import annotations

import fcntl
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.scheduler.loadscope import LoadScopeScheduling

from .environments import VERSIONS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TOGETHER = (
    ("tests/logging/",),
    ("tests/callbacks/airflow/", "tests/exporter/plugin/test_airflow.py", "tests/examples/test_dags.py"),
    ("tests/e2e/",),
    ("tests/exporter/reconciler/",),
    ("tests/doctor/test_faults.py",),
    ("tests/exporter/database/",),
    ("tests/alerts/test_storms.py",),
    ("tests/callbacks/test_hostile.py",),
    ("tests/dashboards/preview/", "tests/dashboards/test_prometheus.py"),
    ("tests/examples/",),
    ("tests/packaging/",),
)
"""Folders and files whose tests share servers or packages, and files that wait for longest. The longest come first, so
that no worker waits for the other's, and who waits is beside who works."""

_OF_A_VERSION = "tests/callbacks/airflow/"
"""The group whose tests share an Airflow a version: those of one need not wait for those of the other."""

_endings: list[Callable[[], object]] = []


def end_with_group(end: Callable[[], object]) -> None:
    """Call `end` once this worker has no more tests of the group that runs now.

    A session fixture would last until its worker has run everything: an Airflow that nobody asks any more takes a
    fifth of a processor for as long.
    """
    _endings.append(end)


def group(nodeid: str) -> str:
    """What a test is kept together with: the folders that it shares something with, or else its file."""
    file = nodeid.partition("::")[0]
    place = next((places[0] for places in TOGETHER if file.startswith(places)), file)
    given = nodeid.partition("[")[2]
    return next((f"{place} {one}" for one in VERSIONS if one in given), place) if place == _OF_A_VERSION else place


def _is_compiled() -> bool:
    """Whether tests were collected in this tree before: those of this folder come last."""
    return any((Path(__file__).parents[1] / "packaging" / "__pycache__").glob("*-pytest-*.pyc"))


@pytest.hookimpl(wrapper=True)
def pytest_collection(session: pytest.Session) -> Iterator[None]:
    """In a fresh tree collect in turn: the first worker compiles what all import, and the others read that."""
    if not hasattr(session.config, "workerinput") or sys.dont_write_bytecode or _is_compiled():
        return (yield)
    with Path(__file__).open() as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        return (yield)


class Scheduling(LoadScopeScheduling):
    """Gives a worker that is done the next group."""

    def _split_scope(self, nodeid: str) -> str:
        return group(nodeid)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if hasattr(config, "workerinput"):
        order = {places[0]: number for number, places in enumerate(TOGETHER)}
        items.sort(key=lambda item: order.get(group(item.nodeid).split(" ")[0], len(order)))


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> None:
    # Without workers nothing brings the tests of a group together.
    if hasattr(item.config, "workerinput") and (nextitem is None or group(nextitem.nodeid) != group(item.nodeid)):
        while _endings:
            _endings.pop()()


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Scheduling:
    config.option.loadscopereorder = False
    return Scheduling(config, log)
