"""Fetching Elasticsearch; Maven is a script here that copies a small archive."""

import hashlib
import os
import threading
import zipfile
from pathlib import Path

import pytest

from triptych.local import distribution
from triptych.local.errors import MissingTool, StackError


@pytest.fixture
def archive(tmp_path, monkeypatch):
    """A small distribution whose hash is the expected one."""
    path = tmp_path / "release.zip"
    with zipfile.ZipFile(path, "w") as bundle:
        for name, mode in (("bin/elasticsearch", 0o755), ("config/jvm.options", 0o660)):
            entry = zipfile.ZipInfo(f"elasticsearch-{distribution.VERSION}/{name}")
            entry.external_attr = mode << 16
            bundle.writestr(entry, name)
    monkeypatch.setattr(distribution, "SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


@pytest.fixture
def maven(tmp_path, monkeypatch):
    """Put a script named ``mvn`` in front of the PATH; returns the file that counts its runs."""

    def install(body: str) -> Path:
        script = tmp_path / "bin" / "mvn"
        script.parent.mkdir()
        script.write_text(f"#!/bin/sh\necho run >> {tmp_path}/runs\n{body}\n")
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{script.parent}:{os.environ['PATH']}")
        return tmp_path / "runs"

    return install


def copying(archive) -> str:
    """A script that copies the archive to where the last argument says."""
    target = f"elasticsearch-{distribution.VERSION}.zip"
    return f'for last in "$@"; do :; done\nsleep 0.2\ncp {archive} "${{last#*=}}/{target}"'


def install(cache):
    """Install without messages."""
    return distribution.install(cache, say=lambda _: None)


def test_it_is_fetched_once(tmp_path, archive, maven):
    """The second call finds what the first one left; nothing else stays in the cache."""
    runs = maven(copying(archive))
    cache = tmp_path / "cache"
    home = install(cache)
    assert install(cache) == home == cache / f"elasticsearch-{distribution.VERSION}"
    assert runs.read_text() == "run\n"
    assert {path.name for path in cache.iterdir()} == {home.name, f"{home.name}.lock"}


def test_two_at_once_fetch_once(tmp_path, archive, maven):
    """The slower of two stacks waits for the faster one's copy."""
    runs = maven(copying(archive))
    threads = [threading.Thread(target=install, args=(tmp_path / "cache",)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert runs.read_text() == "run\n"


def test_everybody_may_read_it(tmp_path, archive, maven):
    """Scripts stay executable and closed files are opened: it may run as somebody else."""
    maven(copying(archive))
    home = install(tmp_path / "cache")
    assert (home / "bin/elasticsearch").stat().st_mode & 0o777 == 0o755
    assert (home / "config/jvm.options").stat().st_mode & 0o777 == 0o644


def test_another_file_is_refused(tmp_path, archive, maven, monkeypatch):
    """What does not have the known hash is never unpacked, and leaves nothing behind."""
    monkeypatch.setattr(distribution, "SHA256", "0" * 64)
    maven(copying(archive))
    with pytest.raises(StackError, match="not used"):
        install(tmp_path / "cache")
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]


def test_maven_s_failure_is_shown(tmp_path, maven):
    """Its own words tell more than an exit code."""
    maven("echo could not resolve; exit 1")
    with pytest.raises(StackError, match="could not resolve"):
        install(tmp_path / "cache")


def test_a_missing_maven_says_what_to_install(tmp_path, monkeypatch):
    """One line, exit code 2; not needed when the distribution is there."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingTool, match="apt install maven") as error:
        install(tmp_path / "cache")
    assert error.value.exit_code == 2
    assert "\n" not in str(error.value)
    there = tmp_path / "cache" / f"elasticsearch-{distribution.VERSION}"
    there.mkdir(parents=True)
    assert install(tmp_path / "cache") == there


def test_an_interrupted_fetch_ends_maven(tmp_path, maven):
    """A pause that raises leaves neither a Maven process nor files."""
    maven(f"echo $$ > {tmp_path}/pid; exec sleep 60")

    def pause(_seconds: float) -> None:
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        distribution.install(tmp_path / "cache", pause=pause, say=lambda _: None)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".lock"]
