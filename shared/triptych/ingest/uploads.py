"""From paths on this machine to uploads of a bounded size that keep each item whole."""

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from triptych.ingest.grouping import group_files, is_manifest

_MAX_ITEMS = 200
_MAX_BYTES = 64 * 2**20


@dataclass
class Upload:
    """One request: files by the name they are sent under, and perhaps a manifest of them."""

    items: int = 0
    size: int = 0
    files: dict[str, Path] = field(default_factory=dict)
    manifest: bytes | None = None


def uploads_of(
    paths: Iterable[Path], skipped: Callable[[str, str], None] | None = None
) -> Iterator[Upload]:
    """Cut folders, files and manifests into uploads.

    Of a folder hidden files are left out, and what its manifests name belongs to their lines.

    Args:
        paths: on this machine.
        skipped: told of each file that is left out because of its kind, and why.

    Raises:
        FileNotFoundError: a path is not there.
    """
    tell = skipped or (lambda _name, _reason: None)
    for path in paths:
        if path.is_dir():
            yield from _from_folder(path, tell)
        elif is_manifest(path.name):
            yield from _from_manifest(path)
        elif path.is_file():
            yield from _grouped({path.name: path}, tell)
        else:
            raise FileNotFoundError(f"{path} is not there")


def _from_folder(folder: Path, tell: Callable[[str, str], None]) -> Iterator[Upload]:
    inside = {path: path.relative_to(folder) for path in sorted(folder.rglob("*"))}
    files = {
        str(name): path
        for path, name in inside.items()
        if path.is_file() and not any(part.startswith(".") for part in name.parts)
    }
    manifests = [path for path in files.values() if is_manifest(path.name)]
    named = {
        file.resolve()
        for manifest in manifests
        for line in manifest.read_bytes().splitlines()
        for file in _named_files(line, manifest.parent).values()
    }
    for manifest in manifests:
        yield from _from_manifest(manifest)
    rest = {
        name: path
        for name, path in files.items()
        if not is_manifest(name) and path.resolve() not in named
    }
    yield from _grouped(rest, tell)


def _grouped(names: dict[str, Path], tell: Callable[[str, str], None]) -> Iterator[Upload]:
    groups, unknown = group_files(names)
    for name in unknown:
        tell(str(names[name]), "of no known kind by its extension")
    items = ({name: names[name] for name in group.files.values()} for group in groups)
    yield from _bounded((files, None) for files in items)


def _from_manifest(path: Path) -> Iterator[Upload]:
    """Lines as they are; the files they name, relative to the manifest, go along."""
    yield from _bounded(
        (_named_files(line, path.parent), line)
        for line in path.read_bytes().splitlines()
        if line.strip()
    )


def _named_files(line: bytes, root: Path) -> dict[str, Path]:
    """The files of a line that exist; the gateway tells of the others, and of bad lines."""
    try:
        value = json.loads(line)
    except ValueError:
        return {}
    if not isinstance(value, dict):
        return {}
    names = [name for part in ("image", "audio") if isinstance(name := value.get(part), str)]
    return {name: root / name for name in names if (root / name).is_file()}


def _bounded(items: Iterable[tuple[dict[str, Path], bytes | None]]) -> Iterator[Upload]:
    upload = Upload()
    for files, line in items:
        size = sum(path.stat().st_size for path in files.values()) + len(line or b"")
        if upload.items and (upload.items >= _MAX_ITEMS or upload.size + size > _MAX_BYTES):
            yield upload
            upload = Upload()
        upload.items += 1
        upload.size += size
        upload.files |= files
        if line is not None:
            upload.manifest = (upload.manifest or b"") + line + b"\n"
    if upload.items:
        yield upload
