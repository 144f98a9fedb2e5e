"""Local descriptors: what is found on a picture."""

import cv2
import numpy as np
import pytest

from triptych.encoders.image.descriptors import LIMIT, describe


@pytest.mark.parametrize("kind", ["sift", "rootsift", "orb", "surf"])
def test_keypoints_have_vectors(drawings, blank, kind):
    """As many rows of each, at most the limit; none on a blank picture."""
    features = describe(drawings[0], kind)
    assert 30 < len(features) <= LIMIT
    assert (
        len(features.points) == len(features.sizes) == len(features.angles) == len(features.vectors)
    )
    assert features.descriptors.dtype == (np.float32 if kind == "surf" else np.uint8)
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
@pytest.mark.parametrize("kind", ["sift", "orb", "surf"])
def test_any_shape(shape, kind):
    """Specks and strips have some keypoints or none."""
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8)
    features = describe(noise, kind)
    assert len(features) <= LIMIT
    assert np.isfinite(features.vectors).all()


def test_surf_keeps_signs_under_the_root(drawings):
    """Unit vectors, and squares in the proportion of the numbers."""
    features = describe(drawings[0], "surf")
    assert np.allclose(np.linalg.norm(features.vectors, axis=1), 1, atol=1e-5)
    squares = np.sign(features.vectors) * features.vectors**2
    shares = features.descriptors / np.abs(features.descriptors).sum(axis=1, keepdims=True)
    assert np.allclose(squares, shares, atol=1e-6)


@pytest.mark.parametrize("kind", ["sift", "orb", "surf"])
def test_places_are_those_of_the_scaled_picture(kind):
    """A square is found at its corners, though the rim is repeated and the picture scaled up."""
    picture = np.full((128, 128, 3), 255, np.uint8)
    picture[40:80, 40:80] = 20
    points = describe(picture, kind).points
    assert len(points)
    # Corners in the picture of 256 pixels; the largest filters look at the whole square.
    assert (np.abs(points - 119.5).max(axis=1) < 60).all()


@pytest.mark.parametrize("picture", [
    np.zeros((1, 1, 3), np.uint8),
    np.full((3000, 2000, 3), 255, np.uint8),
    np.tile(np.uint8([[[0], [255]], [[255], [0]]]), (200, 200, 3)),
    np.tile(np.arange(256, dtype=np.uint8)[:, np.newaxis, np.newaxis], (2, 300, 3)),
])  # fmt: skip
def test_pictures_without_places(picture):
    """Flat, of single pixels, or a ramp: few keypoints or none, and no division by nothing."""
    features = describe(picture, "surf")
    assert len(features) <= LIMIT
    assert features.descriptors.shape == (len(features), 64)
    assert np.isfinite(features.vectors).all()
