"""Hits looked at again: those that show the same picture come first."""

from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from triptych.core.errors import NotFound
from triptych.search.answer import Hit
from triptych.search.verifying import VERIFIED, verified

LETTERS = "TFLEHNYZ"


def png(letter, change=lambda picture: picture):
    """A letter on white, changed."""
    canvas = np.full((90, 80, 3), 255, np.uint8)
    cv2.putText(canvas, letter, (10, 75), cv2.FONT_HERSHEY_SIMPLEX, 2.8, (0, 0, 0), 9)
    return cv2.imencode(".png", change(canvas))[1].tobytes()


@pytest.fixture
def services():
    """A store of letters, from which one was taken away."""
    stored = {letter: png(letter) for letter in LETTERS if letter != "H"}

    def get(digest):
        if digest not in stored:
            raise NotFound(digest)
        return stored[digest]

    limits = SimpleNamespace(image_pixels=2**20)
    settings = SimpleNamespace(limits=limits, background=(255, 255, 255))
    return SimpleNamespace(store=SimpleNamespace(get=get), settings=settings)


def hit(letter):
    """A hit with a picture."""
    return {"id": letter, "item": {"media": {"image": letter}, "modalities": ["image"]}}


def looked_at(services, query, hits):
    """Hits that show nothing of their documents."""
    shown = [Hit(one["id"], 0.5, {}) for one in hits]
    return verified(services, query, shown, [one["item"] for one in hits])


def test_a_letter_comes_first(services):
    """It has too few keypoints for many inliers, but it looks the same."""
    query = png("Y", lambda picture: cv2.resize(picture[:80, :75], (34, 36), interpolation=3))
    found = looked_at(services, query, [hit(letter) for letter in LETTERS])
    assert found[0].id == "Y"
    assert sorted(one.id for one in found) == sorted(LETTERS)
    assert all(isinstance(one.inliers, int) for one in found)


def test_others_stay_in_their_order(services):
    """Hits without a picture, or whose picture is away; they have no inliers."""
    words = [{"id": str(number), "item": {"modalities": ["text"]}} for number in range(3)]
    found = looked_at(services, png("F"), [*words, hit("H"), hit("F")])
    assert [one.id for one in found] == ["F", "0", "1", "2", "H"]
    assert [one.inliers for one in found[1:]] == [0] * 4
    assert found[0].inliers > 4
    assert [one.inliers for one in looked_at(services, png("F"), words)] == [0] * 3
    assert looked_at(services, png("F"), []) == []


def test_only_the_best_are_looked_at(services):
    """The others follow as they came, without inliers: pictures may be dear to decode."""
    words = [{"id": str(number), "item": {"modalities": ["text"]}} for number in range(VERIFIED)]
    found = looked_at(services, png("F"), [*words, hit("F"), hit("T")])
    assert [one.id for one in found] == [*(one["id"] for one in words), "F", "T"]
    assert [one.inliers is not None for one in found] == [True] * VERIFIED + [False] * 2
