"""Elasticsearch's JDK, and what is said of logs that can't be shipped."""

from __future__ import annotations

import threading
from types import SimpleNamespace

import pytest

from windsock.demo.stack import logs, shipping
from windsock.exceptions import MissingProgramError, StackError
from windsock.parts import ELASTICSEARCH


@pytest.fixture
def jdk(tmp_path, monkeypatch):
    """`jdk(name, release)` makes one below the folder of JDKs; "path" is the one on the PATH."""
    monkeypatch.setattr(shipping, "JDKS", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "path" / "bin"))

    def make(name, release):
        home = tmp_path / name
        (home / "bin").mkdir(parents=True)
        (home / "bin" / "javac").write_text("#!/bin/sh\n")
        (home / "bin" / "javac").chmod(0o755)
        if release:
            (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{release}"\nJAVA_VERSION_DATE="2026"\n')
        return str(home)

    return make


def java(tmp_path, version):
    return shipping.environment(tmp_path, version)["ES_JAVA_HOME"]


def test_the_jdk_of_the_path_is_taken_where_it_is_new_enough(jdk, tmp_path):
    on_path, other = jdk("path", "17.0.15"), jdk("a-25", "25.0.3")
    assert java(tmp_path, ELASTICSEARCH.oldest) == on_path
    assert java(tmp_path, ELASTICSEARCH.current) == other


@pytest.mark.parametrize("release", ["11.0.2", "1.8.0_402", ""])
def test_a_jdk_that_is_too_old_is_none_and_the_command_is_named(jdk, tmp_path, release):
    jdk("path", release)
    (tmp_path / "broken").mkdir()
    with pytest.raises(MissingProgramError, match=r"JDK 17 or later is not installed: apt-get install openjdk-17-jdk"):
        java(tmp_path, ELASTICSEARCH.oldest)


@pytest.mark.parametrize(("ended", "told"), [(False, ["no logs are shipped: no network"]), (True, [])])
def test_what_fails_is_told_once_and_not_after_the_end(monkeypatch, ended, told):
    said, go_on, failed = [], threading.Event(), threading.Event()

    def fail(*_):
        go_on.wait(120)
        raise StackError("no network")

    def watched(run):
        def to_its_end():
            run()
            failed.set()

        return to_its_end

    thread = threading.Thread
    monkeypatch.setattr(shipping, "elasticsearch", fail)
    monkeypatch.setattr(logs.threading, "Thread", lambda target, **rest: thread(target=watched(target), **rest))
    with logs.beside(SimpleNamespace(home=None), SimpleNamespace(), said.append):
        if not ended:
            go_on.set()
            assert failed.wait(120)
    go_on.set()
    assert failed.wait(120)
    assert said == told
