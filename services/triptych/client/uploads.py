"""From paths on this machine to uploads of a bounded size that keep each item whole."""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from triptych.shared.grouping import group_files

_MAX_ITEMS = 200
_MAX_BYTES = 64 * 2**20
_MANIFEST_SUFFIXES = {".jsonl", ".ndjson"}


@dataclass
class Upload:
    """One request: files by the name they are sent under, and perhaps a manifest of them."""

    items: int = 0
    size: int = 0
    files: dict[str, Path] = field(default_factory=dict)
    manifest: bytes | None = None


def uploads_of(paths: Iterable[Path]) -> Iterator[Upload]:
    """Cut folders, files and manifests into uploads. Raises FileNotFoundError."""
    for path in paths:
        if path.is_dir():
            names = {str(p.relative_to(path)): p for p in sorted(path.rglob("*")) if p.is_file()}
            yield from _grouped(names)
        elif path.suffix.lower() in _MANIFEST_SUFFIXES:
            yield from _from_manifest(path)
        elif path.is_file():
            yield from _grouped({path.name: path})
        else:
            raise FileNotFoundError(f"{path} is not there")


def _grouped(names: dict[str, Path]) -> Iterator[Upload]:
    groups, _ = group_files(names)
    items = ({name: names[name] for name in group.files.values()} for group in groups)
    yield from _bounded((files, None) for files in items)


def _from_manifest(path: Path) -> Iterator[Upload]:
    """Lines as they are; the files they name, relative to the manifest, go along."""
    yield from _bounded(
        (_named_files(line, path.parent), line) for line in path.read_bytes().splitlines() if line
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
