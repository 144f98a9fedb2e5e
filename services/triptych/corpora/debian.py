"""Debian packages, unpacked without being installed and without root."""

import os
import shutil
from pathlib import Path

from triptych.corpora.errors import CorpusUnavailable
from triptych.corpora.packages import cached, run


def unpacked(package: str) -> Path:
    """The files of a Debian package. Raises CorpusUnavailable."""
    return cached(package, lambda work: _unpack(package, work))


def _unpack(package: str, work: Path) -> Path:
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise CorpusUnavailable(f"{tool} is not installed, but {package} is a Debian package")
    _download(package, work)
    archive = next(work.glob("*.deb"), None)
    if archive is None:
        raise CorpusUnavailable(f"apt-get did not download {package}")
    run(["dpkg-deb", "-x", str(archive), str(work / "unpacked")], work)
    return work / "unpacked"


def _download(package: str, work: Path) -> None:
    """Download with private package lists, so that no root is needed."""
    for name in ("lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True)
    options = [
        f"-oDir::State::lists={work}/lists",
        f"-oDir::Cache={work}/cache",
        "-oAPT::Sandbox::User=root" if os.geteuid() == 0 else "-oAPT::Get::List-Cleanup=false",
    ]
    run(["apt-get", *options, "-qq", "update"], work)
    run(["apt-get", *options, "-qq", "download", package], work)
