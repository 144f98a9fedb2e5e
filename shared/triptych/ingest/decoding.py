"""From an item to its decoded media, within the limits of the settings.

The libraries of a modality are imported where it is decoded: a worker has those of its own alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from triptych.core.item import Item, Modality, Note
from triptych.core.settings import Settings
from triptych.media.previews import Previews, read_picture
from triptych.media.store import MediaStore


@dataclass(frozen=True)
class Decoded:
    """One modality of an item."""

    media: Any
    """An array, or a text."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Fields of the item that decoding tells."""
    notes: Sequence[Note] = ()
    """What was mended, or is missing."""


Decode = Callable[[Item], Decoded]


def decoder(modality: Modality, settings: Settings, store: MediaStore, *, side: int) -> Decode:
    """What loads and decodes one modality of an item, and keeps a preview of it.

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
    from triptych.media.image import fit_within
    from triptych.media.packets import picture_details

    previews = Previews(store, settings)

    def decode(item: Item) -> Decoded:
        picture = read_picture(store.get(str(item.image)), settings, side)
        previews.keep_picture(str(item.image), picture.pixels)
        pixels = fit_within(picture.pixels, side)
        return Decoded(pixels, picture_details(picture.origin), picture.notes)

    return decode


def _text(settings: Settings) -> Decode:
    from triptych.media.text import clean_text
    from triptych.text.languages import detect

    def decode(item: Item) -> Decoded:
        cleaned = clean_text(str(item.text), max_chars=settings.limits.text_chars)
        return Decoded(cleaned, {"language": item.language or detect(cleaned)})

    return decode


def _audio(settings: Settings, store: MediaStore) -> Decode:
    from triptych.media.audio import decode_sound
    from triptych.media.sound_tags import sound_details

    previews = Previews(store, settings)

    def decode(item: Item) -> Decoded:
        seconds = settings.limits.audio_seconds
        data = store.get(str(item.audio))
        sound = decode_sound(data, max_seconds=seconds)
        previews.keep_sound(str(item.audio), sound.samples)
        fields = {**sound_details(data, sound.said), "duration": round(sound.seconds, 3)}
        if sound.format:
            fields["format"] = [sound.format]
        return Decoded(sound.samples, fields, sound.notes)

    return decode
