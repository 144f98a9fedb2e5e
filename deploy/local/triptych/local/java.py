"""Find a Java that can run Elasticsearch."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from triptych.local.accounts import Account
from triptych.local.errors import MissingTool

OLDEST = 21
VECTOR_MODULE = "jdk.incubator.vector"
_JVM_FOLDERS = (
    Path("/usr/lib/jvm"),
    Path("/usr/java"),
    Path("/Library/Java/JavaVirtualMachines"),
)


class Runtime(NamedTuple):
    """Version and modules of a Java; version 0 when it did not answer."""

    version: int
    has_vector: bool

    @property
    def fits(self) -> bool:
        """Whether it can run Elasticsearch."""
        return self.version >= OLDEST and self.has_vector

    def __str__(self) -> str:
        if not self.version:
            return "does not run, or older than 9"
        return f"Java {self.version}" + ("" if self.has_vector else f" without {VECTOR_MODULE}")


def parse_modules(listing: str) -> Runtime:
    """Read version and modules from lines like ``java.base@21.0.2``."""
    base = re.search(r"^java\.base@(\d+)", listing, re.MULTILINE)
    vector = re.search(rf"^{re.escape(VECTOR_MODULE)}(@|$)", listing, re.MULTILINE)
    return Runtime(int(base[1]) if base else 0, vector is not None)


def candidates(
    environ: Mapping[str, str], folders: Iterable[Path] = _JVM_FOLDERS
) -> Iterator[Path]:
    """Java homes in order of preference: from variables, from the usual folders, from the PATH."""
    for variable in ("ES_JAVA_HOME", "JAVA_HOME"):
        if environ.get(variable):
            yield Path(environ[variable])
    for folder in folders:
        for home in sorted(folder.glob("*"), reverse=True):
            yield home / "Contents/Home" if (home / "Contents/Home").is_dir() else home
    if on_path := shutil.which("java", path=environ.get("PATH")):
        yield Path(on_path).resolve().parent.parent


def inspect(home: Path, account: Account | None = None) -> Runtime:
    """Ask a Java for its modules, as the user that will run it (who may have no access)."""
    try:
        answer = subprocess.run(  # noqa: S603 - a fixed argument
            [home / "bin/java", "-XX:-UsePerfData", "--list-modules"],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
            cwd="/",
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=() if account else None,
        )
    except (OSError, subprocess.TimeoutExpired):
        return Runtime(0, has_vector=False)
    return parse_modules(answer.stdout)


def find_java(
    account: Account | None = None,
    environ: Mapping[str, str] = os.environ,
    folders: Iterable[Path] = _JVM_FOLDERS,
) -> Path:
    """The first Java home that fits.

    Raises:
        MissingTool: there is none; the message lists those that do not fit.
    """
    seen: dict[Path, Runtime] = {}
    for home in candidates(environ, folders):
        if not (home / "bin/java").exists() or home.resolve() in seen:
            continue
        runtime = inspect(home, account)
        if runtime.fits:
            return home
        seen[home.resolve()] = runtime
    rejected = "; ".join(f"{home}: {runtime}" for home, runtime in seen.items()) or "none"
    raise MissingTool(
        f"Elasticsearch needs Java {OLDEST} or newer with the module {VECTOR_MODULE}: install a "
        f"full JDK (for example openjdk-21-jdk-headless or Temurin 21) or set ES_JAVA_HOME to one; "
        f"found: {rejected}"
    )
