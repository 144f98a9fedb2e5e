"""An item: what it has, and what is known of it on its way into the index."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, NamedTuple, Self

Modality = Literal["image", "text", "audio"]

MODALITIES: tuple[Modality, ...] = ("image", "text", "audio")
MEDIA: tuple[Modality, ...] = ("image", "audio")
"""The parts whose bytes are in the media store."""

Part = Literal["text", "image", "audio", "speech", "writing"]
"""What an item can have: the three that it is sent with, and the two that may be found in them."""


Place = tuple[int, int]
"""Where the entry of an item lies in its manifest: the first byte, and the number of bytes."""


class Note(NamedTuple):
    """What is to be known of a part that is searchable: something was mended, or left out."""

    text: str
    lost: bool = False
    """Whether some of the part is missing, which makes the item ``partial``."""


class Words(NamedTuple):
    """The words of a text as indexes look them up, separated by spaces."""

    stems: str
    plain: str
    """Every word in order, not stemmed: for phrases, prefixes and fuzzy words."""


@dataclass(frozen=True)
class Item:
    """One item on its way. Images and sounds are references into the media store."""

    id: str
    ordinal: int = 0
    text: str | None = None
    image: str | None = None
    """sha256 of the bytes in the media store; likewise ``audio``."""
    audio: str | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Other fields of the document, as JSON has them: those that were sent (``tags``, ``metadata``
    …) and those that encoders found (``keywords``, ``transcript`` …)."""
    words: Mapping[str, str] = field(default_factory=dict)
    """The stems of each searchable field, separated by spaces."""
    plain: Mapping[str, str] = field(default_factory=dict)
    """Every word of the same fields in order, not stemmed, separated by spaces."""
    names: Mapping[str, str] = field(default_factory=dict)
    """File name per modality, as the uploader called it."""
    errors: Mapping[str, str] = field(default_factory=dict)
    """Reason per modality (or ``item``) why that part is not searchable."""
    notes: Mapping[str, Sequence[Note]] = field(default_factory=dict)
    """What is to be known of each part that is searchable. (Of a stored item each is a pair.)"""
    place: Place | None = None
    size: int = 0
    """Bytes of its media and text."""

    @property
    def language(self) -> str | None:
        """ISO 639-1, of ``text``: the sender's, else detected."""
        language: str | None = self.fields.get("language")
        return language

    def has(self, modality: Modality) -> bool:
        """Whether the item has this part and nothing went wrong with it so far."""
        return getattr(self, modality) is not None and not {modality, "item"} & set(self.errors)

    def with_media(self, part: str, digest: str, size: int = 0) -> Self:
        """A copy whose image or audio is this one of the media store, of so many bytes."""
        larger = replace(self, size=self.size + size)
        return replace(larger, image=digest) if part == "image" else replace(larger, audio=digest)

    def with_text(self, text: str) -> Self:
        """A copy with this text."""
        return replace(self, text=text)

    def noting(self, note: Mapping[str, Any]) -> Self:
        """A copy with what was found in it: a language, keywords, a transcript, writing."""
        return replace(self, fields={**self.fields, **note})

    def with_words(self, name: str, words: Words) -> Self:
        """A copy with the words of one of its texts."""
        return replace(
            self,
            words={**self.words, name: words.stems},
            plain={**self.plain, name: words.plain},
        )

    def noted(self, part: str, notes: Sequence[Note]) -> Self:
        """A copy with these notes on a part, after those that it has."""
        if not notes:
            return self
        return replace(self, notes={**self.notes, part: [*self.notes.get(part, ()), *notes]})

    def failing(self, part: str, reason: str) -> Self:
        """A copy that records why a part can't be used."""
        return replace(self, errors={**self.errors, part: reason})


def reasons(document: Mapping[str, Any]) -> str:
    """Why a document is not searchable, or not all of it, part by part."""
    told = [*document.get("errors", {}).items(), *document.get("notes", {}).items()]
    return "; ".join(f"{part}: {reason}" for part, reason in told)
