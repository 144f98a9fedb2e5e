"""Files that belong together: ``cat.png``, ``cat.txt`` and ``cat.ogg`` are one item, ``cat``."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import PurePosixPath

from triptych.core.item import MEDIA, Modality
from triptych.core.names import derive_id

_TEXTS = frozenset(
    {
        ".txt", ".text", ".md", ".markdown", ".mdown", ".rst", ".adoc", ".asciidoc", ".org", ".tex",
        ".log", ".nfo", ".srt", ".vtt", ".html", ".htm", ".xhtml", ".css", ".py", ".pyi", ".js",
        ".mjs", ".jsx", ".tsx", ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".cs", ".java",
        ".kt", ".scala", ".go", ".rs", ".rb", ".php", ".pl", ".pm", ".lua", ".r", ".jl", ".swift",
        ".dart", ".hs", ".ml", ".clj", ".ex", ".exs", ".erl", ".el", ".lisp", ".f90", ".pas", ".vb",
        ".sh", ".bash", ".zsh", ".ps1", ".bat", ".sql", ".toml", ".ini", ".cfg", ".yaml", ".yml",
    }
)  # fmt: skip
"""Prose and its markup, and source files. Data (.json, .xml, .csv) are no texts of items."""

_IMAGES = frozenset(
    {
        ".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".mpo", ".png", ".apng", ".webp", ".gif", ".tif",
        ".tiff", ".bmp", ".dib", ".avif", ".heic", ".heif", ".hif", ".jxl", ".svg", ".svgz", ".jp2",
        ".j2k", ".jpf", ".jpx", ".jpc", ".pbm", ".pgm", ".ppm", ".pnm",
        # Camera raw files.
        ".dng", ".cr2", ".cr3", ".nef", ".nrw", ".arw", ".sr2", ".raf", ".orf", ".rw2", ".pef",
        ".srw", ".mrw", ".x3f", ".3fr", ".erf", ".kdc", ".dcr", ".mef", ".mos", ".iiq",
    }
)  # fmt: skip
_SOUNDS = frozenset(
    {
        ".wav", ".wave", ".bwf", ".rf64", ".w64", ".aif", ".aiff", ".aifc", ".au", ".snd", ".caf",
        ".flac", ".ogg", ".oga", ".opus", ".spx", ".mp3", ".mp2", ".mpga", ".m4a", ".m4b", ".aac",
        ".amr", ".awb", ".wma", ".weba", ".mka", ".sph", ".nist", ".voc", ".8svx", ".sf",
        # The sound of a film.
        ".mp4", ".m4v", ".mov", ".3gp", ".3g2", ".mkv", ".webm", ".avi", ".wmv", ".asf", ".ogv",
        ".mpg", ".mpeg", ".mts", ".m2ts", ".mp",
    }
)  # fmt: skip
EXTENSIONS: Mapping[Modality, frozenset[str]] = {
    "image": _IMAGES,
    "text": _TEXTS,
    "audio": _SOUNDS,
}

_COMPANION_FOLDERS = frozenset(
    {
        "__macosx", "@eadir", "@recycle", "#recycle", "#snapshot", "$recycle.bin",
        "system volume information", "lost+found", "lost.dir",
    }
)  # fmt: skip
_COMPANION_FILES = frozenset(
    {"thumbs.db", "ehthumbs.db", "ehthumbs_vista.db", "desktop.ini", "icon\r"}
)
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


def is_hidden(name: str) -> bool:
    """Whether a file, or a folder around it, is hidden: its name begins with a dot."""
    return any(part.startswith(".") and part != "." for part in PurePosixPath(name).parts)


def is_companion(name: str) -> bool:
    """Whether a file is what a system keeps beside those of people: previews, deleted files."""
    *folders, file = PurePosixPath(name.lower()).parts or ("",)
    return file in _COMPANION_FILES or not _COMPANION_FOLDERS.isdisjoint([*folders, file])


def numbered(name: str, number: int) -> str:
    """What the second and later file of a name are called: ``a/IMG_1 (2).png``."""
    path = PurePosixPath(name)
    return name if number == 1 else str(path.with_name(f"{path.stem} ({number}){path.suffix}"))


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
    own, under its whole name. The text ``cat.png.txt`` is that of ``cat.png``, if it has no other;
    so is the film ``cat.MP`` that of ``cat.MP.jpg``, as phones of Google have it.
    """
    groups: dict[str, Group] = {}
    unknown: list[str] = []
    kinds = {name: modality_of(name) for name in names}
    pictures = {stem_of(name): name for name, kind in kinds.items() if kind == "image"}
    owners: dict[str, Group] = {}
    later: list[tuple[str, Modality, str]] = []
    for name, kind in kinds.items():
        if kind is None:
            unknown.append(name)
        elif kind == "text" and kinds.get(stem_of(name)) in MEDIA:
            later.append((name, kind, stem_of(name)))
        elif kind == "audio" and name in pictures:
            later.append((name, kind, pictures[name]))
        else:
            owners[name] = _joined(groups, kind, name)
    for name, kind, of in later:
        owner = owners.get(of)
        if owner is None or kind in owner.files:
            owners[name] = _joined(groups, kind, name)
        else:
            owners[name] = owner
            owner.files[kind] = name
    return list(groups.values()), unknown


def _joined(groups: dict[str, Group], kind: Modality, name: str) -> Group:
    """The group of a file, which becomes part of it."""
    ids = map(derive_id, _ids(stem_of(name), name))
    chosen = next(i for i in ids if i not in groups or kind not in groups[i].files)
    group = groups.setdefault(chosen, Group(chosen))
    group.files[kind] = name
    return group


def stem_of(name: str) -> str:
    """A name, with its folders, without its extension."""
    return str(PurePosixPath(name).with_suffix(""))
