"""Two thousand files of many programs, as Debian packages have them: what becomes of each kind.

Wallpapers, photographs, screenshots, drawings, test pictures of JPEG XL, samples and sounds of
games, prompts, films of a manual, texts in several encodings, web pages, sources, and what is none
of these. They are added as a folder by an engine in this process. What is refused is given to
Pillow and to FFmpeg, bare: what they can read is told, as it should not have been refused.
"""

import shutil
import tempfile
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

import av
from PIL import Image
from tests.bench.figures import Figure, emit, say

from triptych.corpora import debian
from triptych.engine.adding import Report
from triptych.engine.engine import Engine

_PACKAGES = (
    "asc-music", "asterisk-core-sounds-en-wav", "debian-handbook", "desktop-base", "doc-debian",
    "fortunes-cs", "fortunes-ru", "frozen-bubble-data", "gcompris-qt-data", "gnome-audio",
    "gnome-backgrounds", "gnome-user-docs", "imagej", "kodi-data", "kturtle", "libjxl-testdata",
    "lmms-common", "maint-guide", "mate-backgrounds", "pingus-data", "qtmultimedia5-examples",
    "sonic-pi-samples", "sound-theme-freedesktop", "tuxpaint-stamps-default", "tuxtype-data",
    "w3c-markup-validator",
)  # fmt: skip
_EACH = 32
"""Files of one extension that are taken of a package, at even distances."""
_MOST_BYTES = 16 * 2**20


def run() -> None:
    """Emit the shares that are whole, partial, refused and left out; name each refusal."""
    with tempfile.TemporaryDirectory(prefix="triptych-bench-") as work:
        files = Path(work, "files")
        count = sum(_copy(package, files) for package in _PACKAGES)
        say(f"mixed: {count} files")
        with Engine.open(Path(work, "data")) as engine:
            report = engine.add("mixed", files, root=files, progress=False)
        _tell(report, files, count)


def _tell(report: Report, files: Path, count: int) -> None:
    left = Counter(
        {kind: number for kind, number in report.skips.counts.items() if kind != "same name"}
    )
    emit(Figure("mixed.files", count, None, None, "files"))
    emit(Figure("mixed.left_out", left.total(), None, None, "files"))
    emit(Figure("mixed.items", report.total, None, None, "items"))
    emit(Figure("mixed.indexed", 1 - len(report.failures) / report.total, None, None, "share"))
    emit(Figure("mixed.partial", report.partial, None, None, "items"))
    emit(Figure("mixed.failed", report.failed, None, None, "items"))
    for failure in report.failures:
        told = {**failure.notes, **failure.errors}
        say(f"{failure.status}: {failure.id}: {told}")
    suffixes = Counter(Path(skip.name).suffix.lower() for skip in report.skips.listed)
    say(f"left out by their names: {dict(suffixes.most_common())}")
    readable = list(_readable(report, files))
    emit(Figure("mixed.refused_but_readable", len(readable), None, None, "files", "0"))
    for name in readable:
        say(f"others read it: {name}")


def _readable(report: Report, files: Path) -> Iterator[str]:
    """The files that were not taken, or not as a whole, which other libraries read."""
    refused = {failure.id for failure in report.failures if failure.errors}
    missing = {skip.name for skip in report.skips.listed}
    for path in sorted(files.rglob("*")):
        name = path.relative_to(files)
        if not path.is_file() or not (str(name.with_suffix("")) in refused or str(name) in missing):
            continue
        if _is_picture(path) or _is_sound(path):
            yield str(name)


def _is_picture(path: Path) -> bool:
    try:
        with Image.open(path) as picture:
            picture.load()
    except Exception:  # noqa: BLE001 (Pillow raises anything)
        return False
    return True


def _is_sound(path: Path) -> bool:
    try:
        with av.open(str(path)) as container:
            return any(frame.samples for frame in container.decode(audio=0))
    except Exception:  # noqa: BLE001 (no stream of sound is an IndexError)
        return False


def _copy(package: str, target: Path) -> int:
    """Copy a sample of a package; the number of its files."""
    root = debian.unpacked(package)
    kinds: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(root.rglob("*")):
        if path.is_file() and not path.is_symlink() and 0 < path.stat().st_size <= _MOST_BYTES:
            kinds[path.suffix.lower()].append(path)
    taken = [path for paths in kinds.values() for path in paths[:: -(-len(paths) // _EACH)]]
    for path in taken:
        copy = target / package / path.relative_to(root)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return len(taken)
