"""Local descriptors of a picture: SIFT, RootSIFT and ORB, as OpenCV computes them, and SURF.

Lowe, Distinctive image features from scale-invariant keypoints (IJCV 2004); Arandjelović &
Zisserman, Three things everyone should know to improve object retrieval (CVPR 2012); Rublee et
al., ORB (ICCV 2011).
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from triptych.encoders.cards import Vectors, unit_rows
from triptych.encoders.encoder import Pixels
from triptych.encoders.image import surf

Kind = Literal["sift", "rootsift", "orb", "surf"]
SIDE = 384
"""Pixels along the longer edge beyond which a picture is scaled down."""
LIMIT = 600
"""The largest number of keypoints of a picture: the strongest ones."""
_LEAST_SIDE = 256
_PADDING = 16
_CONTRAST = 0.01
_EDGE = 20.0
_FAST = 10
_HESSIAN = 1.0

PARAMETERS = (
    f"side={_LEAST_SIDE}..{SIDE} padding={_PADDING} keypoints={LIMIT} "
    f"contrast={_CONTRAST} edge={_EDGE} fast={_FAST}"
)
"""What changes SIFT's and ORB's descriptors, for a card."""

SURF_PARAMETERS = (
    f"side={_LEAST_SIDE}..{SIDE} padding={_PADDING} keypoints={LIMIT} "
    f"hessian={_HESSIAN} lobes={surf.OCTAVES} root"
)
"""What changes SURF's."""

SURF_SOURCE = "Bay et al., SURF (CVIU 2008)"


@dataclass(frozen=True)
class LocalFeatures:
    """The keypoints of a picture, in pixels of the scaled picture, and their descriptors."""

    kind: Kind
    points: Vectors
    """float32 (n, 2): x and y."""
    sizes: Vectors
    """float32 (n,): diameters."""
    angles: Vectors
    """float32 (n,): radians, clockwise as y points down."""
    descriptors: NDArray[Any]
    """As the detector gives them, (n, d): uint8 numbers (SIFT) or packed bits (ORB), float32."""

    def __len__(self) -> int:
        return len(self.points)

    @property
    def vectors(self) -> Vectors:
        """The descriptors as float32 (n, d) for Euclidean distance; squared, of bits, Hamming's.

        SIFT's are unit vectors; RootSIFT is the root of SIFT at a sum of one. SURF's numbers keep
        their signs under the root: more pictures are found than without it (docs/encoders.md).
        """
        if self.kind == "orb":
            return np.unpackbits(self.descriptors, axis=1).astype(np.float32)
        rows = self.descriptors.astype(np.float32)
        match self.kind:
            case "rootsift":
                rows = np.sqrt(rows)
            case "surf":
                rows = np.copysign(np.sqrt(np.abs(rows)), rows)
        return unit_rows(rows)


def describe(picture: Pixels, kind: Kind) -> LocalFeatures:
    """Find the keypoints of uint8 RGB (h, w, 3) and describe them; there may be none.

    A small picture is scaled up, and its rim repeated, as no detector looks near a rim.
    """
    if kind == "surf":
        return _describe_surf(_grey(picture))
    keypoints, descriptors = _detector(kind).detectAndCompute(_grey(picture), None)
    if not keypoints:
        return _nothing(kind)
    order = np.argsort([-point.response for point in keypoints], kind="stable")[:LIMIT]
    keypoints = [keypoints[i] for i in order]
    return LocalFeatures(
        kind,
        np.array([point.pt for point in keypoints], np.float32) - _PADDING,
        np.array([point.size for point in keypoints], np.float32),
        np.radians([point.angle for point in keypoints], dtype=np.float32),
        descriptors[order],
    )


def _describe_surf(grey: Pixels) -> LocalFeatures:
    keypoints = surf.detect(grey, limit=LIMIT, threshold=_HESSIAN)
    wavelets = surf.Wavelets(grey)
    angles = surf.orient(wavelets, keypoints)
    return LocalFeatures(
        "surf",
        keypoints.points - _PADDING,
        keypoints.sizes,
        angles,
        surf.describe(wavelets, keypoints, angles),
    )


def _nothing(kind: Kind) -> LocalFeatures:
    empty = np.empty(0, np.float32)
    width = 32 if kind == "orb" else 128
    return LocalFeatures(kind, empty.reshape(0, 2), empty, empty, np.empty((0, width), np.uint8))


def rescaled(picture: Pixels) -> Pixels:
    """The picture, uint8 (h, w) or (h, w, 3), at the size at which keypoints are detected."""
    import cv2

    height, width = picture.shape[:2]
    longer = max(height, width)
    scale = min(max(longer, _LEAST_SIDE), SIDE) / longer
    if scale == 1:
        return picture
    size = max(1, round(width * scale)), max(1, round(height * scale))
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    return np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)


def _grey(picture: Pixels) -> Pixels:
    import cv2

    grey = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
    return np.pad(rescaled(grey), _PADDING, mode="edge")


def _detector(kind: Kind) -> Any:
    import cv2

    match kind:
        case "sift" | "rootsift":
            return cv2.SIFT.create(
                LIMIT,
                nOctaveLayers=3,
                contrastThreshold=_CONTRAST,
                edgeThreshold=_EDGE,
                sigma=1.6,
                descriptorType=cv2.CV_8U,
            )
        case "orb":
            return cv2.ORB.create(LIMIT, fastThreshold=_FAST)
