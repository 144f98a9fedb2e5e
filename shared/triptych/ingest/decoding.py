"""From an item to its decoded media, within the limits of the settings."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from triptych.core.item import Item, Modality
from triptych.core.settings import Settings
from triptych.media.audio import decode_audio
from triptych.media.image import decode_image
from triptych.media.store import MediaStore
from triptych.media.text import clean_text
from triptych.text.languages import detect

Decode = Callable[[Item], tuple[Item, Any]]
"""From an item to the item (perhaps with more known of it) and its decoded media."""


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
    limits = settings.limits

    def image(item: Item) -> tuple[Item, Any]:
        return item, decode_image(
            store.get(str(item.image)),
            side=side,
            max_pixels=limits.image_pixels,
            background=settings.background,
        )

    def text(item: Item) -> tuple[Item, str]:
        cleaned = clean_text(str(item.text), max_chars=limits.text_chars)
        return replace(item, text=cleaned, language=item.language or detect(cleaned)), cleaned

    def audio(item: Item) -> tuple[Item, Any]:
        return item, decode_audio(store.get(str(item.audio)), max_seconds=limits.audio_seconds)

    return {"image": image, "text": text, "audio": audio}[modality]
