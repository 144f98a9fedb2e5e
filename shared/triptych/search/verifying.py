"""Geometric verification of hits: near-duplicates of the query's image come first."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from triptych.core.errors import InvalidInput, NotFound
from triptych.encoders.image.alignment import View, likeness, view
from triptych.encoders.image.descriptors import SIDE
from triptych.encoders.image.geometry import rerank, verify
from triptych.index.documents import Document
from triptych.media.image import decode_image
from triptych.search.answer import Hit
from triptych.search.searcher import Searcher

VERIFIED = 30
"""The number of hits, the best ones, whose images are compared: some 15 ms each."""


def verified(
    searcher: Searcher, image: bytes, hits: Sequence[Hit], documents: Sequence[Document]
) -> list[Hit]:
    """The first hits with ``inliers``, those with the most evidence first; the others follow.

    ``inliers`` is the number of keypoints that agree on how one image fits the other; 0 for a hit
    without an image. How alike both are where one is laid on the other counts too, so that a
    letter, which has few keypoints, is recognised. Scores and reasons stay as they are.

    Args:
        searcher: the media store and the limits.
        image: the query's.
        hits: the best first.
        documents: those of the hits, since a hit may not show what is compared here.
    """
    hits, others = hits[:VERIFIED], hits[VERIFIED:]
    query = _view(searcher, image)
    views = {
        position: seen
        for position, document in enumerate(documents[:VERIFIED])
        if (seen := _stored(searcher, document)) is not None
    }
    candidates, positions = list(views.values()), list(views)
    inliers, alike = np.zeros(len(hits), np.int64), np.zeros(len(hits), np.float32)
    inliers[positions] = verify(query.features, [other.features for other in candidates])
    alike[positions] = likeness(query, candidates)
    evidence = rerank(np.zeros_like(alike), inliers, alike)
    checked = [
        replace(hit, inliers=count) for hit, count in zip(hits, inliers.tolist(), strict=True)
    ]
    return [*(checked[position] for position in np.argsort(-evidence, kind="stable")), *others]


def _stored(searcher: Searcher, document: Document) -> View | None:
    digest = document.get("media", {}).get("image")
    if digest is None or "image" not in document.get("modalities", ()):
        return None
    try:
        return _view(searcher, searcher.store.get(digest))
    except (NotFound, InvalidInput):  # deleted, or indexed under other limits
        return None


def _view(searcher: Searcher, data: bytes) -> View:
    decoded = decode_image(
        data,
        side=SIDE,
        max_pixels=searcher.settings.limits.image_pixels,
        background=searcher.settings.background,
    )
    return view(decoded)
