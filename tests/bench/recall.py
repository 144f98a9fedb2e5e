"""Recall at 10 of the approximate search over fused vectors, against exact scores."""

import time

import numpy as np
from tests.bench import documents
from tests.bench.documents import Documents
from tests.bench.figures import Figure, emit, resampled, say
from tests.bench.queries import MIXES, Query, make_queries
from tests.bench.setting import Setting
from tests.support import layout

from triptych.core.item import Item
from triptych.fusion.scores import score
from triptych.index.model import Versioned
from triptych.ingest.chunk import Chunk
from triptych.ingest.documents import document

_QUERIES = 50
_TOP = 10
_TIE = 1e-5
_SYNTHETIC = 20_000
_TOGETHER = 250
_COLLECTION = "synthetic"


def run(setting: Setting) -> None:
    """Measure on the stamps, then on many documents made of them."""
    stamps = setting.stamps
    real = documents.read(setting, stamps)
    _measure(setting, stamps, real, f"recall.stamps_{len(real.ids)}")
    many = documents.synthetic(real, _SYNTHETIC)
    _write(setting, many)
    name = f"recall.synthetic_{len(many.ids)}"
    _measure(setting, _COLLECTION, many, name)
    _merge(setting, _COLLECTION)
    _measure(setting, _COLLECTION, many, f"{name}_merged")
    setting.drop(_COLLECTION)


def _merge(setting: Setting, collection: str) -> None:
    """Make one segment of all: each is searched apart, so many small ones are found easily."""
    patient = setting.elastic.options(request_timeout=300)
    patient.indices.forcemerge(index=setting.alias(collection), max_num_segments=1)


def _measure(setting: Setting, collection: str, exact: Documents, name: str) -> None:
    say(f"{name}: {len(exact.ids)} documents")
    place = {item: row for row, item in enumerate(exact.ids)}
    for mix, parts in MIXES.items():
        queries = make_queries(setting, parts, _QUERIES, weights={"keyword": 0})
        recalls = [_recall(setting, collection, exact, place, query) for query in queries]
        emit(resampled(f"{name}.{mix}", np.mean, (recalls,), "share of the top 10", "≥ 0.97"))


def _recall(
    setting: Setting, collection: str, exact: Documents, place: dict[str, int], query: Query
) -> float:
    """How many of the first ten of a search belong there; equal scores are equally right."""
    fused = query.encoded(setting, collection).fused
    results = setting.services.engine.index.search(collection, query.asked(setting, collection))
    scored = score(fused, [found.candidate for found in results.matches], "linear")[:_TOP]
    truth = exact.scores(fused)
    rows = [place[results.matches[entry.index].candidate.id] for entry in scored]
    np.testing.assert_allclose(truth[rows], [entry.score for entry in scored], atol=_TIE)
    tenth = np.partition(truth, -_TOP)[-_TOP]
    return float(np.sum(truth[rows] >= tenth - _TIE) / _TOP)


def _write(setting: Setting, many: Documents) -> None:
    """Index the documents as a fusion worker would."""
    say(f"writing {len(many.ids)} documents")
    setting.services.engine.index.ensure(_COLLECTION)
    chunk = Chunk(_COLLECTION, 1, layout().fingerprint, (), (), batch="synthetic")
    started = time.perf_counter()
    for start in range(0, len(many.ids), _TOGETHER):
        rows = range(start, min(start + _TOGETHER, len(many.ids)))
        entries = [
            Versioned(document(chunk, _item(many, row), many.features[row]), 1) for row in rows
        ]
        refused = [
            outcome
            for outcome in setting.services.engine.index.bulk(_COLLECTION, entries)
            if outcome.result != "written"
        ]
        if refused:
            raise RuntimeError(f"not written: {refused[0]}")
    setting.services.engine.index.refresh(_COLLECTION)
    rate = len(many.ids) / (time.perf_counter() - started)
    emit(Figure("recall.synthetic_write", rate, None, None, "documents/s"))


def _item(many: Documents, row: int) -> Item:
    text, image, audio = ("x" if many.has[p][row] else None for p in ("text", "image", "audio"))
    return Item(id=many.ids[row], ordinal=row, text=text, image=image, audio=audio)
