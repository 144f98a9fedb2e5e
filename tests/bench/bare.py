"""The yardstick of the pipeline: two processes, the same models, and nothing in between."""

import hashlib
import multiprocessing
import os
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from elasticsearch import Elasticsearch, helpers
from tests.bench.setting import Line, connect
from tests.support import layout

from triptych.core.item import MODALITIES, Item, Modality
from triptych.core.settings import Settings
from triptych.encoders.cards import Vectors
from triptych.encoders.extractors import Extractor, load_extractor
from triptych.fusion.blocks import fuse
from triptych.index.elastic.neighbours import divided
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document
from triptych.media.audio import decode_audio
from triptych.media.image import decode_image
from triptych.media.store import MediaStore
from triptych.media.text import clean_text
from triptych.text.analysis import terms
from triptych.text.languages import detect

_PROCESSES = 2
_TOGETHER = 32
_NO_LIMIT = 10**9


class BareLoop:
    """Two warm processes that decode, encode and write; use it as a context manager."""

    def __init__(self, url: str, root: Path) -> None:
        self._pool = ProcessPoolExecutor(
            _PROCESSES,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_load,
            initargs=(url, root),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown()

    def run(self, index: str, lines: Sequence[Line]) -> tuple[float, float]:
        """Write every line into an index; wall seconds, and CPU seconds of both processes."""
        started = time.perf_counter()
        groups = [lines[start : start + _TOGETHER] for start in range(0, len(lines), _TOGETHER)]
        cpu = sum(self._pool.map(_write, [index] * len(groups), groups))
        return time.perf_counter() - started, cpu


@dataclass(frozen=True)
class _Loaded:
    client: Elasticsearch
    root: Path
    extractors: Mapping[Modality, Extractor]


_loaded: list[_Loaded] = []


def _load(url: str, root: Path) -> None:
    terms("the first call loads the stemmer")
    settings = Settings()
    store = MediaStore(settings.media_url)
    extractors = {
        m: load_extractor(m, settings.encoders, threads=1, store=store) for m in MODALITIES
    }
    _loaded.append(_Loaded(connect(url), root, extractors))


def _write(index: str, lines: Sequence[Line]) -> float:
    """Decode, encode, fuse and index a few lines; the CPU seconds that took."""
    started = sum(os.times()[:2])
    found = _loaded[0]
    items, blocks = _encode(found, lines)
    chunk = Chunk("bare", 1, layout().fingerprint, (), tuple(items), batch="bare")
    actions = (
        {
            "_index": index,
            "_id": item.id,
            "_source": divided(document(chunk, item, vector), layout()),
        }
        for item, vector in zip(items, fuse(blocks, layout()), strict=True)
    )
    helpers.bulk(found.client, actions)
    return sum(os.times()[:2]) - started


def _encode(found: _Loaded, lines: Sequence[Line]) -> tuple[list[Item], list[dict[str, Vectors]]]:
    items: list[Item] = []
    media: dict[Modality, dict[int, Any]] = {modality: {} for modality in MODALITIES}
    for row, line in enumerate(lines):
        facts: dict[str, Any] = {"names": {}}
        fields = {name: line[name] for name in ("tags", "source") if name in line}
        if "text" in line:
            text = media["text"][row] = clean_text(line["text"], max_chars=_NO_LIMIT)
            language = detect(text)
            words = {"text": " ".join(terms(text, language))}
            facts |= {"text": text, "words": words}
            fields["language"] = language
        if "image" in line:
            data = (found.root / line["image"]).read_bytes()
            media["image"][row] = decode_image(
                data, side=found.extractors["image"].side, max_pixels=_NO_LIMIT
            )
            facts["image"] = hashlib.sha256(data).hexdigest()
            facts["names"]["image"] = Path(line["image"]).name
        if "audio" in line:
            data = (found.root / line["audio"]).read_bytes()
            media["audio"][row] = decode_audio(data, max_seconds=_NO_LIMIT)
            facts["audio"] = hashlib.sha256(data).hexdigest()
            facts["names"]["audio"] = Path(line["audio"]).name
        items.append(Item(id=line["id"], ordinal=row, fields=fields, **facts))
    blocks: list[dict[str, Vectors]] = [{} for _ in items]
    for modality, decoded in media.items():
        if decoded:
            extracted = found.extractors[modality](list(decoded.values())).blocks
            for position, row in enumerate(decoded):
                blocks[row] |= {name: rows[position] for name, rows in extracted.items()}
    return items, blocks
