"""The Tux Paint stamps: pictures with captions in many languages, sounds, spoken captions.

They come from Debian's package ``tuxpaint-stamps-default`` (GPL and others; see its copyright
file) and are not part of this project.
"""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from triptych.corpora.debian import unpacked

PACKAGE = "tuxpaint-stamps-default"
_STAMPS = Path("usr/share/tuxpaint/stamps")


def fetch() -> Path:
    """The folder of the stamps, fetched on first use. Raises CorpusUnavailable."""
    return unpacked(PACKAGE) / _STAMPS


def release(stamps: Path) -> str:
    """The package that the stamps are from, and its version, as "NAME (2022.06.04-1)"."""
    changes = stamps.parent.parent / "doc" / PACKAGE / "changelog.Debian.gz"
    with gzip.open(changes, "rt", encoding="utf-8") as file:
        version = file.readline().partition("(")[2].partition(")")[0]
    return f"{PACKAGE} ({version})"


def lines(stamps: Path) -> Iterator[dict[str, Any]]:
    """One manifest line per stamp: English caption, PNG if there is one, sound effect, folders.

    A stamp that exists only as SVG becomes an item of caption and sound.
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


def captions(path: Path) -> dict[str, str]:
    """All captions of a caption file by language code; English, the first line, is ``en``."""
    first, *others = path.read_text(encoding="utf-8", errors="replace").splitlines()
    texts = {"en": first.strip()}
    for line in others:
        code, separator, text = line.partition(".utf8=")
        if separator and text.strip():
            texts[code.strip()] = text.strip()
    return texts
