"""The Tux Paint stamps: pictures with captions in many languages, sounds, spoken captions.

They come from Debian's package ``tuxpaint-stamps-default`` (GPL and others; see its copyright
file), unpacked into the cache without being installed, and are not part of this project.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triptych.cli.corpus import Corpus, Question
from triptych.shared.settings import cache_home

PACKAGE = "tuxpaint-stamps-default"
_STAMPS = Path("usr/share/tuxpaint/stamps")
_TIMEOUT_SECONDS = 600


class CorpusUnavailable(RuntimeError):
    """The package can't be had here; the message says why."""


def fetch() -> Path:
    """The folder of the stamps, fetched on first use. Raises CorpusUnavailable."""
    target = cache_home() / PACKAGE
    stamps = target / _STAMPS
    if stamps.is_dir():
        return stamps
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool) is None:
            raise CorpusUnavailable(f"{tool} is not here: the stamps are a Debian package")
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix="stamps-") as work:
        _download(Path(work))
        package = next(Path(work).glob("*.deb"), None)
        if package is None:
            raise CorpusUnavailable(f"apt-get did not leave a package {PACKAGE}")
        unpacked = Path(work) / "unpacked"
        _run(["dpkg-deb", "-x", str(package), str(unpacked)], Path(work))
        try:
            unpacked.rename(target)
        except OSError as error:
            if not stamps.is_dir():  # another process was not faster: it really failed
                raise CorpusUnavailable(f"stamps can't be put into {target}: {error}") from error
    return stamps


def _download(work: Path) -> None:
    """Update package lists of our own, so that no root is needed, and download."""
    for name in ("lists/partial", "cache/archives/partial"):
        (work / name).mkdir(parents=True)
    options = [
        f"-oDir::State::lists={work}/lists",
        f"-oDir::Cache={work}/cache",
        "-oAPT::Sandbox::User=root" if os.geteuid() == 0 else "-oAPT::Get::List-Cleanup=false",
    ]
    _run(["apt-get", *options, "-qq", "update"], work)
    _run(["apt-get", *options, "-qq", "download", PACKAGE], work)


def _run(command: list[str], work: Path) -> None:
    try:
        subprocess.run(  # noqa: S603
            command, cwd=work, check=True, capture_output=True, text=True, timeout=_TIMEOUT_SECONDS
        )
    except subprocess.CalledProcessError as error:
        reason = error.stderr.strip().splitlines() or [f"exit code {error.returncode}"]
        raise CorpusUnavailable(f"{command[0]} failed: {reason[-1]}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CorpusUnavailable(f"{command[0]} failed: {error}") from error


def lines(stamps: Path) -> Iterator[dict[str, Any]]:
    """One manifest line a stamp: English caption, PNG if there is one, sound effect, folders.

    A stamp that is drawn as SVG only is an item of caption and sound.
    """
    for caption in sorted(stamps.rglob("*.txt")):
        stem = caption.with_suffix("")
        files = {"image": stem.with_suffix(".png"), "audio": stem.with_suffix(".ogg")}
        text = english_caption(caption)
        parts = {
            part: str(path.relative_to(stamps)) for part, path in files.items() if path.exists()
        }
        drawn = parts or stem.with_suffix(".svg").exists()
        if not (text and drawn):
            continue
        name = stem.relative_to(stamps)
        yield {
            "id": str(name),
            "text": text,
            "tags": list(name.parts[:-1]),
            "source": f"debian:{PACKAGE}",
            **parts,
        }


def english_caption(path: Path) -> str:
    """The first line of a caption file; the others are translations."""
    with path.open(encoding="utf-8", errors="replace") as file:
        return file.readline().strip()


def corpus() -> Corpus:
    """All stamps and five questions. Raises CorpusUnavailable."""
    stamps = fetch()
    return Corpus("Tux Paint stamps", stamps, list(lines(stamps)), questions(stamps))


def questions(stamps: Path) -> list[Question]:
    """Five questions: a word, a meaning, a picture, a sound, words with a picture."""
    from triptych.cli.variations import mirrored_crop, second_half

    picture = stamps / "animals/mammals/cats/tiger.png"
    sound = stamps / "animals/mammals/elephant.ogg"
    duck = stamps / "animals/birds/drake.png"
    return [
        Question("a word: «elephant»", "animals/mammals/elephant", text="elephant", within=1),
        Question(
            "a word that is in no caption, but meant by some: «automobile»",
            "vehicles/auto/",
            text="automobile",
            within=1,
        ),
        Question(
            "a picture: a tiger, mirrored and cropped",
            "animals/mammals/cats/tiger",
            media={"image": mirrored_crop(picture.read_bytes())},
            within=1,
        ),
        Question(
            "a sound: the second half of an elephant's call, more quietly",
            "animals/mammals/elephant",
            media={"audio": second_half(sound.read_bytes())},
            within=1,
        ),
        Question(
            "words and a picture: «penguin», looking like this drake",
            "animals/birds/",
            text="penguin",
            media={"image": mirrored_crop(duck.read_bytes())},
            within=1,
        ),
    ]
