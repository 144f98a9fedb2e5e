"""Environments of exactly what a lock names, as the Dockerfile makes them; made once per lock."""

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from triptych.core.settings import cache_home
from triptych.core.threads import usable_cpus
from triptych.local.locks import locked

ROOT = Path(__file__).parents[1]
LOCKS = ROOT / "requirements"
_UV = Path(sys.executable).with_name("uv")


def make(extras: Iterable[str]) -> dict[str, Path]:
    """The environment of each extra's lock; what the cache does not have is installed into it."""
    with ThreadPoolExecutor(usable_cpus()) as pool:
        return dict(zip(extras, pool.map(_make, extras), strict=True))


def _make(extra: str) -> Path:
    lock = LOCKS / f"{extra}.txt"
    digest = hashlib.sha256(sys.version.encode() + lock.read_bytes()).hexdigest()
    folder = cache_home() / "images" / f"{extra}-{digest[:16]}"
    ready = folder / ".ready"
    with locked(folder.with_suffix(".lock")):
        if not ready.exists():
            shutil.rmtree(folder, ignore_errors=True)  # of one that was interrupted
            _uv("venv", "--python", sys.executable, str(folder))
            how = ("--require-hashes", "--no-deps", "--compile-bytecode")
            _uv("pip", "install", "--python", str(folder), *how, "--requirements", str(lock))
            ready.touch()
    return folder


def install_project(folder: Path) -> None:
    """Put the project, without what it depends on, into a folder for ``PYTHONPATH``."""
    how = ("--no-deps", "--no-build-isolation", "--compile-bytecode")
    where = ("--python", sys.executable, "--target", str(folder))
    _uv("pip", "install", *how, *where, str(ROOT))


def install_pytest(folder: Path) -> None:
    """Put pytest, as it is locked for development, into a folder for ``PYTHONPATH``."""
    where = ("--python", sys.executable, "--target", str(folder))
    _uv(
        "pip",
        "install",
        "--constraints",
        str(LOCKS / "dev.txt"),
        *where,
        "pytest",
        "pytest-timeout",
    )


def container_env(project: Path, scratch: Path) -> dict[str, str]:
    """What a process in a container has: the image's Python options, and no home of its own."""
    dockerfile = (ROOT / "deploy" / "Dockerfile").read_text()
    return {
        **dict(re.findall(r"^\s+(PYTHON\w+)=(\S+)", dockerfile, re.MULTILINE)),
        "PYTHONPATH": str(project),
        "HOME": str(scratch),
        "XDG_CACHE_HOME": str(scratch / "cache"),
        "NUMBA_CACHE_DIR": str(scratch / "numba"),
        "TMPDIR": str(scratch),
    }


def contents(folder: Path) -> dict[str, int]:
    """Every file below a folder with the time of its last change."""
    paths = (Path(top, name) for top, _, names in os.walk(folder) for name in names)
    return {str(path): path.lstat().st_mtime_ns for path in paths}


def _uv(*arguments: str) -> None:
    done = subprocess.run([_UV, "--quiet", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
