"""Media on this machine, decoded as the workers decode them: what encoders are fitted on."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from triptych.core.errors import InvalidInput
from triptych.core.item import Modality
from triptych.core.settings import Settings
from triptych.ingest.grouping import group_files, is_manifest, modality_of
from triptych.ingest.lines import read_lines
from triptych.ingest.sent import ItemLine, Rejection

_SIDE = 512
"""Pixels along the longer edge: no encoder looks at more."""

Skip = Callable[[str, str], None]
"""Called with the name of each unusable item, and the reason."""


def decoded(paths: Iterable[Path], modality: Modality, skipped: Skip) -> Iterator[Any]:
    """Everything of one modality in folders, files and manifests; what is broken is skipped.

    Raises:
        FileNotFoundError: a path is not there.
    """
    settings = Settings()
    for name, data in _raw(paths, modality, skipped):
        try:
            yield _decode(data, modality, settings)
        except InvalidInput as error:
            skipped(name, error.reason)


def pairs(paths: Iterable[Path], skipped: Skip) -> Iterator[tuple[Any, str]]:
    """Pictures with their texts: files of one stem, and manifest lines that have both.

    Raises:
        FileNotFoundError: a path is not there.
    """
    settings = Settings()
    for name, image, text in _raw_pairs(paths, skipped):
        try:
            yield _decode(image, "image", settings), _decode(text, "text", settings)
        except InvalidInput as error:
            skipped(name, error.reason)


def _raw(paths: Iterable[Path], modality: Modality, skipped: Skip) -> Iterator[tuple[str, bytes]]:
    for file in _files(paths):
        if is_manifest(file.name):
            yield from _from_manifest(file, modality, skipped)
        elif modality_of(file.name) == modality:
            yield str(file), file.read_bytes()


def _raw_pairs(paths: Iterable[Path], skipped: Skip) -> Iterator[tuple[str, bytes, bytes]]:
    files = list(_files(paths))
    groups, _ = group_files(map(str, files))
    for group in groups:
        if {"image", "text"} <= group.files.keys():
            image, text = (Path(group.files[kind]) for kind in ("image", "text"))
            yield str(image), image.read_bytes(), text.read_bytes()
    for manifest in (file for file in files if is_manifest(file.name)):
        # Broken lines are reported once, with the pictures.
        texts = dict(_from_manifest(manifest, "text", lambda _name, _reason: None))
        for name, data in _from_manifest(manifest, "image", skipped):
            if name in texts:
                yield name, data, texts[name]


def _files(paths: Iterable[Path]) -> Iterator[Path]:
    for path in paths:
        if path.is_dir():
            yield from (file for file in sorted(path.rglob("*")) if file.is_file())
        elif path.exists():
            yield path
        else:
            raise FileNotFoundError(f"{path} is not there")


def _from_manifest(
    manifest: Path, modality: Modality, skipped: Skip
) -> Iterator[tuple[str, bytes]]:
    for number, line in read_lines(manifest.read_bytes()):
        name = f"{manifest}:{number}"
        if isinstance(line, Rejection):
            skipped(name, line.reason)
        elif modality == "text":
            if line.text is not None:
                yield name, line.text.encode(errors="surrogatepass")
        elif (file := _file(line, modality)) is not None:
            try:
                yield name, (manifest.parent / file).read_bytes()
            except OSError as error:
                skipped(name, f"{file}: {error.strerror}")


def _file(line: ItemLine, modality: Modality) -> str | None:
    return line.image if modality == "image" else line.audio


def _decode(data: bytes, modality: Modality, settings: Settings) -> Any:
    if modality == "text":
        from triptych.media.text import decode_text

        return decode_text(data, max_chars=settings.limits.text_chars).text
    if modality == "image":
        from triptych.media.image import decode_image

        return decode_image(
            data,
            side=_SIDE,
            max_pixels=settings.limits.image_pixels,
            max_bytes=settings.limits.image_bytes,
            background=settings.background,
        )
    from triptych.media.audio import decode_audio

    return decode_audio(data, max_seconds=settings.limits.audio_seconds)
