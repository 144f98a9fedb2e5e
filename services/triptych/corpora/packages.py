"""Packages as folders in the cache, fetched once by their registry's own client."""

import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from triptych.core.settings import cache_home
from triptych.corpora.errors import CorpusUnavailable

_TIMEOUT_SECONDS = 600


def cached(name: str, unpack: Callable[[Path], Path]) -> Path:
    """The folder ``name`` of the cache; ``unpack`` makes it in a work folder on first use.

    It is renamed into place when it is complete.

    Raises:
        CorpusUnavailable: it can't be fetched or moved there.
    """
    target = cache_home() / name
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="fetch-") as work:
        folder = unpack(Path(work))
        try:
            folder.rename(target)
        except OSError as error:
            if not target.is_dir():  # else another process was faster
                raise CorpusUnavailable(f"{name} can't be moved to {target}: {error}") from error
    return target


def run(command: Sequence[str], work: Path) -> None:
    """Run a registry's client. Raises CorpusUnavailable with the last line of its errors."""
    try:
        subprocess.run(  # noqa: S603
            command, cwd=work, check=True, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS
        )
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        raise CorpusUnavailable(f"{command[0]} failed: {reason[-1]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CorpusUnavailable(f"{command[0]} failed: {error}") from error
