"""From what a request gives to vectors and words: encoded once, or read from an item."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from triptych.core.errors import InvalidInput, MediaError, TooLarge
from triptych.core.item import Modality
from triptych.encoders.cards import Vectors
from triptych.fusion.query import AGAINST, KEYWORD, fuse_query
from triptych.index.model import Words
from triptych.media.audio import decode_audio
from triptych.media.image import decode_image
from triptych.media.text import clean_text
from triptych.search.encoded import EncodedPart, EncodedQuery, all_words, vectors
from triptych.search.fetching import fetch, is_url
from triptych.search.references import References, refers
from triptych.search.request import (
    Given,
    Parts,
    SearchRequest,
    all_weights,
    decode_base64,
)
from triptych.search.searcher import Searcher
from triptych.search.syntax import parse

PartsEncoded = Mapping[Modality, Sequence[EncodedPart]]


def encode(searcher: Searcher, collection: str, request: SearchRequest) -> EncodedQuery:
    """Encode every part of a query. Raises InvalidInput naming the part."""
    encoder = _Encoder(searcher, collection, request)
    liked = encoder.parts(request)
    unlike = encoder.parts(request.against or Parts(), f"{AGAINST}.")
    asked = all_words(liked["text"]) if "text" in liked else Words()
    like = vectors(liked)
    if not like and not asked.should:
        raise InvalidInput("only what is not wanted is given: say what is", field="text")
    weights = all_weights(request.weights)
    try:
        fused = fuse_query(
            like, weights, searcher.layout, against=vectors(unlike), words=asked.labels
        )
    except ValueError as error:
        raise InvalidInput(str(error), field="weights") from error
    return EncodedQuery(
        fused=fused,
        words=asked if weights[KEYWORD] > 0 else Words((), asked.must, asked.must_not),
        asked=asked,
        keys={
            **{name: [part.key for part in parts] for name, parts in liked.items()},
            **{f"{AGAINST}.{name}": [part.key for part in parts] for name, parts in unlike.items()},
        },
        picture=encoder.picture() if request.verify else None,
    )


class _Encoder:
    """Encodes the parts of one request."""

    def __init__(self, searcher: Searcher, collection: str, request: SearchRequest) -> None:
        self._searcher = searcher
        self._references = References(searcher.index, searcher.layout, collection)
        self._request = request
        self._limits = searcher.settings.limits
        self._fetched: dict[str, bytes] = {}

    def parts(self, given: Parts, place: str = "") -> PartsEncoded:
        """Every part; ``place`` is where in the request they are."""
        return {
            name: [
                self._part(name, value, f"{place}{name}" + (f".{number}" if values[1:] else ""))
                for number, value in enumerate(values)
            ]
            for name, values in given.given.items()
        }

    def _part(self, name: Modality, value: Given, field: str) -> EncodedPart:
        if isinstance(value, str) and refers(value):
            found = self._references.part(value, name, field)
        elif not self._searcher.extractors[name].encoders:
            raise InvalidInput(f"nothing here describes {name}: it has no encoder", field=field)
        elif name == "text":
            found = self._text(str(value), field)
        else:
            found = self._media(name, self._bytes(value, field), field)
        if not (found.has_vectors or (field.startswith("text") and found.has_words)):
            raise InvalidInput(f"nothing to search for is found in the {name}", field=field)
        return found

    def picture(self) -> bytes:
        """The image that hits are verified with. Raises InvalidInput."""
        if len(self._request.image) != 1:
            raise InvalidInput("only a search by one image can be verified", field="verify")
        (value,) = self._request.image
        if not isinstance(value, str) or not refers(value):
            return self._bytes(value, "image")
        return self._searcher.store.get(self._references.picture(value, "image"))

    def _bytes(self, value: Given, field: str) -> bytes:
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

    def _text(self, given: str, field: str) -> EncodedPart:
        language, syntax = self._request.language, self._request.syntax
        key = _digest("text", language or "", syntax, given.encode("utf-8", "surrogatepass"))

        def compute() -> EncodedPart:
            text = clean_text(given, max_chars=self._limits.text_chars)
            with self._searcher.slot("text"):
                parsed = parse(text, language, operators=syntax == "simple")
                return EncodedPart(key, self._blocks("text", parsed.text), parsed.words)

        return self._remembered(key, compute, field)

    def _media(self, name: Modality, data: bytes, field: str) -> EncodedPart:
        key = _digest(name, data)

        def compute() -> EncodedPart:
            with self._searcher.slot(name):
                return EncodedPart(key, self._blocks(name, self._decoded(name, data)))

        return self._remembered(key, compute, field)

    def _decoded(self, name: Modality, data: bytes) -> Any:
        if name == "audio":
            return decode_audio(data, max_seconds=self._limits.audio_seconds)
        return decode_image(
            data,
            side=self._searcher.extractors[name].side,
            max_pixels=self._limits.image_pixels,
            background=self._searcher.settings.background,
        )

    def _blocks(self, name: Modality, decoded: Any) -> Mapping[str, Vectors]:
        if isinstance(decoded, str) and not decoded:
            return {}  # operators alone are nothing to embed
        blocks = self._searcher.extractors[name]([decoded]).blocks
        return {block: rows[0] for block, rows in blocks.items()}

    def _remembered(self, key: str, compute: Callable[[], EncodedPart], field: str) -> EncodedPart:
        """What was encoded is kept by its content, so it stays right whatever the index does."""
        try:
            return self._searcher.encoded.get(key, compute)
        except (MediaError, TooLarge) as error:
            # Others may have waited for the same, and have it in another field.
            raise type(error)(error.reason, field=field) from error


def _digest(kind: str, *content: str | bytes) -> str:
    """Names what is encoded: equal only for the same content and way of reading it."""
    found = hashlib.sha256()
    for one in content:
        data = one.encode() if isinstance(one, str) else one
        found.update(b"%d:" % len(data) + data)
    return f"{kind} {found.hexdigest()}"


def _from_base64(value: str, field: str) -> bytes:
    try:
        return decode_base64(value, field)
    except InvalidInput as error:
        raise InvalidInput(
            f"{error}; item:ID, and the URL of an allowed host, are accepted too; in a form an "
            "upload is a file",
            field=field,
        ) from error
