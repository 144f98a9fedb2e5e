"""The HSV histogram: pictures to their colours."""

import numpy as np
import pytest

from triptych.encoders.image.color import DIMS, GREYS, HSVHistogram, histogram


@pytest.fixture(scope="module")
def encoder():
    """The encoder."""
    return HSVHistogram()


def plain(*colour):
    """A picture of one colour."""
    return np.full((40, 60, 3), colour, np.uint8)


def test_every_pixel_counts_once():
    """Shared between bins, but one in all."""
    noise = np.random.default_rng(0).integers(0, 245, (30, 50, 3), np.uint8)
    counts = histogram(noise)
    assert counts.shape == (DIMS,)
    assert counts.min() >= 0
    assert counts.sum() == pytest.approx(1500, rel=1e-5)


def test_white_does_not_count(encoder):
    """A drawing on a large page is the drawing; a page alone is nothing."""
    drawing = plain(200, 30, 40)
    page = np.full((120, 120, 3), 255, np.uint8)
    alone = encoder.encode([page])
    page[10:50, 20:80] = drawing
    one, other = encoder.encode([drawing, page])
    assert one @ other == pytest.approx(1, abs=1e-5)
    assert not alone.any()


def test_place_turn_and_size_do_not_matter(encoder, drawings):
    """The same colours are the same picture."""
    turned = np.rot90(drawings[0]).copy()
    larger = drawings[0].repeat(2, axis=0).repeat(2, axis=1)
    one, *others = encoder.encode([drawings[0], turned, larger])
    assert min(one @ other for other in others) > 0.999


def test_near_colours_are_near(encoder):
    """Red is nearer to orange than to blue, on both sides of where hues begin."""
    red, orange, pink, blue = encoder.encode(
        [plain(220, 10, 10), plain(220, 60, 10), plain(220, 10, 60), plain(10, 10, 220)]
    )
    assert red @ orange > 0.5 > red @ blue
    assert red @ pink > 0.5


def test_grey_has_no_hue(encoder):
    """A hint of any colour on grey is grey."""
    reddish, bluish = encoder.encode([plain(121, 120, 120), plain(120, 120, 121)])
    assert reddish @ bluish > 0.9
    assert (reddish[-GREYS:] ** 2).sum() > 0.9


def test_a_batch_is_the_same_as_one_by_one(encoder, drawings, blank):
    """Unit vectors in order, any shape; white is zeros."""
    batch = [drawings[0], blank, plain(0, 0, 0)[:1, :1], drawings[1]]
    together = encoder.encode(batch)
    assert together.shape == (4, DIMS)
    assert together.dtype == np.float32
    assert np.linalg.norm(together, axis=1) == pytest.approx([1, 0, 1, 1], abs=1e-5)
    assert np.array_equal(together, np.concatenate([encoder.encode([one]) for one in batch]))
    assert encoder.encode([]).shape == (0, DIMS)


def test_golden_vector(encoder):
    """Pure red: all at one bin; orange, at a hue of 30°, at the next hue. Arithmetic only."""
    red, orange = encoder.encode([plain(255, 0, 0), plain(254, 127, 0)])
    assert np.flatnonzero(red > 1e-3).tolist() == [15]
    assert orange.argmax() == 31
    half = encoder.encode([plain(128, 128, 128)])[0]
    level = 128 / 255 * 7 - 3
    expected = [np.sqrt(1 - level), np.sqrt(level)]
    assert half[-GREYS + 3 : -GREYS + 5] == pytest.approx(expected, abs=1e-5)
