"""Documents that tests write, and the scores that their words must have."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any
from zlib import crc32

import numpy as np

from support import layout, make_item
from triptych.core.fields import FIELDS
from triptych.core.item import Item
from triptych.encoders.cards import unit_rows
from triptych.fusion.blocks import Layout, fuse
from triptych.index import SearchIndex
from triptych.index.documents import pack_features
from triptych.index.model import Clause, IndexQuery, Match, Versioned, Words
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document
from triptych.text.analysis import plain_words

RNG = np.random.default_rng(7)
WEIGHTED = ("word", "phrase")
PARTS = {"text": ("semantic",), "image": ("concept", "visual"), "audio": ("acoustic",)}


def random_block(name: str) -> np.ndarray:
    """A unit vector of the width of a block."""
    where = layout().slices[name]
    return unit_rows(RNG.standard_normal((1, where.stop - where.start)))[0]


def make(item_id: str, *, parts: str = "text", version: int = 1, **fields: Any) -> Versioned:
    """A document with random features for some parts."""
    blocks = {name: random_block(name) for part in parts.split() for name in PARTS[part]}
    media = {part: "0" * 64 for part in parts.split() if part != "text"}
    text = {"text": "words", "words": {"text": "word"}} if "text" in parts else {}
    item = _with_plain_words(make_item(item_id, **{**text, **media, **fields}))
    chunk = Chunk("any", version, layout().fingerprint, (), (item,), batch="b")
    return Versioned(document(chunk, item, fuse([blocks], layout())[0]), version)


def _with_plain_words(item: Item) -> Item:
    """The item with every word of its texts, as the steps add them."""
    bodies = {
        "text": item.text if item.has("text") else None,
        **{name: (item.fields.get(name) or {}).get("text") for name in ("transcript", "writing")},
    }
    plain = {name: " ".join(plain_words(body)) for name, body in bodies.items() if body}
    return replace(item, plain={**plain, **item.plain})


def features(entry: Versioned, block: str) -> np.ndarray:
    """The block of a document as it was made."""
    vector: np.ndarray = np.asarray(entry.document["vector"])[layout().slices[block]]
    return vector


def others(**change: int) -> Layout:
    """The layout of other encoders."""
    first, *rest = layout().blocks
    return Layout((replace(first, card=replace(first.card, **change)), *rest))


def by(blocks: Layout, entry: Versioned) -> Versioned:
    """A document as other encoders make it."""
    block = np.zeros(blocks.blocks[0].dims, np.float32)
    block[crc32(entry.document["id"].encode()) % len(block)] = 1
    (vector,) = fuse([{"semantic": block}], blocks)
    made = {"fingerprint": blocks.fingerprint, "vector": vector, "features": pack_features(vector)}
    return Versioned({**entry.document, **made}, entry.version)


def write(index: SearchIndex, collection: str, documents: Iterable[Versioned]) -> None:
    """Write documents, all of which are taken, and make them visible."""
    outcomes = index.bulk(collection, list(documents))
    assert {outcome.result for outcome in outcomes} <= {"written"}, outcomes
    index.refresh(collection)


def word(*stems: str, **more: Any) -> Clause:
    """A word by its stems."""
    label = " ".join([*stems[:1], *more.get("plain", ())])
    return Clause(label, "word", stems, **more)


def phrase(text: str, **more: Any) -> Clause:
    """Words one after the other."""
    return Clause(text, "phrase", tuple(text.split()), **more)


def prefix(beginning: str, **more: Any) -> Clause:
    """Words that begin like this."""
    return Clause(f"{beginning}*", "prefix", (beginning,), **more)


def fuzzy(near: str, edits: int, **more: Any) -> Clause:
    """Words that are nearly this one."""
    return Clause(f"{near}~", "fuzzy", (near,), edits=edits, **more)


def look_up(index: SearchIndex, collection: str, *clauses: Clause, **more: Any) -> list[Match]:
    """Candidates of a query by words alone, best first, equals by id."""
    request = IndexQuery(Words(clauses), **more)
    found = index.search(collection, request).matches
    return sorted(found, key=lambda f: (-(f.candidate.keyword or 0), f.candidate.id))


def scores(clause: Clause, documents: Sequence[Versioned]) -> dict[str, float]:
    """What every matching document must score for a clause, by id."""
    found: dict[str, float] = {}
    for field in clause.fields:
        for each in _in_field(clause, field, documents):
            for item_id, value in each.items():
                weighted = value * (FIELDS[field].weight if clause.kind in WEIGHTED else 1)
                found[item_id] = max(weighted, found.get(item_id, 0.0))
    return found


def total(clauses: Iterable[Clause], documents: Sequence[Versioned]) -> dict[str, float]:
    """The sum over clauses."""
    found: Counter[str] = Counter()
    for clause in clauses:
        found.update(scores(clause, documents))
    return dict(found)


def _in_field(
    clause: Clause, field: str, documents: Sequence[Versioned]
) -> list[Mapping[str, float]]:
    if clause.kind == "word":
        texts = _texts(documents, "words", field)
        stems = [bm25([stem], texts) for stem in clause.terms]
        plain = _texts(documents, "plain", field)
        return [*stems, bm25(clause.plain, plain)] if clause.plain else stems
    texts = _texts(documents, "plain", field)
    if clause.kind == "phrase":
        return [bm25(clause.terms, texts)]
    (term,) = clause.terms
    matches = (
        (lambda other: other.startswith(term))
        if clause.kind == "prefix"
        else (lambda other: other[0] == term[0] and distance(term, other) <= clause.edits)
    )
    return [{name: 1.0 for name, words in texts.items() if any(map(matches, words))}]


def _texts(documents: Sequence[Versioned], kind: str, field: str) -> dict[str, list[str]]:
    assert field in FIELDS.searchable
    texts = {e.document["id"]: e.document.get(kind, {}).get(field, "").split() for e in documents}
    return {name: words for name, words in texts.items() if words}


def bm25(phrase: Sequence[str], texts: Mapping[str, Sequence[str]]) -> dict[str, float]:
    """Lucene's BM25 of a phrase (or one word) in texts of less than forty words."""
    mean = sum(map(len, texts.values())) / max(1, len(texts))
    idf = sum(_idf(sum(term in words for words in texts.values()), len(texts)) for term in phrase)
    found = {}
    for name, words in texts.items():
        assert len(words) < 40
        starts = range(len(words) - len(phrase) + 1)
        count = sum(list(words[i : i + len(phrase)]) == list(phrase) for i in starts)
        if count:
            found[name] = idf * count / (count + 1.2 * (0.25 + 0.75 * len(words) / mean))
    return found


def _idf(having: int, of: int) -> float:
    return math.log(1 + (of - having + 0.5) / (having + 0.5))


def distance(one: str, other: str) -> int:
    """Letters that are wrong, left out, added or swapped with the next (no letter twice)."""
    rows = [list(range(len(other) + 1))]
    for i, left in enumerate(one, 1):
        rows.append([i])
        for j, right in enumerate(other, 1):
            best = min(rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (left != right))
            if i > 1 and j > 1 and (left, one[i - 2]) == (other[j - 2], right):
                best = min(best, rows[i - 2][j - 2] + 1)
            rows[i].append(best)
    return rows[-1][-1]
