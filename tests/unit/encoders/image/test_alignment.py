"""Alignment: pictures with few keypoints, found by their pixels."""

import cv2
import numpy as np
import pytest

from triptych.encoders.image.alignment import likeness, view

LETTERS = "EFLNTYZH"


def sign(letter, colour=(0, 0, 0)):
    """A letter on white, 90 × 80, which has a dozen keypoints."""
    canvas = np.full((90, 80, 3), 255, np.uint8)
    return cv2.putText(canvas, letter, (10, 75), cv2.FONT_HERSHEY_SIMPLEX, 2.8, colour, 9)


def turned(picture):
    """By 15°, on a larger white canvas."""
    matrix = cv2.getRotationMatrix2D((40, 45), 15, 1)
    matrix[:, 2] += 15
    return cv2.warpAffine(picture, matrix, (110, 120), borderValue=(255, 255, 255))


def pasted(picture):
    """On blurred noise of twice its area."""
    scene = np.random.default_rng(0).integers(0, 256, (130, 120, 3), np.uint8)
    scene = cv2.GaussianBlur(scene, (0, 0), 3)
    scene[20:110, 30:110] = picture
    return scene


CHANGES = {
    "same": lambda picture: picture,
    "upside down": lambda picture: picture[::-1].copy(),
    "a part": lambda picture: picture[:78, :70].copy(),
    "smaller": lambda picture: cv2.resize(picture, (32, 36), interpolation=cv2.INTER_AREA),
    "turned": turned,
    "in a scene": pasted,
}


@pytest.fixture(scope="module")
def gallery():
    """A view of each letter."""
    return [view(sign(letter)) for letter in LETTERS]


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_sign_is_most_like_itself(gallery, change):
    """By far more than by chance."""
    for index in (1, 3, 5):
        scores = likeness(view(CHANGES[change](sign(LETTERS[index]))), gallery)
        assert scores.dtype == np.float32
        assert 0 <= scores.min() <= scores.max() <= 1
        assert scores.argmax() == index
        assert scores[index] > 0.8


def test_colours_count():
    """A sign of another colour is less like it, whichever it is."""
    colours = [(200, 0, 0), (0, 120, 0), (0, 0, 200)]
    views = [view(sign("E", colour)) for colour in colours]
    table = np.stack([likeness(one, views) for one in views])
    assert np.diag(table).min() > 0.95
    assert (table - 2 * np.eye(3)).max() < 0.8


def test_a_candidate_counts_for_itself(gallery):
    """Whatever the others are, and the same every time."""
    query = view(turned(sign("N")))
    alone = [float(likeness(query, [other])[0]) for other in gallery]
    assert likeness(query, gallery).tolist() == alone
    assert likeness(query, []).shape == (0,)


def test_nothing_to_align(gallery, blank):
    """A picture without keypoints is like none."""
    nothing = view(blank)
    assert likeness(nothing, gallery).max() == 0
    assert likeness(gallery[0], [nothing]).tolist() == [0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 400), (7, 19), (2000, 30)])
def test_any_shape(gallery, shape):
    """Specks and strips are like something or not."""
    noise = view(np.random.default_rng(0).integers(0, 256, (*shape, 3), np.uint8))
    assert np.isfinite(likeness(noise, [*gallery, noise])).all()
    assert np.isfinite(likeness(gallery[0], [noise])).all()
