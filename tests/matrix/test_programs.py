"""What is built is built whole, once, with a Go that is new enough."""

from __future__ import annotations

import os

import pytest
from real import programs

from windsock import parts
from windsock.demo.stack import workshop
from windsock.exceptions import MissingProgramError, StackError

CURRENT = f"go{parts.GO}"
GO = """
case "$*" in
  "env GOVERSION") echo {version};;
  "mod download -json golang.org/"*) echo "$*" >&2; echo '{{"Dir": "{place}/toolchain"}}';;
  "mod download -json "*) echo '{{"Dir": "{place}/module"}}';;
  *) while [ "$1" != -o ]; do shift; done; {build};;
esac
"""
BUILDS = 'printf "#!/bin/sh\\necho amtool, version 0.35.0\\n" > "$2"; /bin/chmod 755 "$2"'


@pytest.fixture
def go(script, tmp_path):
    """`go(version, build)` writes one, and the module that it fetches."""
    (tmp_path / "module" / "cmd").mkdir(parents=True)
    (tmp_path / "module" / "go.mod").write_text("module m\n")
    for path in (tmp_path / "module" / "go.mod", tmp_path / "module" / "cmd", tmp_path / "module"):
        path.chmod(path.stat().st_mode & ~0o222)

    def write(version=CURRENT, build=BUILDS):
        return script("go", "go", GO.format(version=version, build=build, place=tmp_path))

    return write


def test_a_program_is_built_once(go, script):
    said = []
    go()
    built = programs.current("amtool", said.append)
    assert programs.version(built) == parts.ALERTMANAGER.current
    assert said == [f"building amtool {parts.ALERTMANAGER.current}: some minutes, once"]
    go(build="exit 1")
    assert programs.current("amtool", said.append) == built
    assert len(said) == 1
    assert sorted(path.name for path in built.parent.iterdir()) == ["amtool", "build.log", "lock"]


@pytest.mark.parametrize(
    "says",
    [
        "echo 'prometheus, version 2.42.0+ds (branch: x, go version: go1.19.8)'",
        "echo 'version v2.42.0'",
        "printf tool-v2.42.0; echo 2026/11/28 >&2",
        "echo 'v2.42.0' >&2",
    ],
)
def test_the_version_is_what_the_program_says(script, says):
    assert programs.version(script("some", "tool", says)) == "2.42.0"


def test_half_a_build_is_none_and_the_next_begins_anew(go):
    go(build='echo half > "$2"; echo no space left on device; exit 1')
    with pytest.raises(StackError, match=r"(?s)failed; the end of \S+/build\.log:.*no space left on device"):
        programs.current("amtool", print)
    place = programs.PROGRAMS["amtool"].place
    assert (place / "unfinished").exists()
    assert not (place / "amtool").exists()
    go()
    assert programs.version(programs.find("amtool", parts.ALERTMANAGER.current)) == parts.ALERTMANAGER.current


def test_without_go_it_is_named(script):
    script("none", "nothing", "")
    with pytest.raises(MissingProgramError, match="go is not installed: apt-get install golang-go"):
        programs.current("amtool", print)


@pytest.mark.parametrize("version", [CURRENT, "go1.27", "go2.0.1", "devel go1.30-abcdef"])
def test_a_go_that_is_new_enough_is_taken(go, version, tmp_path):
    go(version)
    assert workshop.go(tmp_path, parts.GO, print) == "go"


@pytest.mark.parametrize("version", ["go1.19.8", "go1.9", "go1.26.6", "go1.26"])
def test_an_older_one_fetches_a_newer_one_which_can_be_run(go, version, tmp_path):
    """A module's files can't be; and Debian 12's Go would not know that it may."""
    said = []
    go(version)
    for name in ("bin/go", "pkg/tool/linux/link"):
        (tmp_path / "toolchain" / name).parent.mkdir(parents=True)
        (tmp_path / "toolchain" / name).write_text("#!/bin/sh\n")
    assert workshop.go(tmp_path, parts.GO, said.append) == f"{tmp_path}/toolchain/bin/go"
    assert said == [f"fetching Go {parts.GO}: that of the PATH is {version[2:]}"]
    assert all(os.access(tmp_path / "toolchain" / name, os.X_OK) for name in ("bin/go", "pkg/tool/linux/link"))


def test_a_module_that_can_not_be_fetched_is_named(script, tmp_path):
    script("go", "go", """echo '{"Path": "m", "Error": "no such host"}'; exit 1""")
    with pytest.raises(StackError, match=r"^m@v1 can't be fetched: no such host$"):
        workshop.download(tmp_path, "m@v1")
    script("go", "go", "echo no network >&2; exit 1")
    with pytest.raises(StackError, match=r"^m@v1 can't be fetched: no network$"):
        workshop.download(tmp_path, "m@v1")
