"""Geometric verification and votes: where one picture lies in another."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from triptych.encoders.image.descriptors import describe
from triptych.encoders.image.geometry import mirror, rerank, verify
from triptych.evaluation.votes import DescriptorIndex


@pytest.fixture(scope="module")
def gallery(drawings):
    """RootSIFT features of ten drawings."""
    return [describe(picture, "rootsift") for picture in drawings[:10]]


FIELDS = ("points", "sizes", "angles", "descriptors")


def pasted(picture):
    """On noise of six times its area."""
    scene = np.random.default_rng(0).integers(0, 256, (400, 480, 3), np.uint8)
    scene = cv2.GaussianBlur(scene, (0, 0), 2)
    scene[100:260, 150:350] = picture
    return scene


CHANGES = {
    "same": lambda picture: picture,
    "turned": lambda picture: np.rot90(picture).copy(),
    "mirrored": lambda picture: picture[:, ::-1].copy(),
    "upside down": lambda picture: picture[::-1].copy(),
    "a part": lambda picture: picture[:110, 60:].copy(),
    "half as large": lambda picture: cv2.resize(picture, None, fx=0.5, fy=0.5, interpolation=3),
    "in a scene": pasted,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_picture_is_verified(drawings, gallery, change):
    """Against its original many keypoints agree, against others hardly any."""
    inliers = verify(describe(CHANGES[change](drawings[4]), "rootsift"), gallery)
    assert inliers.dtype == np.int64
    assert inliers.argmax() == 4
    assert inliers[4] > 15
    assert np.delete(inliers, 4).max() < inliers[4] / 2


def test_a_candidate_counts_for_itself(drawings, gallery):
    """Whatever the others are, and the same every time."""
    query = describe(drawings[2][:120, :120], "rootsift")
    together = verify(query, gallery)
    alone = [int(verify(query, [other])[0]) for other in gallery]
    assert together.tolist() == alone
    assert verify(query, []).shape == (0,)


def test_scattered_keypoints_are_no_evidence(drawings, gallery):
    """The same descriptors at other positions agree on nothing."""
    whole = gallery[4]
    order = np.random.default_rng(0).permutation(len(whole))
    scrambled = replace(whole, points=whole.points[order])
    assert verify(whole, [whole])[0] > 50
    assert verify(scrambled, [whole])[0] < 12


def test_a_collapse_is_no_evidence(gallery):
    """Keypoints that all fall on a line or a point do not show a picture."""
    whole = gallery[4]
    line = replace(whole, points=whole.points * np.array([1, 0.01], np.float32))
    point = replace(whole, points=whole.points * np.float32(0.001))
    assert verify(line, [whole])[0] < 12
    assert verify(point, [whole])[0] == 0


def test_nothing_to_verify(blank, gallery):
    """A picture without keypoints agrees with none."""
    nothing = describe(blank, "rootsift")
    assert verify(nothing, gallery).max() == 0
    assert verify(gallery[0], [nothing]).tolist() == [0]


def test_the_mirror_of_features_is_that_of_the_picture(drawings):
    """Nearly each mirrored descriptor is one of those of the mirrored picture."""
    features = mirror(describe(drawings[1], "sift"))
    expected = describe(drawings[1][:, ::-1].copy(), "sift")
    cosines = features.vectors @ expected.vectors.T
    assert (cosines.max(axis=1) > 0.98).mean() > 0.8
    assert np.array_equal(mirror(features).descriptors, describe(drawings[1], "sift").descriptors)


def test_inliers_outweigh_similarity_as_they_grow():
    """None leaves the similarity as it is; many outweigh any cosine."""
    nothing = np.zeros(3, np.float32)
    scores = rerank(np.array([0.9, 0.9, -0.9], np.float32), np.array([0, 5, 500]), nothing)
    assert scores.dtype == np.float32
    assert scores[0] == pytest.approx(0.9)
    assert scores[1] > scores[2] > scores[0]


def test_likeness_counts_where_it_is_no_chance():
    """Some is nothing, all of it is one more."""
    scores = rerank(np.zeros(3, np.float32), np.zeros(3, int), np.array([0.5, 0.8, 1], np.float32))
    assert scores.tolist() == pytest.approx([0, 0.5, 1], abs=1e-6)


def test_votes(drawings, gallery, blank):
    """Most are for the picture that the query is of; the same every time; none of a blank one."""
    query = describe(np.rot90(drawings[7])[40:, :120].copy(), "rootsift")
    votes = DescriptorIndex(gallery).votes(query)
    assert votes.shape == (10,)
    assert votes.argmax() == 7
    assert votes.min() >= 0
    assert np.array_equal(votes, DescriptorIndex(gallery).votes(query))
    assert DescriptorIndex(gallery).votes(describe(blank, "rootsift")).max() == 0


def test_a_picture_with_few_keypoints_has_votes(gallery):
    """A query that shows all of one is ahead of those that have more keypoints."""
    few = replace(gallery[3], **{name: getattr(gallery[3], name)[:8] for name in FIELDS})
    both = replace(
        gallery[5],
        **{
            name: np.concatenate([getattr(few, name), getattr(gallery[5], name)[:16]])
            for name in FIELDS
        },
    )
    assert DescriptorIndex([*gallery[4:], few]).votes(both).argmax() == 6
