"""The index in local files: time of a search, write rate and bytes at several sizes."""

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from tests.bench.figures import emit, extremes, resampled, say
from tests.support import layout

from triptych.core.item import MODALITIES, Item
from triptych.encoders.cards import Vectors, unit_rows
from triptych.fusion.query import WEIGHTS, fuse_query
from triptych.index.embedded import EmbeddedIndex
from triptych.index.model import Clause, Condition, IndexQuery, Listing, Versioned, Words
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document

SIZES = (1_000, 10_000, 50_000)

_QUERIES = 40
_WARM = 10
_BULK = 32
"""Documents that a worker writes at once."""
_PRESENCE = {"text": 0.9, "image": 0.7, "audio": 0.3}
_VOCABULARY = 20_000
_WORDS = 40
"""In each text, and three in a query; the n-th word of the vocabulary has a share of 1/(10 + n)."""
_MIXES: Mapping[str, Sequence[str]] = {
    "text": ("semantic",),
    "image": ("visual", "concept"),
    "text+image": ("semantic", "visual", "concept"),
}


def run(sizes: Sequence[int] | None = None) -> None:
    """One collection after the other, each in a folder that goes at the end."""
    for size in sizes or SIZES:
        with tempfile.TemporaryDirectory(prefix="triptych-bench-") as folder:
            _measure(EmbeddedIndex(Path(folder), layout=layout()), Path(folder), size)


def _measure(index: EmbeddedIndex, folder: Path, size: int) -> None:
    say(f"{size} documents: writing")
    index.ensure("bench")
    documents = _documents(size)
    written = []
    while bulk := list(islice(documents, _BULK)):
        written.append([each / len(bulk) for each in _timed(lambda: index.bulk("bench", bulk))])
    _report(f"embedded.{size}.write a document", written[-max(1, len(written) // 5) :])
    used = sum(512 * path.stat().st_blocks for path in folder.rglob("*") if path.is_file())
    emit(extremes(f"embedded.{size}.disk", [used / size], "bytes/document"))
    times: dict[str, list[Sequence[float]]] = {}
    say(f"{size} documents: asking")
    for turn in range(_WARM + _QUERIES):
        for name, call in _calls(index, np.random.default_rng(turn)).items():
            took = _timed(call)
            if turn >= _WARM:
                times.setdefault(name, []).append(took)
    for name, values in times.items():
        _report(f"embedded.{size}.{name}", values)


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    """Milliseconds by the clock, and of the processor."""
    started, used = time.perf_counter(), time.process_time()
    call()
    return 1000 * (time.perf_counter() - started), 1000 * (time.process_time() - used)


def _report(name: str, rows: Sequence[Sequence[float]]) -> None:
    clock, processor = np.array(rows).T
    emit(resampled(name, np.median, (clock,), "ms"))
    emit(resampled(f"{name}.processor", np.median, (processor,), "ms"))


def _calls(index: EmbeddedIndex, draw: np.random.Generator) -> dict[str, Callable[[], object]]:
    """One of each kind of request."""
    asked = {name: _query(draw, blocks) for name, blocks in _MIXES.items()}
    some = (Condition("tags", any_of=("t3",)),)
    requests = {
        **asked,
        "words alone": IndexQuery(asked["text"].words),
        "text, a tenth": IndexQuery(asked["text"].words, asked["text"].classes, some),
    }
    calls = {
        name: lambda request=request: index.search("bench", request)
        for name, request in requests.items()
    }
    return {**calls, "listing": lambda: index.list("bench", Listing(some))}


def _query(draw: np.random.Generator, blocks: Sequence[str]) -> IndexQuery:
    vectors = {
        part: {
            name: _block(draw, name, 1)[0] for name in blocks if layout().modalities[name] == part
        }
        for part in MODALITIES
    }
    words = (
        [Clause(term, "word", (term,)) for term in _text(draw, 3)] if "semantic" in blocks else []
    )
    query = fuse_query(
        {part: found for part, found in vectors.items() if found},
        WEIGHTS,
        layout(),
        words=[clause.label for clause in words],
    )
    return IndexQuery(Words(words), query.presence_classes())


def _documents(count: int) -> Iterator[Versioned]:
    draw = np.random.default_rng(0)
    for number in range(count):
        parts = [part for part in MODALITIES if draw.random() < _PRESENCE[part]] or ["text"]
        fused = np.zeros(layout().dims, np.float32)
        for name, where in layout().slices.items():
            if layout().parts[name] in parts:
                fused[where] = _block(draw, name, 1)[0]
        text = " ".join(_text(draw, _WORDS))
        worded: dict[str, Any] = {"text": text, "words": {"text": text}} if "text" in parts else {}
        media: dict[str, Any] = {part: f"{number:064x}" for part in parts if part != "text"}
        item = Item(
            id=f"item-{number}",
            fields={
                "tags": [f"t{number % 10}"],
                "metadata": {"year": 1900 + number % 120, "place": f"p{number % 1000}"},
            },
            **worded,
            **media,
        )
        chunk = Chunk("bench", number, layout().fingerprint, (), (item,), batch="b")
        yield Versioned(document(chunk, item, fused), number)


def _block(draw: np.random.Generator, name: str, count: int) -> Vectors:
    where = layout().slices[name]
    return unit_rows(draw.standard_normal((count, where.stop - where.start), np.float32))


def _text(draw: np.random.Generator, count: int) -> list[str]:
    return [f"w{number}" for number in draw.choice(_VOCABULARY, count, p=_ZIPF)]


_ZIPF = 1 / np.arange(10, _VOCABULARY + 10)
_ZIPF /= _ZIPF.sum()
