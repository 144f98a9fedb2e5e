"""Local descriptors: what OpenCV finds on a picture."""

import cv2
import numpy as np
import pytest

from triptych.encoders.image.descriptors import LIMIT, describe


@pytest.mark.parametrize("kind", ["sift", "rootsift", "orb"])
def test_keypoints_have_vectors(drawings, blank, kind):
    """As many rows of each, at most the limit; none on a blank picture."""
    features = describe(drawings[0], kind)
    assert 30 < len(features) <= LIMIT
    assert (
        len(features.points) == len(features.sizes) == len(features.angles) == len(features.vectors)
    )
    assert features.descriptors.dtype == np.uint8
    nothing = describe(blank, kind)
    assert len(nothing) == 0
    assert nothing.vectors.shape == (0, features.vectors.shape[1])


def test_rootsift_is_the_root_of_sift(drawings):
    """Unit vectors both; cosine of RootSIFT is the Hellinger kernel of SIFT."""
    sift, root = (describe(drawings[0], kind) for kind in ("sift", "rootsift"))
    assert np.allclose(np.linalg.norm(sift.vectors, axis=1), 1, atol=1e-5)
    shares = sift.descriptors / sift.descriptors.sum(axis=1, keepdims=True, dtype=np.float64)
    assert np.allclose(root.vectors, np.sqrt(shares), atol=1e-6)


def test_bits_are_compared_by_hamming_distance(drawings):
    """Squared Euclidean distance of ORB's vectors is OpenCV's Hamming distance."""
    features = describe(drawings[0], "orb")
    assert set(np.unique(features.vectors)) == {0, 1}
    squared = ((features.vectors[:20, np.newaxis] - features.vectors[20:40]) ** 2).sum(axis=2)
    for row, one in enumerate(features.descriptors[:20]):
        for column, other in enumerate(features.descriptors[20:40]):
            assert squared[row, column] == cv2.norm(one, other, cv2.NORM_HAMMING)


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (7, 19), (2000, 30)])
@pytest.mark.parametrize("kind", ["sift", "orb"])
def test_any_shape(shape, kind):
    """Specks and strips have some keypoints or none."""
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    assert len(describe(noise, kind)) <= LIMIT
