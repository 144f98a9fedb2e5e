"""Requests to an index that an older version made: one field for all blocks.

Such a collection works as before until it is rebuilt. docs/decisions/0007-index-design.md.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from triptych.encoders.cards import Vectors
from triptych.fusion.query import PresenceClass
from triptych.index.model import IndexQuery

Body = dict[str, Any]

SCORED = ("id", "modalities", "features", "transcript.text", "writing.text")
"""What scores depend on; of speech and writing, whether there are any."""

_COMPARED = 1300
"""A query looks at some blocks only, and quantisation blurs them all: the exact vectors of this
many items are compared, of longer lists ten times as many as ``candidates``."""
_LEAST_OVERSAMPLE = 10.0


def clauses(query: IndexQuery, limits: Sequence[Body], having: Sequence[Body]) -> list[Body]:
    """A kNN clause for each presence class, and one for the items that have all the words."""
    near = [
        _knn(entry.vector, [*limits, *_presence(entry)], query.candidates)
        for entry in query.classes
    ]
    if query.worded is not None:
        near.append(_knn(query.worded, having, query.candidates))
    return near


def _knn(vector: Vectors, conditions: Sequence[Body], candidates: int) -> Body:
    # Its length changes no order, and the scores of the server are float32.
    length = np.float32(np.linalg.norm(vector) or 1.0)
    return {
        "field": "vector",
        "query_vector": vector / length,
        "k": candidates,
        "num_candidates": candidates,
        "rescore_vector": {"oversample": max(_LEAST_OVERSAMPLE, _COMPARED / candidates)},
        "filter": conditions,
    }


def _presence(entry: PresenceClass) -> list[Body]:
    required = [{"term": {"modalities": part}} for part in entry.present]
    if not entry.absent:
        return required
    return [*required, {"bool": {"must_not": {"terms": {"modalities": list(entry.absent)}}}}]
