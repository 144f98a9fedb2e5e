"""Geometric verification of hits: near-duplicates of the query's image come first."""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from triptych.core.errors import Busy, InvalidInput, NotFound
from triptych.encoders.image.alignment import View, likeness, view
from triptych.encoders.image.descriptors import SIDE
from triptych.encoders.image.geometry import rerank, verify
from triptych.index.documents import Document
from triptych.media.image import fit_within
from triptych.media.previews import Previews, read_picture
from triptych.search.answer import Hit
from triptych.search.searcher import Searcher

VERIFIED = 30
"""The number of hits, the best ones, whose previews are compared: some 30 ms each."""
_SECONDS = 5.0
"""After which no more missing previews are made for one request; the next one goes on."""


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

    Raises:
        Busy: too many hits have no preview, as those from before there were any.
    """
    hits, others = hits[:VERIFIED], hits[VERIFIED:]
    query = view(
        fit_within(read_picture(image, searcher.settings, SIDE, searcher.room).pixels, SIDE)
    )
    previews = Previews(searcher.store, searcher.settings, room=searcher.room)
    views = _views(previews, documents[:VERIFIED])
    candidates, positions = list(views.values()), list(views)
    inliers, alike = np.zeros(len(hits), np.int64), np.zeros(len(hits), np.float32)
    inliers[positions] = verify(query.features, [other.features for other in candidates])
    alike[positions] = likeness(query, candidates)
    evidence = rerank(np.zeros_like(alike), inliers, alike)
    checked = [
        replace(hit, inliers=count) for hit, count in zip(hits, inliers.tolist(), strict=True)
    ]
    return [*(checked[position] for position in np.argsort(-evidence, kind="stable")), *others]


def _views(previews: Previews, documents: Sequence[Document]) -> dict[int, View]:
    """What is seen of each document that has a picture, by its position."""
    started = time.monotonic()
    views = {}
    for position, document in enumerate(documents):
        if time.monotonic() - started > _SECONDS:
            raise Busy("previews of hits are being made: ask again, and it goes on")
        if (seen := _view(previews, document)) is not None:
            views[position] = seen
    return views


def _view(previews: Previews, document: Document) -> View | None:
    digest = document.get("media", {}).get("image")
    if digest is None or "image" not in document.get("modalities", ()):
        return None
    try:
        return view(previews.picture(digest, side=SIDE))
    except (NotFound, InvalidInput):  # deleted, or indexed under other limits
        return None
