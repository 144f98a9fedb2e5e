"""Fetch Elasticsearch once: through Maven, checked, unpacked, then reused by every stack."""

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
    """The unpacked distribution in ``cache``; fetched when it is not there yet.

    Raises:
        MissingTool: Maven is needed and absent.
        StackError: the download failed, or is not the expected file.
    """
    target = cache / _NAME
    if target.is_dir():
        return target
    maven = find_maven()
    with locked(cache / f"{_NAME}.lock", pause), _workshop(cache) as shop:
        if not target.is_dir():  # another stack may have been faster
            say(f"elasticsearch: fetching {VERSION} with Maven, about 100 MB, once")
            _run(fetch_command(maven, shop), cwd=shop, pause=pause)
            archive = shop / f"{_NAME}.zip"
            verify(archive, SHA256)
            unpack(archive, shop)
            (shop / _NAME).rename(target)  # whole or not at all
    return target


def find_maven() -> str:
    """Maven's command."""
    if found := shutil.which("mvn"):
        return found
    raise MissingTool(
        f"Maven is needed once, to fetch Elasticsearch {VERSION}: install it "
        "(Debian, Ubuntu: apt install maven; macOS: brew install maven)"
    )


def fetch_command(maven: str, folder: Path) -> list[str]:
    """Copy the artifact into a folder."""
    return [maven, "-q", "-B", _PLUGIN, f"-Dartifact={_ARTIFACT}", f"-DoutputDirectory={folder}"]


def verify(archive: Path, expected: str) -> None:
    """Refuse a file that is not exactly the known release."""
    with archive.open("rb") as file:
        actual = hashlib.file_digest(file, "sha256").hexdigest()
    if actual != expected:
        raise StackError(f"{archive.name} has SHA-256 {actual}, expected {expected}: not used")


def unpack(archive: Path, folder: Path) -> None:
    """Unzip so that every user can read it; ``zipfile`` alone forgets what is executable."""
    with zipfile.ZipFile(archive) as bundle:
        for entry in bundle.infolist():
            path = Path(bundle.extract(entry, folder))
            executable = entry.is_dir() or (entry.external_attr >> 16) & 0o100
            path.chmod(0o755 if executable else 0o644)


@contextmanager
def _workshop(cache: Path) -> Iterator[Path]:
    """A folder to work in, beside the target so that a rename is enough; under the lock."""
    for stale in cache.glob(f".{_NAME}-*"):  # of one that was killed
        shutil.rmtree(stale)
    shop = Path(tempfile.mkdtemp(prefix=f".{_NAME}-", dir=cache))
    try:
        yield shop
    finally:
        shutil.rmtree(shop)


def _run(command: Sequence[str], *, cwd: Path, pause: Pause) -> None:
    """Run a tool to its end; a pause that raises ends the tool too."""
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
