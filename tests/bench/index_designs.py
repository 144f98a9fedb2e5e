"""The ways to keep fused vectors that are compared: the mapping, the document and the request.

``fused``: all blocks in one field, one kNN clause per presence class with the scale of the class
in its query vector, which is what the product does.

``sum``: one field per block, one clause per term, whose scores a ``bool`` adds. There the scale of
a class is a ``function_score`` weight. (1 + cos) / 2 is the score of a cosine field, so the terms
that an item has add up to (mass + Σ w · cos) / 2. Times ``mass ** -α`` that is half the wanted
score and, too much, ``mass ** (1 - α) / 2``, which a constant per class evens out. What a clause
did not find counts as cos = -1: no query without scripts can say otherwise.

``union``: the same fields and clauses, and the page holds all that they found, however it ranks.

``fused`` and ``sum`` compare ``oversample`` times ``CANDIDATES`` exact vectors a clause, and return
``CANDIDATES`` per presence class; ``union`` returns ``oversample`` times ``CANDIDATES`` a clause,
compared exactly by the client only. Features come with every hit.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from tests.bench.documents import Documents
from tests.bench.index_corpus import PresenceClass, Query, presence
from tests.support import layout

from triptych.index.documents import pack_features

Ask = Literal["fused", "sum", "union"]

CANDIDATES = 20
_KEYWORD = {"type": "keyword"}


@dataclass(frozen=True)
class Design:
    """One way to index; ``kind`` is the type of index_options."""

    name: str
    kind: str
    ask: Ask = "fused"
    features: str = "source"
    """Where the exact features lie: in the source, a doc value, a stored field, or nowhere."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """More index_options."""

    @property
    def index(self) -> str:
        """Designs that differ in the request only share an index."""
        return f"{'split' if self.split else 'fused'}_{self.kind}_{self.features}"

    @property
    def split(self) -> bool:
        """Whether each block has a field of its own."""
        return self.ask != "fused"

    def mapping(self) -> dict[str, Any]:
        """The mapping of the index."""
        binary = {
            "type": "binary",
            "doc_values": self.features == "doc_value",
            "store": self.features == "stored",
        }
        kept = {} if self.features == "source" else {"_source": {"excludes": ["features"]}}
        fields = {"modalities": _KEYWORD, "features": binary, **self._vector_fields()}
        return {"dynamic": False, "properties": fields, **kept}

    def _vector_fields(self) -> dict[str, Any]:
        options = {"type": "dense_vector", "index_options": {"type": self.kind, **self.options}}
        if not self.split:
            return {"vector": {**options, "dims": layout().dims, "similarity": "max_inner_product"}}
        return {
            block.name: {**options, "dims": block.dims, "similarity": "cosine"}
            for block in layout().blocks
        }

    def document(self, group: Documents, row: int) -> dict[str, Any]:
        """One document as it is sent."""
        vector = group.features[row]
        body: dict[str, Any] = {"modalities": presence(group, row)}
        if self.features != "nowhere":
            body["features"] = pack_features(vector)
        if not self.split:
            return {**body, "vector": vector}
        present = {name: vector[where] for name, where in layout().slices.items()}
        return {**body, **{name: block for name, block in present.items() if block.any()}}

    def body(
        self, query: Query, oversample: float, candidates: int = CANDIDATES, **more: Any
    ) -> dict[str, Any]:
        """One search request; ``more`` goes into every kNN clause."""
        lists = len(query.classes)
        if self.ask == "union":
            candidates, lists = round(candidates * oversample), len(query.terms)
        return {
            "query": _ASKS[self.ask](query, oversample, candidates, more),
            "size": candidates * lists,
            "track_total_hits": False,
            **_FETCH[self.features],
        }


_FETCH: Mapping[str, Mapping[str, Any]] = {
    "source": {"_source": ["modalities", "features"]},
    "doc_value": {"_source": ["modalities"], "docvalue_fields": ["features"]},
    "stored": {"_source": ["modalities"], "stored_fields": ["features", "_source"]},
    "nowhere": {"_source": ["modalities"], "fields": ["vector"]},
}


def _fused(
    query: Query, oversample: float, candidates: int, more: Mapping[str, Any]
) -> dict[str, Any]:
    clauses = [
        {
            "field": "vector",
            "query_vector": query.vector * np.float32(entry.scale),
            "k": candidates,
            "num_candidates": candidates,
            "rescore_vector": {"oversample": oversample},
            "filter": _filter(entry),
            **more,
        }
        for entry in query.classes
    ]
    return {"bool": {"should": [{"knn": clause} for clause in clauses]}}


def _sum(
    query: Query, oversample: float, candidates: int, more: Mapping[str, Any]
) -> dict[str, Any]:
    found = _terms(query, round(candidates * oversample), {"oversample": 1.0}, more)
    if len(query.classes) == 1:
        return found
    groups = [(_in_class(entry), entry) for entry in query.classes]
    scaled = {
        "query": found,
        "functions": [{"filter": group, "weight": entry.scale} for group, entry in groups],
        "score_mode": "first",
        "boost_mode": "multiply",
    }
    evened = [
        {"constant_score": {"filter": group, "boost": (1 - entry.mass * entry.scale) / 2}}
        for group, entry in groups
        if entry.absent
    ]
    return {"bool": {"must": {"function_score": scaled}, "should": evened}}


def _union(
    query: Query, _oversample: float, candidates: int, more: Mapping[str, Any]
) -> dict[str, Any]:
    return _terms(query, candidates, {"oversample": 0}, more)


def _terms(
    query: Query, depth: int, rescore: Mapping[str, float], more: Mapping[str, Any]
) -> dict[str, Any]:
    clauses = [
        {
            "field": term.block,
            "query_vector": term.vector,
            "k": depth,
            "num_candidates": depth,
            "rescore_vector": rescore,
            "boost": term.weight,
            **more,
        }
        for term in query.terms
    ]
    return {"bool": {"should": [{"knn": clause} for clause in clauses]}}


_ASKS: Mapping[Ask, Callable[..., dict[str, Any]]] = {
    "fused": _fused,
    "sum": _sum,
    "union": _union,
}


def _filter(entry: PresenceClass) -> list[dict[str, Any]]:
    required: list[dict[str, Any]] = [{"term": {"modalities": part}} for part in entry.present]
    if not entry.absent:
        return required
    return [*required, {"bool": {"must_not": {"terms": {"modalities": list(entry.absent)}}}}]


def _in_class(entry: PresenceClass) -> dict[str, Any]:
    return {"bool": {"filter": _filter(entry)}}


DESIGNS: Mapping[str, Design] = {
    design.name: design
    for design in (
        Design("fused_int8", "int8_hnsw"),
        Design("fused_bbq", "bbq_hnsw"),
        Design("fused_bbq_disk", "bbq_disk"),
        Design("split_int8_sum", "int8_hnsw", "sum"),
        Design("split_int8_union", "int8_hnsw", "union"),
        Design("split_bbq_sum", "bbq_hnsw", "sum"),
        Design("split_bbq_union", "bbq_hnsw", "union"),
    )
}
