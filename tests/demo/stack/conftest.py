"""A folder and addresses as one run has them."""

import os

import pytest

from windsock.demo.stack import addresses
from windsock.demo.stack.folder import Folder
from windsock.settings import validate
from windsock.settings.sources import Source


@pytest.fixture
def folder(tmp_path):
    made = Folder(tmp_path / "a home")
    with made.locked(os.getpid()):
        made.renew()
        yield made


@pytest.fixture
def places():
    source = Source()
    return addresses.choose(source, validate(source), own_airflow=True)
