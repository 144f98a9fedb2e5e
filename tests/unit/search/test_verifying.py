"""Hits looked at again: those that show the same picture come first."""

import hashlib
import uuid
from contextlib import nullcontext
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from triptych.core.errors import Busy
from triptych.core.settings import Settings
from triptych.media.store import MediaStore
from triptych.search import verifying
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
    store = MediaStore(f"memory://{uuid.uuid4().hex}")
    for letter in LETTERS:
        if letter != "H":
            store.put(png(letter))
    return SimpleNamespace(store=store, settings=Settings(), room=nullcontext)


def hit(letter):
    """A hit with a picture."""
    digest = hashlib.sha256(png(letter)).hexdigest()
    return {"id": letter, "item": {"media": {"image": digest}, "modalities": ["image"]}}


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


def test_originals_are_decoded_once(services, monkeypatch):
    """Then previews are looked at; they need not be looked for in the originals."""
    hits = [hit(letter) for letter in LETTERS if letter != "H"]
    first = looked_at(services, png("F"), hits)
    monkeypatch.setattr(MediaStore, "get", None)
    again = looked_at(services, png("F"), hits)
    assert [(one.id, one.inliers) for one in again] == [(one.id, one.inliers) for one in first]


def test_a_request_makes_so_many_previews_and_no_more(services, monkeypatch):
    """It says so, and the next ones come to the end."""
    hits = [hit(letter) for letter in LETTERS]
    clock = iter(range(10_000))
    monkeypatch.setattr(verifying.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr(verifying, "_SECONDS", 3)
    with pytest.raises(Busy, match="ask again"):
        looked_at(services, png("F"), hits)
    kept = list(services.store.derived("preview-1-ffffff"))
    assert 0 < len(kept) < len(LETTERS) - 1
