"""Near-duplicates: the changes and who counts as the same."""

import numpy as np
import pytest

from triptych.evaluation import changes
from triptych.evaluation.duplicates import changed, twins

RED = (200, 30, 40)


@pytest.fixture
def picture():
    """Red with a blue corner, 60 × 100."""
    pixels = np.full((60, 100, 3), RED, np.uint8)
    pixels[:20, :30] = (20, 40, 220)
    return pixels


@pytest.fixture
def scene():
    """Green."""
    return np.full((90, 90, 3), (10, 200, 10), np.uint8)


@pytest.fixture
def random():
    """Numbers, the same every time."""
    return np.random.default_rng(0)


@pytest.mark.parametrize("share", [0.4, 0.7])
def test_a_crop_keeps_a_share_of_the_area(picture, random, share):
    """And the shape."""
    changed_picture = changes.cropped(picture, random, share)
    assert changed_picture.shape[0] * changed_picture.shape[1] / 6000 == pytest.approx(
        share, rel=0.03
    )
    assert changed_picture.shape[1] / changed_picture.shape[0] == pytest.approx(100 / 60, rel=0.03)


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_pasted_covers_a_share(picture, scene, random, share):
    """The picture is there whole, in its size; the rest is scene."""
    changed_picture = changes.pasted(picture, random, share, scene)
    green = (changed_picture[..., 1] > 150).mean()
    assert 1 - green == pytest.approx(share, rel=0.03)
    assert (changed_picture == RED).all(axis=2).sum() == (picture == RED).all(axis=2).sum()


def test_rotations_cut_nothing_off(picture):
    """As much red as before, more white; by 90° the pixels themselves."""
    red = (np.abs(changes.rotated(picture, 15).astype(int) - RED).max(axis=2) < 40).sum()
    assert red == pytest.approx((picture == RED).all(axis=2).sum(), rel=0.05)
    turned = changes.quarter_turn(picture)
    assert turned.shape == (100, 60, 3)
    assert (turned[-30:, :20] == (20, 40, 220)).all()


def test_other_changes(picture, random):
    """Mirrored, scaled, compressed and tilted pictures are what they say."""
    assert (changes.mirrored(picture)[:20, -30:] == (20, 40, 220)).all()
    assert changes.scaled(picture, 0.2).shape == (12, 20, 3)
    assert changes.scaled(picture[:1, :1], 0.2).shape == (1, 1, 3)
    again = changes.recompressed(picture, 20)
    assert again.shape == picture.shape
    assert 0 < np.abs(again.astype(int) - picture).mean() < 10
    tilted = changes.tilted(picture, random)
    assert tilted.shape == picture.shape
    assert 0.02 < (tilted == 255).all(axis=2).mean() < 0.6


def test_queries_depend_on_their_stamp_alone(picture, scene):
    """Eleven of each, the same whichever others are chosen."""
    stamps = [picture, picture[:, :50].copy()]
    both = changed(stamps, [0, 1], [scene, scene[::-1]])
    alone = changed(stamps, [1], [scene, scene[::-1]])
    assert [query.stamp for query in both] == [0] * 11 + [1] * 11
    assert [query.group for query in alone] == ["easy"] * 5 + ["hard"] * 6
    for one, other in zip(both[11:], alone, strict=True):
        assert one.change == other.change
        assert np.array_equal(one.picture, other.picture)


def test_twins_have_the_same_pixels(picture):
    """In the same shape."""
    reshaped = picture.reshape(100, 60, 3)
    numbers = twins([picture, picture[::-1], picture.copy(), reshaped])
    assert numbers.tolist() == [0, 1, 0, 3]
