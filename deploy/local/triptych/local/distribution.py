"""Fetch Elasticsearch once with Maven, check and unpack it; every stack uses that copy."""

import hashlib
import shutil
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from triptych.local.errors import MissingTool, StackError
from triptych.local.locks import Pause, locked

VERSION = "9.2.4"
SHA256 = "af7b81fe31627c7523b2546351cd4e47310faa6a72c8db8dc8f7a191e871cfaf"
_NAME = f"elasticsearch-{VERSION}"
_ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy"
_ERROR_LINES = 5

Say = Callable[[str], None]


def install(cache: Path, *, pause: Pause = time.sleep, say: Say = print) -> Path:
    """The unpacked distribution in ``cache``, fetched first if it is missing.

    Raises:
        MissingTool: Maven is needed and not installed.
        StackError: the download failed, or its checksum is wrong.
    """
    target = cache / _NAME
    if target.is_dir():
        return target
    maven = find_maven()
    with locked(cache / f"{_NAME}.lock", pause), _temporary_folder(cache) as folder:
        if not target.is_dir():  # another stack may have been faster
            say(f"elasticsearch: fetching {VERSION} with Maven, about 100 MB, once")
            _run(fetch_command(maven, folder), cwd=folder, pause=pause)
            archive = folder / f"{_NAME}.zip"
            verify(archive, SHA256)
            unpack(archive, folder)
            (folder / _NAME).rename(target)  # whole or not at all
    return target


def find_maven() -> str:
    """Maven's command."""
    if path := shutil.which("mvn"):
        return path
    raise MissingTool(
        f"Maven is needed once, to fetch Elasticsearch {VERSION}: install it "
        "(Debian, Ubuntu: apt install maven; macOS: brew install maven)"
    )


def fetch_command(maven: str, folder: Path) -> list[str]:
    """The command that copies the artifact into a folder."""
    return [maven, "-q", "-B", _PLUGIN, f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={folder}"]


def verify(archive: Path, expected: str) -> None:
    """Raise StackError unless the file has the expected SHA-256."""
    with archive.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != expected:
        raise StackError(
            f"{archive.name} has SHA-256 {actual}, expected {expected}: it is not used"
        )


def unpack(archive: Path, folder: Path) -> None:
    """Unzip with permissions: every user can read, and programs stay executable."""
    with zipfile.ZipFile(archive) as bundle:
        for entry in bundle.infolist():
            path = Path(bundle.extract(entry, folder))
            executable = entry.is_dir() or (entry.external_attr >> 16) & 0o100
            path.chmod(0o755 if executable else 0o644)


@contextmanager
def _temporary_folder(cache: Path) -> Iterator[Path]:
    """A folder beside the target, so that a rename installs it. The caller holds the lock."""
    for stale in cache.glob(f".{_NAME}-*"):  # left by a process that was killed
        shutil.rmtree(stale)
    folder = Path(tempfile.mkdtemp(prefix=f".{_NAME}-", dir=cache))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)


def _run(command: Sequence[str], *, cwd: Path, pause: Pause) -> None:
    """Run a tool to its end; when ``pause`` raises, the tool is terminated."""
    with tempfile.TemporaryFile() as out:
        tool = subprocess.Popen(  # noqa: S603 - a fixed command line, no shell
            command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT
        )
        try:
            while tool.poll() is None:
                pause(0.1)
        finally:
            tool.terminate()
            tool.wait()
        out.seek(0)
        lines = out.read().decode(errors="replace").splitlines()
    if tool.returncode:
        raise StackError("\n".join(["Maven could not fetch Elasticsearch:", *lines[:_ERROR_LINES]]))
