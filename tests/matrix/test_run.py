"""The matrix runs each check on the programs that it says, and nothing red passes."""

from __future__ import annotations

import itertools

import pytest
from matrix import run

from windsock import parts

OLD, NEW = parts.PROMETHEUS
PAGE = "Before.\n\n| check | on | |\n|---|---|---|\n{}\n\n| check | what it is |\n|---|---|\n| rules | those |\n"
FAILS = "def test_it(): assert not 'red'"
ASKS = """
import subprocess
def test_it(): assert "version {}+ds" in subprocess.check_output(["promtool", "--version"], text=True)
"""


@pytest.fixture
def check(tmp_path, monkeypatch, versions):
    """`check(test)` is one about Prometheus, with a test of this text; both versions are there."""
    versions("1-newer", NEW, "promtool")
    versions("2-debian", OLD, "promtool")
    monkeypatch.setattr(run, "LOGS", tmp_path / "logs")
    monkeypatch.setattr(run, "PAGE", tmp_path / "page.md")
    run.PAGE.write_text(PAGE.format("| old | row | green |"))

    def make(text):
        file = tmp_path / "test_it.py"
        file.write_text(text)
        monkeypatch.setattr(run, "CHECKS", {"rules": run.Check(("promtool",), (str(file),))})

    return make


@pytest.mark.parametrize("version", [OLD, NEW])
def test_the_version_is_the_one_that_the_check_finds(check, version):
    check(ASKS.format(version))
    assert run.run("rules", {"prometheus": version}) == "green"
    other = NEW if version == OLD else OLD
    assert run.run("rules", {"prometheus": other}).startswith("exit code 1: ")


def test_what_fails_is_red_names_its_output_and_has_no_row(check, capsys):
    check(FAILS)
    before = run.PAGE.read_text()
    assert run.main([]) == 1
    last = capsys.readouterr().out.splitlines()[-1]
    assert last == f"| rules | Prometheus {NEW} | exit code 1: {run.LOGS}/rules-{NEW} |"
    assert "assert not 'red'" in (run.LOGS / f"rules-{NEW}").read_text()
    assert run.PAGE.read_text() == before.replace("\n| old | row | green |", "")


def test_what_is_red_loses_its_row_and_the_others_keep_theirs(check):
    check("def test_it(): pass")
    assert run.main([]) == 0
    rows = [f"| rules | Prometheus {version} | green |" for version in (OLD, NEW)]
    run.write({rows[0]: "| rules | Prometheus | exit code 1 |"})
    assert run.PAGE.read_text() == PAGE.format(rows[1])


def test_what_is_all_green_is_written_to_the_page(check):
    check("def test_it(): pass")
    assert run.main(["rules"]) == 0
    rows = f"| rules | Prometheus {OLD} | green |\n| rules | Prometheus {NEW} | green |"
    assert run.PAGE.read_text() == PAGE.format(rows)


def test_the_current_programs_alone(check):
    check(ASKS.format(NEW))
    assert run.main(["--current", "rules"]) == 0
    assert run.PAGE.read_text() == PAGE.format(f"| rules | Prometheus {NEW} | green |")


def test_a_version_that_is_not_there_is_red(check, versions, capsys):
    check("def test_it(): pass")
    versions("1-newer", "3.15.9", "promtool")
    versions("2-debian", "2.53.0", "promtool")
    assert run.main(["rules"]) == 1
    said = capsys.readouterr().out
    assert f"| rules | Prometheus {OLD} | promtool {OLD} is not installed: Debian 12 has it (apt-get)" in said
    assert f"| rules | Prometheus {NEW} | go is not installed: " in said, "it would be built"


def test_no_such_check(capsys):
    assert run.main(["rulse"]) == 2
    assert "no such check: rulse; there are rules, rules in VictoriaMetrics, thanos, " in capsys.readouterr().err


def test_the_tests_of_each_check_are_there():
    for check in run.CHECKS.values():
        assert all((run.ROOT / "tests" / test).exists() for test in check.tests)


def test_the_page_has_every_row_and_all_of_them_are_green():
    """`make matrix` writes it; where a version or a check is new, it has to run again."""
    wanted = [run.row(name, chosen, "green") for name, check in run.CHECKS.items() for chosen in check.combinations()]
    lines = run.PAGE.read_text().splitlines()
    table = list(itertools.takewhile(lambda line: line.startswith("|"), lines[lines.index("| check | on | |") :]))
    assert table[2:] == wanted
