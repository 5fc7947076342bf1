"""A release is refused where its files say different versions; its tag is one that git itself verifies."""

from __future__ import annotations

import importlib.util
import shutil
import subprocess

import pytest

import windsock


@pytest.fixture
def release(root):
    spec = importlib.util.spec_from_file_location("release", root / "scripts/release.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def tree(root, tmp_path):
    for name in ("windsock/__init__.py", "deploy/helm/windsock/Chart.yaml"):
        (tmp_path / name).parent.mkdir(parents=True)
        shutil.copy(root / name, tmp_path / name)
    (tmp_path / "CHANGELOG.md").write_text(f"# Changes\n\n## [{windsock.__version__}] - 2026-12-01\n")
    return tmp_path


def test_a_tree_that_says_one_version_may_be_released(release, tree):
    assert release.wrong(tree) == []


@pytest.mark.parametrize(
    ("file", "before", "after", "said"),
    [
        ("windsock/__init__.py", windsock.__version__, "9.9.9", "CHANGELOG.md has no heading `## [9.9.9]`"),
        ("deploy/helm/windsock/Chart.yaml", 'appVersion: "', 'appVersion: "1', "appVersion is not"),
        ("CHANGELOG.md", f"[{windsock.__version__}]", "[Unreleased]", "CHANGELOG.md has no heading"),
    ],
)
def test_one_that_says_two_is_refused(release, tree, file, before, after, said):
    text = (tree / file).read_text()
    changed = text.replace(before, after, 1)
    assert changed != text
    (tree / file).write_text(changed)
    assert said in " ".join(release.wrong(tree))


class TestTag:
    """Signed with a key of ssh, as the repository's git is set up."""

    SUMS = "0123  windsock.whl\n"

    @pytest.fixture
    def key(self, tmp_path):
        def make(name):
            path = tmp_path / name
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", path], check=True)
            return path.with_suffix(".pub")

        return make

    @pytest.fixture
    def git(self, tmp_path, key, monkeypatch):
        """A repository of one commit, with a key of its own whose signatures it knows, and no other settings."""
        monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
        monkeypatch.setenv("GIT_CONFIG_NOSYSTEM", "1")
        root = tmp_path / "repository"
        root.mkdir()

        def run(*arguments, fails=False):
            done = subprocess.run(["git", *arguments], cwd=root, capture_output=True, text=True, check=False)
            assert (done.returncode != 0) is fails, done.stderr
            return done.stdout + done.stderr

        run("init", "--quiet")
        ours = key("ours")
        signers = tmp_path / "signers"
        signers.write_text(f"team@example.org {ours.read_text()}")
        for name, value in {
            "user.name": "Team",
            "user.email": "team@example.org",
            "gpg.format": "ssh",
            "user.signingkey": ours,
            "gpg.ssh.allowedSignersFile": signers,
        }.items():
            run("config", name, str(value))
        run("commit", "--quiet", "--allow-empty", "--message", "all of it")
        run.root = root
        return run

    def test_it_is_verified_and_has_the_sums(self, release, git):
        said = release.tag(git.root, "1.2.3", self.SUMS)
        assert 'Good "git" signature for team@example.org' in said
        assert 'Good "git" signature' in git("tag", "--verify", "v1.2.3")
        assert self.SUMS in git("tag", "--list", "--format=%(contents)", "v1.2.3")

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("user.signingkey", "theirs", "No principal matched"),
            # git 2.39 makes a tag without a signature then, and says that all is well.
            ("user.signingkey", "nowhere", "no signature found|nowhere"),
            ("gpg.ssh.allowedSignersFile", "nowhere", "nowhere"),
        ],
    )
    def test_one_that_others_would_not_trust_is_not_made(self, release, git, key, tmp_path, name, value, said):
        git("config", name, str(key("theirs") if value == "theirs" else tmp_path / value))
        with pytest.raises(release.TagError, match=said):
            release.tag(git.root, "1.2.3", self.SUMS)
        assert git("tag", "--list") == ""

    def test_one_that_is_there_already_stays_as_it_is(self, release, git):
        release.tag(git.root, "1.2.3", self.SUMS)
        before = git("rev-parse", "v1.2.3")
        with pytest.raises(release.TagError, match="already exists"):
            release.tag(git.root, "1.2.3", "others")
        assert git("rev-parse", "v1.2.3") == before
