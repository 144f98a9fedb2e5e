"""Geometric verification of hits: near-duplicates of the picture that was asked for come first."""

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
"""Hits, the best, whose pictures are compared: some 15 ms each, more for large pictures."""


def verified(
    searcher: Searcher, picture: bytes, hits: Sequence[Hit], documents: Sequence[Document]
) -> list[Hit]:
    """The first hits with ``inliers``, those with the most evidence first; the others follow.

    ``inliers`` is how many keypoints of the two pictures agree on where one lies in the other; 0
    for a hit without a picture. How alike both are where one is laid on the other counts too, so
    that a letter, which has few keypoints, is found. Scores and reasons stay as they are.
    ``documents`` are those of the hits: a hit may show less of its own than is compared here.
    """
    hits, others = hits[:VERIFIED], hits[VERIFIED:]
    query = _view(searcher, picture)
    views = {
        place: seen
        for place, document in enumerate(documents[:VERIFIED])
        if (seen := _stored(searcher, document)) is not None
    }
    candidates, places = list(views.values()), list(views)
    inliers, alike = np.zeros(len(hits), np.int64), np.zeros(len(hits), np.float32)
    inliers[places] = verify(query.features, [other.features for other in candidates])
    alike[places] = likeness(query, candidates)
    evidence = rerank(np.zeros_like(alike), inliers, alike)
    found = [replace(hit, inliers=count) for hit, count in zip(hits, inliers.tolist(), strict=True)]
    return [*(found[place] for place in np.argsort(-evidence, kind="stable")), *others]


def _stored(searcher: Searcher, document: Document) -> View | None:
    digest = document.get("media", {}).get("image")
    if digest is None or "image" not in document.get("modalities", ()):
        return None
    try:
        return _view(searcher, searcher.store.get(digest))
    except (NotFound, InvalidInput):  # taken away, or indexed under other limits
        return None


def _view(searcher: Searcher, data: bytes) -> View:
    picture = decode_image(
        data,
        side=SIDE,
        max_pixels=searcher.settings.limits.image_pixels,
        background=searcher.settings.background,
    )
    return view(picture)
