"""Geometric verification of hits: near-duplicates of the picture that was asked for come first."""

from collections.abc import Mapping, Sequence
from typing import Any

from triptych.gateway.services import Services
from triptych.shared.encoders.descriptors import SIDE, LocalFeatures, describe
from triptych.shared.encoders.geometry import verify
from triptych.shared.errors import InvalidInput, NotFound
from triptych.shared.media.image import decode_image

VERIFIED = 30
"""Hits whose pictures are compared point by point: some 10 ms each."""

Hit = dict[str, Any]


def verified(services: Services, picture: bytes, hits: Sequence[Hit]) -> list[Hit]:
    """The hits with ``inliers``, those with the most first, others in their order.

    ``inliers`` is how many keypoints of the two pictures agree on where one lies in the other; 0
    for a hit without a picture. Scores and reasons stay as they are.
    """
    query = _features(services, picture)
    described = {
        place: features
        for place, hit in enumerate(hits)
        if (features := _stored(services, hit["item"])) is not None
    }
    counts = dict(zip(described, verify(query, list(described.values())).tolist(), strict=True))
    found = [{**hit, "inliers": counts.get(place, 0)} for place, hit in enumerate(hits)]
    return sorted(found, key=lambda hit: -hit["inliers"])


def _stored(services: Services, item: Mapping[str, Any]) -> LocalFeatures | None:
    digest = item.get("media", {}).get("image")
    if digest is None or "image" not in item.get("modalities", ()):
        return None
    try:
        return _features(services, services.store.get(digest))
    except (NotFound, InvalidInput):  # taken away, or indexed under other limits
        return None


def _features(services: Services, data: bytes) -> LocalFeatures:
    picture = decode_image(
        data,
        side=SIDE,
        max_pixels=services.settings.limits.image_pixels,
        background=services.settings.background,
    )
    return describe(picture, "rootsift")
