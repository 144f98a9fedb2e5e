"""From the parts of a request to vectors and words: encoded once, or read from an item."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from triptych.core.errors import InvalidInput, MediaError, TooLarge
from triptych.core.item import Modality
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout
from triptych.fusion.query import AGAINST, KEYWORD, FusedQuery, fuse_query
from triptych.index.model import Words
from triptych.media.audio import decode_audio
from triptych.media.fetching import fetch, is_url
from triptych.media.image import fit_within
from triptych.media.previews import read_picture
from triptych.media.text import clean_text
from triptych.search.parts import (
    EncodedPart,
    Items,
    PartsByModality,
    all_words,
    is_reference,
    mean_vectors,
)
from triptych.search.request import Parts, RawPart, SearchRequest, decode_base64
from triptych.search.searcher import Searcher
from triptych.search.syntax import Parsed, parse


@dataclass(frozen=True)
class Query:
    """A query with its weights, as the index and the scores need it."""

    fused: FusedQuery
    words: Words
    """The words to look up: without optional ones where words have no weight."""


@dataclass(frozen=True)
class EncodedRequest:
    """Every part of a request as vectors and words."""

    positive: PartsByModality
    negative: PartsByModality
    words: Words
    """All words, also those that are only highlighted."""
    layout: Layout
    image: bytes | None = None
    """The image to verify hits with."""

    @cached_property
    def vectors(self) -> Mapping[Modality, Mapping[str, Vectors]]:
        """By modality and block the mean vectors of what hits are to be like."""
        return mean_vectors(self.positive)

    @property
    def keys(self) -> dict[str, list[str]]:
        """By the name of the part, the keys of what it consists of."""
        signs = (("", self.positive), (f"{AGAINST}.", self.negative))
        return {
            f"{sign}{modality}": [part.key for part in parts]
            for sign, by_modality in signs
            for modality, parts in by_modality.items()
        }

    def weighted(self, weights: Mapping[str, float]) -> Query:
        """The query with a weight for every signal.

        Raises:
            InvalidInput: the weights of everything in the query are zero.
        """
        try:
            fused = fuse_query(
                self.vectors,
                weights,
                self.layout,
                negative=mean_vectors(self.negative),
                words=self.words.labels,
            )
        except ValueError as error:
            raise InvalidInput(str(error), field="weights") from error
        words = self.words
        if weights[KEYWORD] <= 0:
            words = Words((), words.must, words.must_not)
        return Query(fused, words)


def encode(searcher: Searcher, items: Items, request: SearchRequest) -> EncodedRequest:
    """Encode every part of a request; ``items`` are those of the collection.

    Raises:
        InvalidInput: naming the part.
        TooLarge: the texts together, or one of the media.
        NotFound: no item of that id.
        Busy: all slots of the encoders are taken.
    """
    _check_texts(request, searcher.settings.limits.text_chars)
    encoder = _Encoder(searcher, items, request)
    positive = encoder.parts(request)
    negative = encoder.parts(request.against or Parts(), f"{AGAINST}.")
    words = all_words(positive["text"]) if "text" in positive else Words()
    image = encoder.image() if request.verify else None
    encoded = EncodedRequest(positive, negative, words, searcher.layout, image)
    if not encoded.vectors and not words.should:
        raise InvalidInput("the query has only negative parts: add others", field="text")
    return encoded


def _check_texts(request: SearchRequest, limit: int) -> None:
    """Raise TooLarge where the texts are longer together than one may be."""
    texts = (*request.text, *(request.against.text if request.against else ()))
    if (length := sum(map(len, texts))) > limit:
        raise TooLarge(
            f"the texts of the query have {length} characters, the limit is {limit}", field="text"
        )


class _Encoder:
    """Encodes the parts of one request."""

    def __init__(self, searcher: Searcher, items: Items, request: SearchRequest) -> None:
        self._searcher = searcher
        self._items = items
        self._request = request
        self._limits = searcher.settings.limits
        self._by_words = request.weights.text <= 0
        """Whether of texts the words alone count: nothing is compared with their vectors."""
        self._fetched: dict[str, bytes] = {}

    def parts(self, parts: Parts, prefix: str = "") -> PartsByModality:
        """Every part; ``prefix`` says where in the request they are."""
        return {
            modality: [
                self._part(
                    modality, value, f"{prefix}{modality}" + (f".{number}" if values[1:] else "")
                )
                for number, value in enumerate(values)
            ]
            for modality, values in parts.by_modality.items()
        }

    def _part(self, modality: Modality, value: RawPart, field: str) -> EncodedPart:
        if isinstance(value, str) and is_reference(value):
            part = self._items.part(value, modality, field)
        elif modality == "text" and self._by_words:
            part = self._words(str(value), field)
        elif not self._searcher.extractors[modality].encoders:
            raise InvalidInput(f"{modality} can't be searched: it has no encoder", field=field)
        elif modality == "text":
            part = self._text(str(value), field)
        else:
            part = self._media(modality, self._bytes(value, field), field)
        worded = field.startswith("text") or self._by_words
        if not (part.has_vectors or (worded and part.has_words)):
            raise InvalidInput(f"nothing to search for is found in the {modality}", field=field)
        return part

    def image(self) -> bytes:
        """The image to verify hits with. Raises InvalidInput."""
        if len(self._request.image) != 1:
            raise InvalidInput("only a search by one image can be verified", field="verify")
        (value,) = self._request.image
        if isinstance(value, str) and is_reference(value):
            return self._searcher.store.get(self._items.image(value, "image"))
        return self._bytes(value, "image")

    def _bytes(self, value: RawPart, field: str) -> bytes:
        limit = self._limits.file_bytes
        if isinstance(value, bytes):
            data = value
        elif is_url(value):
            if value not in self._fetched:
                hosts = self._searcher.settings.fetch_hosts
                self._fetched[value] = fetch(value, field, hosts=hosts, max_bytes=limit)
            data = self._fetched[value]
        else:
            data = _from_base64(value, field)
        if len(data) > limit:
            raise TooLarge(f"{field} has {len(data)} bytes, the limit is {limit}", field=field)
        return data

    def _text(self, value: str, field: str) -> EncodedPart:
        key = self._key("text", value)

        def compute() -> EncodedPart:
            with self._searcher.slot("text"):
                parsed = self._parsed(value)
                return EncodedPart(key, self._blocks("text", parsed.text), parsed.words)

        return self._cached(key, compute, field)

    def _words(self, value: str, field: str) -> EncodedPart:
        """The words of a text, for which no encoder is needed."""
        key = self._key("words", value)
        return self._cached(key, lambda: EncodedPart(key, {}, self._parsed(value).words), field)

    def _key(self, kind: str, value: str) -> str:
        language, syntax = self._request.language, self._request.syntax
        return _digest(kind, language or "", syntax, value.encode("utf-8", "surrogatepass"))

    def _parsed(self, value: str) -> Parsed:
        text = clean_text(value, max_chars=self._limits.text_chars)
        operators = self._request.syntax == "simple"
        return parse(text, self._request.language, operators=operators)

    def _media(self, modality: Modality, data: bytes, field: str) -> EncodedPart:
        key = _digest(modality, data)

        def compute() -> EncodedPart:
            with self._searcher.slot(modality):
                return EncodedPart(key, self._blocks(modality, self._decoded(modality, data)))

        return self._cached(key, compute, field)

    def _decoded(self, modality: Modality, data: bytes) -> Any:
        if modality == "audio":
            return decode_audio(data, max_seconds=self._limits.audio_seconds)
        # As it is decoded when it is indexed, so that a picture finds itself exactly.
        side = self._searcher.extractors[modality].side
        return fit_within(
            read_picture(data, self._searcher.settings, side, self._searcher.room).pixels, side
        )

    def _blocks(self, modality: Modality, decoded: Any) -> Mapping[str, Vectors]:
        if isinstance(decoded, str) and not decoded:
            return {}  # operators alone are nothing to embed
        blocks = self._searcher.extractors[modality]([decoded]).blocks
        found = {block: rows[0] for block, rows in blocks.items()}
        learnt = self._searcher.learnt
        return found if learnt is None else learnt.completed(found)

    def _cached(self, key: str, compute: Callable[[], EncodedPart], field: str) -> EncodedPart:
        """Encoded parts are cached by content, so they stay right whatever the index does."""
        try:
            return self._searcher.encoded.get(key, compute)
        except (MediaError, TooLarge) as error:
            # Other threads may have waited for the same part, and have it in another field.
            raise type(error)(error.reason, field=field) from error


def _digest(kind: str, *content: str | bytes) -> str:
    """Equal only for equal content that is read in the same way."""
    digest = hashlib.sha256()
    for one in content:
        data = one.encode() if isinstance(one, str) else one
        digest.update(b"%d:" % len(data) + data)
    return f"{kind} {digest.hexdigest()}"


def _from_base64(value: str, field: str) -> bytes:
    try:
        return decode_base64(value, field)
    except InvalidInput as error:
        raise InvalidInput(
            f"{error}; item:ID and the URL of an allowed host are accepted, too; in a form, upload "
            "a file",
            field=field,
        ) from error
