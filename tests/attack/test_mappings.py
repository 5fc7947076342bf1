"""A mapping file decides about every name in time that grows with the name alone, whatever its patterns are.

Each attack runs in a process of its own with a limit on its CPU: a pattern that blows up ends it, and the test.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import time
from concurrent.futures import ProcessPoolExecutor

import pytest
from real import command

from windsock.exceptions import SettingsError
from windsock.exporter.compat.file import load

CPU = 8
"""Seconds; what backtracks takes minutes, hours or years."""
ALMOST = "a" * 36 + "!"
LONG = "a." * 2048 + "b"


def regex(pattern: str) -> dict:
    return {"match": pattern, "match_type": "regex", "name": "found_$1", "labels": {"first": "$1"}}


@pytest.fixture
def write(tmp_path):
    def to_file(*rules: dict, **defaults: object) -> str:
        (tmp_path / "mapping.yml").write_text(json.dumps({"defaults": defaults, "mappings": rules}))
        return str(tmp_path / "mapping.yml")

    return to_file


def limit() -> None:
    resource.setrlimit(resource.RLIMIT_CPU, (CPU, CPU))


def decide(file: str, names: tuple[str, ...]) -> tuple[float, list[tuple[str, dict[str, str]]]]:
    mapping = load(file).mapping
    start = time.process_time()
    found = [mapping.find(name, "counter") for name in names]
    return time.process_time() - start, [(match.name, match.labels) for match in found]


def find(file: str, *names: str) -> tuple[float, list[tuple[str, dict[str, str]]]]:
    """CPU seconds for all names, and the name and the labels of each."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("fork"), limit) as attacked:
        return attacked.submit(decide, file, names).result()


PATTERNS = {
    "nested repeats": (r"^(a+)+$", ALMOST),
    "nested repeats of a part": (r"^((\w+\.?)+)*$", "x" * 36 + "!"),
    "alternatives that overlap": (r"^(a|aa|a?)+$", ALMOST),
    "four stars": (r"(.*)\.(.*)\.(.*)\.(.*)\.end", LONG),
    "eight stars": (r"^(.*).*.*.*.*.*.*.*\.end$", LONG),
    "many optional ones": ("a?" * 40 + "a" * 40 + "$", "a" * 39 + "!"),
    "repeats of repeats": (r"(a{0,30}){0,30}b", "a" * 4096),
}


@pytest.mark.parametrize("attack", PATTERNS)
def test_a_regular_expression_is_linear(attack, write):
    pattern, name = PATTERNS[attack]
    seconds, found = find(write(regex(pattern)), name, f"{name}{name}")
    # As nothing matches, each keeps its name.
    assert found == [(name, {}), (name * 2, {})]
    assert seconds < 2


def test_hundreds_of_them_are_linear_together(write):
    rules = [regex(rf"^(\w+\.)*{number}(.*)(.*)x$") for number in range(200)]
    assert find(write(*rules), LONG)[0] < 2


@pytest.mark.parametrize("ordered", [True, False])
@pytest.mark.parametrize("part", ["*", "a", "b"])
def test_globs_are_linear(part, ordered, write):
    """Names of stars went to each node as often as there are ways to it: twice a part."""
    globs = [{"match": ".".join(["a", *"*" * stars]), "name": f"of_{stars}"} for stars in range(1, 60)]
    # Every glob of eight parts that are `a` or `*`: what a name leads to grows with the file, not with the name.
    globs += [
        {"match": ".".join(["b", *("*a"[number >> bit & 1] for bit in range(8))]), "name": f"b_{number}"}
        for number in range(256)
    ]
    file = write(*globs, glob_disable_ordering=not ordered)
    names = [".".join(["a", *[part] * 59]), ".".join(["b", *[part] * 8]), "a" + f".{part}" * 4096, "." * 32_000]
    seconds, found = find(file, *names)
    first, second, *others = (name for name, _ in found)
    assert first == "of_59"
    # The first of the file; the most specific one.
    assert second == ("b_255" if part == "a" and not ordered else "b_0")
    assert others == names[2:]
    assert seconds < 1


REFUSED = {
    "too many steps": (regex("(((a?b){10}){10}){10}c"), "match: expected at most 4,000 steps, these are "),
    "too large to compile": (regex(r"(\pL{1,500})z"), "match: expected a regular expression as RE2 and Go read them: "),
    "too many repeats": (regex("a{1001}"), "match: expected a regular expression as RE2 and Go read them: invalid rep"),
    "what only Python knows": (regex("(?=a)a"), "match: expected a regular expression as RE2 and Go read them: inval"),
    "bytes": (regex(r"a\Cb"), r"match: expected characters, not single bytes (\C)"),
    "one name for two groups": (regex("(?P<n>a)(?<n>b)"), "match: expected each group to have a name of its own"),
    "a glob of thousands": ({"match": "a" + ".*" * 5000, "name": "a"}, "match: expected at most 250 parts"),
    "a name that was tried in 2^30 ways": ({"match": "a", "name": "$11" * 30 + "-"}, "name: expected letters, digits"),
}


@pytest.mark.parametrize("attack", REFUSED)
def test_what_can_not_be_bounded_is_refused(attack, write, tmp_path):
    rule, said = REFUSED[attack]
    file = write({"match": "a.b", "name": "fine"}, rule)
    arguments = ("exporter", "--mapping-config", file, "--check-config")
    done = command.windsock(*arguments, cwd=tmp_path, environ=command.without_settings())
    assert done.returncode == 2
    assert done.stderr.startswith(f"windsock: {file}:1: mappings[1].{said}")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("number", ["9" * 5000, "0" * 5000 + "1", "1" * 400])
def test_references_to_no_capture_are_empty(number, write):
    labels = {"labels": {"it": f"<${{{number}}}>"}}
    rules = [{"match": "g.*", "name": "g", **labels}, {**regex("r(.*)"), **labels}]
    assert [found for _, found in find(write(*rules), "g.x", "rx")[1]] == [{"it": "<>"}] * 2


@pytest.mark.parametrize("number", ["²", "٣", "Ⅷ"])
def test_numbers_of_other_scripts_name_no_capture(number, write):
    rule = {**regex("r(.*)"), "labels": {"it": f"<${number}>"}}
    assert find(write(rule), "rx")[1] == [("found_x", {"it": "<>"})]


@pytest.mark.parametrize("number", [".inf", "1e9", "1e400"])
def test_a_summary_has_a_bounded_number_of_lists(number, tmp_path):
    file = tmp_path / "mapping.yml"
    file.write_text(f"mappings:\n- {{match: a, name: a, summary_options: {{age_buckets: {number}}}}}\n")
    with pytest.raises(SettingsError, match=r"2: .*age_buckets: expected a whole number from 1 to 100"):
        load(str(file))
