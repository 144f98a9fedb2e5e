"""Files that belong together: ``cat.png``, ``cat.txt`` and ``cat.ogg`` are one item, ``cat``."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import PurePosixPath

from triptych.core.item import Modality
from triptych.core.names import derive_id

EXTENSIONS: Mapping[Modality, frozenset[str]] = {
    "image": frozenset(
        {
            ".jpg",
            ".jpeg",
            ".png",
            ".webp",
            ".gif",
            ".tif",
            ".tiff",
            ".bmp",
            ".avif",
            ".svg",
            ".svgz",
        }
    ),
    "text": frozenset({".txt"}),
    "audio": frozenset({".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff"}),
}

_MANIFESTS = frozenset({".jsonl", ".ndjson"})
_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.zst", ".tzst")


@dataclass
class Group:
    """The files of one item: name per modality."""

    id: str
    files: dict[Modality, str] = field(default_factory=dict)


def modality_of(name: str) -> Modality | None:
    """The modality that a file's extension claims; what it holds is seen when it is decoded."""
    suffix = PurePosixPath(name).suffix.lower()
    return next((kind for kind, known in EXTENSIONS.items() if suffix in known), None)


def is_manifest(name: str, *, given: bool = False) -> bool:
    """Whether a file's name claims that it is a manifest.

    Among others that are JSON lines, and a CSV of the name ``manifest.csv``; any CSV if it was
    ``given`` by itself.
    """
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    return suffix in _MANIFESTS or (
        suffix == ".csv" and (given or path.name.lower() == "manifest.csv")
    )


def is_archive(name: str) -> bool:
    """Whether a file's name claims that it is an archive that can be read."""
    return name.lower().endswith(_ARCHIVES)


def without_archive(name: str) -> str:
    """The name of an archive without its extension."""
    ends = [end for end in _ARCHIVES if name.lower().endswith(end)]
    return name[: -max(map(len, ends))] if ends else name


def _ids(stem: str, name: str) -> Iterator[str]:
    """What an item may be called, best first; the last are for names that are others' stems."""
    yield from (stem, name)
    yield from (f"{name}-{number}" for number in count(2))


def group_files(names: Iterable[str]) -> tuple[list[Group], list[str]]:
    """Group relative file names by their stem, in order; return the names of no known kind too.

    A second file of the same stem and modality (``cat.jpg`` beside ``cat.png``) is an item of its
    own, under its whole name.
    """
    groups: dict[str, Group] = {}
    unknown: list[str] = []
    for name in names:
        kind = modality_of(name)
        if kind is None:
            unknown.append(name)
            continue
        stem = str(PurePosixPath(name).with_suffix(""))
        ids = map(derive_id, _ids(stem, name))
        free = (i for i in ids if i not in groups or kind not in groups[i].files)
        chosen = next(free)
        groups.setdefault(chosen, Group(chosen)).files[kind] = name
    return list(groups.values()), unknown
