"""From an item to its decoded media, within the limits of the settings.

The libraries of a modality are imported where it is decoded: a worker has those of its own alone.
"""

from collections.abc import Callable, Mapping
from typing import Any

from triptych.core.item import Item, Modality
from triptych.core.settings import Settings
from triptych.media.store import MediaStore

Decode = Callable[[Item], tuple[Mapping[str, Any], Any]]
"""From an item to what decoding tells of it (fields), and its decoded media."""


def decoder(modality: Modality, settings: Settings, store: MediaStore, *, side: int) -> Decode:
    """What loads and decodes one modality of an item.

    Args:
        modality: which.
        settings: for the limits, and the colour behind transparent pictures.
        store: where the media are.
        side: pixels along the longer edge of a picture beyond which no encoder looks.

    Returns:
        A function that raises InvalidInput or NotFound for media that can't be used, and
        Unavailable where the store is away.
    """
    match modality:
        case "image":
            return _image(settings, store, side)
        case "text":
            return _text(settings)
        case "audio":
            return _audio(settings, store)


def _image(settings: Settings, store: MediaStore, side: int) -> Decode:
    from triptych.media.image import decode_image

    def decode(item: Item) -> tuple[Mapping[str, Any], Any]:
        return {}, decode_image(
            store.get(str(item.image)),
            side=side,
            max_pixels=settings.limits.image_pixels,
            background=settings.background,
        )

    return decode


def _text(settings: Settings) -> Decode:
    from triptych.media.text import clean_text
    from triptych.text.languages import detect

    def decode(item: Item) -> tuple[Mapping[str, Any], str]:
        cleaned = clean_text(str(item.text), max_chars=settings.limits.text_chars)
        return {"language": item.language or detect(cleaned)}, cleaned

    return decode


def _audio(settings: Settings, store: MediaStore) -> Decode:
    from triptych.media.audio import decode_audio

    def decode(item: Item) -> tuple[Mapping[str, Any], Any]:
        seconds = settings.limits.audio_seconds
        return {}, decode_audio(store.get(str(item.audio)), max_seconds=seconds)

    return decode
