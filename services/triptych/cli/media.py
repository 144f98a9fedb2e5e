"""Media on this machine, decoded as the workers decode them: what encoders are fitted on."""

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from triptych.shared.encoders.cards import Modality
from triptych.shared.errors import InvalidInput
from triptych.shared.grouping import modality_of
from triptych.shared.manifest import ItemLine, Rejection, read_lines
from triptych.shared.settings import Settings

_MANIFEST_SUFFIXES = frozenset({".jsonl", ".ndjson"})
_SIDE = 512
"""Pixels along the longer edge: no encoder looks at more."""

Skipped = Callable[[str, str], None]
"""Told of each thing that can't be used, and why."""


def decoded(paths: Iterable[Path], modality: Modality, skipped: Skipped) -> Iterator[Any]:
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


def _raw(
    paths: Iterable[Path], modality: Modality, skipped: Skipped
) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        if path.is_dir():
            files = [file for file in sorted(path.rglob("*")) if file.is_file()]
        elif path.exists():
            files = [path]
        else:
            raise FileNotFoundError(f"{path} is not there")
        for file in files:
            if file.suffix.lower() in _MANIFEST_SUFFIXES:
                yield from _from_manifest(file, modality, skipped)
            elif modality_of(file.name) == modality:
                yield str(file), file.read_bytes()


def _from_manifest(
    manifest: Path, modality: Modality, skipped: Skipped
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
        from triptych.shared.media.text import decode_text

        return decode_text(data, max_chars=settings.limits.text_chars)
    if modality == "image":
        from triptych.shared.media.image import decode_image

        return decode_image(
            data,
            side=_SIDE,
            max_pixels=settings.limits.image_pixels,
            background=settings.background,
        )
    from triptych.shared.media.audio import decode_audio

    return decode_audio(data, max_seconds=settings.limits.audio_seconds)
