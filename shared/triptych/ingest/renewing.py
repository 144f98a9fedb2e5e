"""How the document of an item becomes one for other encoders: where its new vector comes from.

A block whose encoder stays is taken from the stored features. The blocks of a modality that has
others are taken from derived data, and what is not there has to be described first, by the steps
that describe new items. What a collection has learnt fills the rest from these blocks, so a change
of a model needs no medium and no encoder.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from triptych.core.item import MEDIA, MODALITIES, Item, Modality
from triptych.encoders.cards import Vectors
from triptych.fusion.blocks import Layout, fuse
from triptych.fusion.extended import Learnt
from triptych.index.documents import Document, unpack_features
from triptych.index.origin import Origin
from triptych.ingest.derived import Derived, text_digest
from triptych.ingest.documents import completed, joined
from triptych.ingest.found import news

_FOUND: Mapping[Modality, tuple[str, ...]] = {
    "image": ("writing",),
    "text": ("keywords",),
    "audio": ("transcript",),
}
"""The fields that the description of a modality fills, beside the language of a text."""
_WORDS: Mapping[Modality, str] = {"image": "writing", "text": "text", "audio": "transcript"}
"""The field whose words it finds."""
_OF_BLOCK = {"writing": "written", "transcript": "spoken"}
"""The block without which a field is not filled."""


@dataclass(frozen=True)
class Known:
    """What is known of an item that gets a document for another index."""

    document: Document
    """Of the source, with its features."""
    derived: Mapping[Modality, Derived]
    """What the steps made of the modalities that are ``missing``."""
    failures: Mapping[Modality, str]
    """Why they could make nothing of others; these keep what is stored."""


@dataclass(frozen=True)
class Renewal:
    """From documents of one index to those of another."""

    source: Origin
    target: Layout

    @cached_property
    def _same(self) -> frozenset[str]:
        """The blocks that the same encoders fill in both."""
        known = self.source.layout.blocks if self.source.layout is not None else ()
        cards = {block.name: block.card.fingerprint for block in known}
        return frozenset(
            block.name
            for block in self.target.base.blocks
            if cards.get(block.name) == block.card.fingerprint
        )

    def missing(self, document: Document) -> dict[Modality, list[str]]:
        """By modality of an item, the blocks of which its document has nothing."""
        stored = self._same if self._has_features(document) else frozenset()
        parts = {*document.get("modalities", ()), *_lost(document)}
        missing: dict[Modality, list[str]] = {}
        for name, modality in self.target.modalities.items():
            if modality in parts and name not in stored:
                missing.setdefault(modality, []).append(name)
        return missing

    def _has_features(self, document: Document) -> bool:
        """Whether its features, perhaps none, are those that the index says."""
        return document.get("fingerprint") == self.source.fingerprint

    def item(self, document: Document, ordinal: int = 0) -> Item:
        """The item with those parts that have to be described, as the steps take it."""
        missing, media = self.missing(document), document.get("media", {})
        item = Item(document["id"], ordinal)
        for part in MEDIA:
            if part in missing and part in media:
                item = item.with_media(part, media[part])
        if "text" in missing and (text := document.get("text")) is not None:
            language = sent_language(document, text)
            item = item.with_text(text).noting({"language": language} if language else {})
        return item

    def documents(self, known: Sequence[Known], learnt: Learnt) -> list[Document]:
        """The documents for the other index, in the same order; models run once for all of them.

        Args:
            known: what is known of each item.
            learnt: what fills what no encoder does.

        Raises:
            ModelUnavailable: that can't be run.
        """
        if not known:
            return []
        bodies, blocks = zip(*(self._described(one) for one in known), strict=True)
        fused = fuse(blocks, self.target.base)
        filled = zip(bodies, learnt.extend(fused), learnt.predictions(fused), strict=True)
        return [completed(*one) for one in filled]

    def _described(self, known: Known) -> tuple[dict[str, Any], dict[str, Vectors]]:
        """A document without what is made of its blocks, and the blocks that encoders fill."""
        document, derived = known.document, known.derived
        body = {name: value for name, value in document.items() if name not in _VECTORS}
        blocks = self._stored(document)
        for modality, one in derived.items():
            for name in _FOUND[modality]:
                body.pop(name, None)
            fresh = news(body, one.fields)
            body |= fresh
            if one.notes:
                body["notes"] = {**body.get("notes", {}), modality: joined(one.notes)}
            _forget_words(body, _WORDS[modality])
            for name, words in one.words.items():
                if name in one.fields and name not in fresh:
                    continue
                body["words"] = {**body.get("words", {}), name: words.stems}
                body["plain"] = {**body.get("plain", {}), name: words.plain}
            blocks.update(one.blocks)
        for name, block in _OF_BLOCK.items():
            if block not in self.target.slices and name in body:
                del body[name]
                _forget_words(body, name)
        _restore(body, derived)
        self._fail(body, blocks, known.failures, self.missing(document))
        body["fingerprint"] = self.target.fingerprint
        slices = self.target.base.slices
        return body, {name: vector for name, vector in blocks.items() if name in slices}

    def _stored(self, document: Document) -> dict[str, Vectors]:
        """The blocks that stay, float32."""
        layout, packed = self.source.layout, document.get("features")
        if layout is None or packed is None or not self._has_features(document):
            return {}
        features = np.asarray(document.get("vector", unpack_features(packed, layout)), np.float32)
        return {name: features[layout.slices[name]] for name in self._same}

    def _fail(
        self,
        body: dict[str, Any],
        blocks: Mapping[str, Vectors],
        failures: Mapping[Modality, str],
        missing: Mapping[Modality, list[str]],
    ) -> None:
        """Note which blocks are missing; a part of which nothing is left is not searchable."""
        if not failures:
            return
        errors, lost = dict(body.get("errors", {})), set[str]()
        for modality, reason in failures.items():
            names = ", ".join(missing.get(modality, ())) or modality
            errors[modality] = f"{names} {_NOT_ANEW}{reason}"
            left = (name for name, one in self.target.modalities.items() if one == modality)
            if modality != "text" and not any(n in blocks and blocks[n].any() for n in left):
                lost.add(modality)
        body["errors"] = errors
        body["modalities"] = [part for part in body.get("modalities", ()) if part not in lost]
        body["status"] = "partial" if body["modalities"] else "failed"


_VECTORS = frozenset({"vector", "features", "predictions"})
_NOT_ANEW = "can't be made anew: "
"""Stands in the error of a part of which a rebuild could not make all vectors."""


def _lost(document: Document) -> list[Modality]:
    """The media that an earlier rebuild could not describe; perhaps this one can."""
    errors = document.get("errors", {})
    return [part for part in document.get("media", {}) if _NOT_ANEW in errors.get(part, "")]


def _restore(body: dict[str, Any], derived: Iterable[Modality]) -> None:
    """Parts that an earlier rebuild could not describe are whole again once they are described."""
    errors = body.get("errors", {})
    again = {part for part in derived if _NOT_ANEW in errors.get(part, "")}
    if not again:
        return
    parts = {*body.get("modalities", ()), *again}
    body["modalities"] = [part for part in MODALITIES if part in parts]
    body["errors"] = {part: error for part, error in errors.items() if part not in again}
    body["status"] = "partial" if body["errors"] or body.get("notes") else "indexed"
    if not body["errors"]:
        del body["errors"]


def _forget_words(body: dict[str, Any], name: str) -> None:
    for kind in ("words", "plain"):
        if name in body.get(kind, {}):
            body[kind] = {other: words for other, words in body[kind].items() if other != name}


def sent_language(document: Document, text: str) -> str | None:
    """The language of a text if its sender said it; None if it was detected, and will be again."""
    digests, language = document.get("digests", ()), document.get("language")
    return None if text_digest(text, None) in digests else language


def parts_of(document: Document) -> list[Modality]:
    """The searchable parts of an item, in the order of the steps."""
    return [modality for modality in MODALITIES if modality in document.get("modalities", ())]
