"""The Airflow that the tests share, and where it tells what fails."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="session")
def version(shared):
    return shared.version


@pytest.fixture(scope="session")
def place(shared):
    return shared.place


@pytest.fixture(scope="session")
def airflow(shared):
    return shared.airflow
